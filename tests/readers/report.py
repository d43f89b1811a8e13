"""The table: version × dataset."""

from compare import Verdict
from expected import NOT_TESTED, REFUSALS

MARKS = {"skips other days": "¹", "skips by statistics": "²"}


def markdown(verdicts: list[Verdict], readers: list[str], datasets: list[str]) -> str:
    """The page docs/readers.md."""
    at = {(verdict.reader, verdict.dataset): verdict for verdict in verdicts}
    lines = [
        "# What reads the lake",
        "",
        "Made by `scripts/readers --all`: every reader in an environment of its own opens every dataset by the lines that",
        "`lakehand read` prints. Compared with the server's own answers: the value of every column row by row, counts, exact",
        "sums, distinct values, ranges of days by partition and by ROWTIME, and whether what is outside of a range is left",
        "unread. *right*: all of it. *refused*: an error, never a wrong value. Nothing is *wrong* under the defaults.",
        "",
        "| dataset | " + " | ".join(readers) + " |",
        "|---" * (len(readers) + 1) + "|",
    ]
    for dataset in datasets:
        cells = [_cell(at.get((reader, dataset))) for reader in readers]
        lines.append(f"| {dataset} | " + " | ".join(cells) + " |")
    lines += ["", "¹ reads the files of all days, whatever days are asked for. ² does not skip files by the statistics of ROWTIME.", ""]
    lines += ["## Refused, with which words", ""]
    lines += [f"* {r.reader}, {r.dataset or 'all datasets'}: `{r.words}`. {r.reason}" for r in REFUSALS] or ["Nothing."]
    lines += ["", "## Not tested", ""]
    lines += [f"* {name}: {why}." for name, why in NOT_TESTED.items()]
    return "\n".join(lines) + "\n"


def _cell(verdict: Verdict | None) -> str:
    if verdict is None:
        return "–"
    return verdict.status + "".join(MARKS[note] for note in verdict.notes)
