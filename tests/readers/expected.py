"""What is known not to be read, and why. Everything else must be right."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Refusal:
    """A reader that cannot read a dataset and says so. Wrong answers are never expected."""

    reader: str
    """How the reader's name begins."""
    dataset: str
    """How the dataset's name begins; empty: all of them."""
    words: str
    """Part of what it says."""
    reason: str


REFUSALS: list[Refusal] = []

NOT_TESTED = {
    "fastparquet 2026.9": "cannot read DELTA encodings and reads DECIMAL as a float: a copy of the lake for it is none of lakehand's kinds",
    "parquetjs, @dsnp/parquetjs": "know neither DECIMAL nor ZSTD",
}


def refusal(reader: str, dataset: str) -> Refusal | None:
    return next((r for r in REFUSALS if reader.startswith(r.reader) and dataset.startswith(r.dataset)), None)
