"""What is known of a reader and cannot be mended here, and why. Everything else must be right."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Known:
    """What a reader makes of a dataset instead of reading it right."""

    reader: str
    """How the reader's name begins."""
    dataset: str
    """How the dataset's name begins."""
    status: str
    """`refused`, or `wrong` where a language has no such value."""
    words: str
    """Part of what it says, or of what differs."""
    reason: str


KNOWN = [
    Known(
        "Polars 1.30.0",
        "schema 1.2",
        "refused",
        "unexpected keyword argument 'missing_columns'",
        "The parameter came with a later version. Until then every read of a dataset that has grown is an error.",
    ),
    Known(
        "chDB",
        "every type",
        "refused",
        "can't decode byte",
        "ClickHouse has one type for texts and bytes, and calls BYTES a text when it hands out an Arrow table.",
    ),
    Known(
        "PyIceberg",
        "every type",
        "wrong",
        "ORDERS: ",
        "It makes an empty list of an ARRAY of STRUCTs that is null.",
    ),
    Known(
        "hyparquet",
        "every type",
        "wrong",
        "DECIMAL_38: ",
        "JavaScript has no DECIMAL: it becomes a double, and digits beyond 15 are rounded.",
    ),
]

NOT_TESTED = {
    "fastparquet 2026.9": "it reads DECIMAL as floats, and one table of the demo with silently wrong times",
    "parquetjs, @dsnp/parquetjs": "they know neither DECIMAL nor DELTA encodings nor ZSTD",
}


def known(reader: str, dataset: str) -> Known | None:
    return next((k for k in KNOWN if reader.startswith(k.reader) and dataset.startswith(k.dataset)), None)
