"""The page docs/readers.md: which version reads which dataset."""

from compare import Verdict
from expected import KNOWN, NOT_TESTED

MARKS = {"skips other days": "¹", "skips by statistics": "²"}
HEAD = """# What reads the lake

Made by `scripts/readers --all`. Every version of a reader has an environment of its own and opens every dataset by the lines
that `lakehand read` prints. What it sees is compared with the server's own answers: the value of every column row by row,
counts, exact sums, distinct values, ranges of days by partition and by ROWTIME. *right* is all of it. *refused* is an error,
and no value. A reader marked ¹ reads the files of all days, whatever days are asked for; one marked ² does not skip files by
the statistics of ROWTIME.
"""


def markdown(verdicts: list[Verdict], writes: str) -> str:
    """The page; `writes` is what was seen while the lake was written."""
    readers = list(dict.fromkeys(verdict.reader for verdict in verdicts))
    datasets = list(dict.fromkeys(verdict.dataset for verdict in verdicts))
    at = {(verdict.reader, verdict.dataset): verdict for verdict in verdicts}
    lines = [HEAD, "| reader | " + " | ".join(datasets) + " |", "|---" * (len(datasets) + 1) + "|"]
    for reader in readers:
        cells = [_cell(at.get((reader, dataset))) for dataset in datasets]
        lines.append(f"| {reader} | " + " | ".join(cells) + " |")
    lines += ["", "## Not right, and why", ""]
    lines += [f"* {k.reader}, {k.dataset}, {k.status}: `{k.words.strip(' :')}`. {k.reason}" for k in KNOWN]
    lines += ["", "## Not tested", ""]
    lines += [f"* {name}: {why}." for name, why in NOT_TESTED.items()]
    lines += ["", "## While the lake is written", "", writes]
    return "\n".join(lines)


def _cell(verdict: Verdict | None) -> str:
    if verdict is None:
        return "–"
    return verdict.status + "".join(MARKS[note] for note in verdict.notes)
