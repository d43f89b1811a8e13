"""Whether what a reader saw is what the server holds."""

from dataclasses import dataclass, field
from typing import Any

from expected_rows import ExpectedRows


@dataclass
class Verdict:
    """What a reader made of a dataset."""

    reader: str
    dataset: str
    status: str
    """`right`, `refused` (an error instead of an answer) or `wrong`."""
    words: str = ""
    notes: list[str] = field(default_factory=list)


NOTES = ("skips other days", "skips by statistics")
"""Parts in which an error says that the reader reads more than it must, and no more than that."""


def compare(reader: str, seen: dict[str, Any], sent: ExpectedRows, question: dict[str, Any]) -> Verdict:
    """The verdict on one answer; wrong weighs more than refused."""
    verdict = Verdict(reader, seen["dataset"], "right")
    errors = {part: words for part, words in seen["errors"].items() if part not in NOTES}
    if errors:
        part, words = next(iter(errors.items()))
        verdict.status, verdict.words = "refused", words if part == "rows" else f"{part}: {words}"
    wrong = [problem for problem in _problems(seen, sent, question) if problem]
    if wrong:
        verdict.status, verdict.words = "wrong", "; ".join(wrong)
    verdict.notes = [part for part in NOTES if part in seen["errors"]]
    return verdict


def _problems(seen: dict[str, Any], sent: ExpectedRows, question: dict[str, Any]) -> list[str]:
    found = []
    if "rows" in seen:
        found.extend(_rows(seen["rows"], sent))
    if "totals" in seen:
        totals = seen["totals"]
        found.append(_differs("count", totals["count"], len(sent.rows)))
        for part, wanted in (("sums", sent.sums()), ("distinct", sent.distinct())):
            found.extend(_differs(f"{part} of {c}", value, wanted[c]) for c, value in totals[part].items())
    if days := question.get("days"):
        for part in ("filtered by day", "read --from --to", "skips other days"):
            found.append(_differs(part, seen.get(part), sent.in_days(*days["range"])))
        for part in ("filtered by time", "skips by statistics"):
            found.append(_differs(part, seen.get(part), sent.in_time(*days["time"])))
    return [problem for problem in found if problem]


def _differs(what: str, value: Any, wanted: Any) -> str | None:
    return None if value is None or value == wanted else f"{what}: {value} instead of {wanted}"


def _rows(columns: dict[str, list[str]], sent: ExpectedRows) -> list[str]:
    """Row by row and column by column, by the key."""
    names = list(columns)
    rows = [dict(zip(names, values)) for values in zip(*columns.values())]
    by_key = {tuple(row[key] for key in sent.keys): row for row in rows}
    if len(rows) != len(sent.rows) or by_key.keys() != sent.rows.keys():
        doubled, missing = len(rows) - len(by_key), len(sent.rows.keys() - by_key.keys())
        return [f"{len(rows)} rows instead of {len(sent.rows)}, {doubled} doubled, {missing} missing"]
    problems = []
    for column in names:
        wrong = [key for key, row in sent.rows.items() if by_key[key][column] != row[column]]
        if wrong:
            value, wanted = by_key[wrong[0]][column], sent.rows[wrong[0]][column]
            problems.append(f"{column}: {len(wrong)} of {len(rows)} values, {value:.60} instead of {wanted:.60}")
    return problems
