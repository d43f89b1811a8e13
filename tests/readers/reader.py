"""One reader in a process of its own: takes questions as JSON on standard input, prints what it saw, a line for a dataset.

    python reader.py ENGINE < questions.json
"""

import json
import os
import sys
from functools import cache
from typing import Any

from engines import ENGINES, instant
from values import text_of

WORDS = 400
"""Characters of an error that are kept."""


def main() -> None:
    # Libraries, and the JVM below them, print what they like on standard output: the answers go past them.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    engine = ENGINES[sys.argv[1]]
    for question in json.load(sys.stdin):
        print(json.dumps(answer(engine, question)), file=answers, flush=True)


def answer(engine: Any, question: dict[str, Any]) -> dict[str, Any]:
    """What the engine saw of a dataset; by part, what it said where it could not."""
    seen: dict[str, Any] = {"dataset": question["dataset"], "errors": {}}

    def part(name: str, ask: Any) -> Any:
        try:
            seen[name] = ask()
        except BaseException as error:  # PyO3 raises panics as BaseException.
            if isinstance(error, (KeyboardInterrupt, SystemExit)):
                raise
            seen["errors"][name] = f"{type(error).__name__}: {' '.join(str(error).split())}"[:WORDS]

    @cache
    def opened(code: str) -> Any:
        return engine(code, list(question["columns"]))

    def rows() -> dict[str, list[str]]:
        found = opened(question["code"]).rows()
        if question.get("days") and isinstance(found[0]["ROWTIME"], int):
            time[:] = question["days"]["time"]
        return {c: [text_of(row[c], kind) for row in found] for c, kind in question["columns"].items()}

    days = question.get("days")
    time: list[Any] = [instant(at) for at in days["time"]] if days else []
    part("rows", rows)
    if engine.queries:
        part("totals", lambda: totals(opened(question["code"]), question))
    if days and engine.queries:
        part("filtered by day", lambda: whole(opened(question["code"]).in_days(days["spans"])))
        part("filtered by time", lambda: whole(opened(question["code"]).in_time(*time)))
    if days and "ranged" in days:
        part("read --from --to", lambda: offsets(opened(days["ranged"])))
        # The same of a copy in which the rows of all other days are destroyed, the footers not.
        part("skips other days", lambda: offsets(opened(days["hollow ranged"])))
    if days and engine.lazy:
        part("skips by statistics", lambda: whole(opened(days["hollow"]).in_time(*time)))
    return seen


def totals(opened: Any, question: dict[str, Any]) -> dict[str, Any]:
    found = opened.totals(question["sums"], question["distinct"])
    sums = {c: text_of(total, {"type": "DECIMAL"}) for c, total in found["sums"].items()}
    return {"count": found["count"], "sums": sums, "distinct": found["distinct"]}


def offsets(opened: Any) -> list[str]:
    """Number of rows and sum of their offsets."""
    found = [int(row["ROWOFFSET"]) for row in opened.rows()]
    return whole([len(found), sum(found)])


def whole(numbers: list[Any]) -> list[str]:
    return [str(int(number or 0)) for number in numbers]


if __name__ == "__main__":
    main()
