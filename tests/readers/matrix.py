"""Every reader on every dataset, each reader in a process of its own."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import datasets
import lines
import report
from compare import Verdict, compare
from datasets import Dataset
from environments import READERS, Reader, prepare
from expected import refusal

HERE = Path(__file__).parent
AT_ONCE = max(2, (os.cpu_count() or 2) // 2)
"""Readers at work at once: most of them use all cores."""
PATIENCE = 900
"""Seconds for one reader and all datasets."""


def run(root: Path, binary: Path, readers: list[Reader], write: bool) -> int:
    """The matrix; the exit code."""
    since = time.monotonic()
    work = root / "target" / "readers"
    with ThreadPoolExecutor(2) as pool:
        making = pool.submit(datasets.make, binary, work / "lakes", ())
        environments = prepare([READERS[0], *readers], work)
        said("environments", since)
        made = making.result()
    said(f"{len(made)} datasets", since)
    hollow(made, environments[READERS[0].name][0])
    verdicts: list[Verdict] = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for reader, seconds, found in pool.map(lambda r: ask(r, made, environments[r.name], binary), readers):
            verdicts += found
            print(f"{reader.name}: {seconds:.0f} s", *map(shown, found), sep="\n  ", flush=True)
    unexpected = [verdict for verdict in verdicts if not is_expected(verdict)]
    said("readers", since)
    if write:
        page = report.markdown(verdicts, [r.name for r in readers], [d.name for d in made])
        (root / "docs" / "readers.md").write_text(page)
    for verdict in unexpected:
        print(f"NOT EXPECTED {verdict.reader}, {shown(verdict)}")
    right = sum(verdict.status == "right" for verdict in verdicts)
    print(f"readers: {right} right, {len(verdicts) - right - len(unexpected)} refused as expected, {len(unexpected)} not expected")
    return 1 if unexpected else 0


def said(what: str, since: float) -> None:
    print(f"{what} after {time.monotonic() - since:.0f} s", flush=True)


def shown(verdict: Verdict) -> str:
    notes = "".join(f" (not: {note})" for note in verdict.notes)
    return f"{verdict.dataset}: {verdict.status}{notes} {verdict.words}".rstrip()


def is_expected(verdict: Verdict) -> bool:
    """Right where nothing else is expected, and refused with the expected words where it is."""
    known = refusal(verdict.reader, verdict.dataset)
    if known is None:
        return verdict.status == "right"
    return verdict.status == "refused" and known.words in verdict.words


def hollow(made: list[Dataset], python: Path) -> None:
    """Beside the lake of each stream a copy in which only some days can be read; `python` has pyarrow."""
    for dataset in made:
        if not dataset.table:
            copy = hollow_root(dataset)
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(dataset.root, copy)
            folder = copy / dataset.folder.relative_to(dataset.root)
            subprocess.run([python, HERE / "hollow.py", folder, *day_range(dataset)], check=True)


def hollow_root(dataset: Dataset) -> Path:
    return dataset.root.with_name(f"{dataset.root.name}-{dataset.feed}-hollow")


def hollowed(code: str, dataset: Dataset) -> str:
    return code.replace(str(dataset.root), str(hollow_root(dataset)))


def day_range(dataset: Dataset) -> tuple[str, str]:
    """All days but the first and the last, where there are so many."""
    days = dataset.truth.days()
    return (days[1], days[-2]) if len(days) > 2 else (days[0], days[0])


def spans(first: str, last: str) -> list[tuple[int, int, int, int]]:
    """The range as year, month, first day, last day."""
    found: list[tuple[int, int, int, int]] = []
    day = date.fromisoformat(first)
    while day <= date.fromisoformat(last):
        if found and found[-1][:2] == (day.year, day.month):
            found[-1] = (*found[-1][:3], day.day)
        else:
            found.append((day.year, day.month, day.day, day.day))
        day += timedelta(days=1)
    return found


def millis(day: str, days_after: int = 0) -> int:
    at = datetime.fromisoformat(day).replace(tzinfo=timezone.utc) + timedelta(days=days_after)
    return int(at.timestamp() * 1000)


def questions(engine: str, made: list[Dataset], binary: Path) -> Iterator[dict[str, Any]]:
    for dataset in made:
        truth = dataset.truth
        question: dict[str, Any] = {
            "dataset": dataset.name,
            "code": lines.code(engine, dataset, binary),
            "columns": truth.columns,
            "sums": list(truth.sums()),
            "distinct": list(truth.distinct()),
        }
        if not dataset.table:
            first, last = day_range(dataset)
            question["days"] = {
                "range": (first, last),
                "spans": spans(first, last),
                "time": (millis(first), millis(last, 1)),
                "hollow": hollowed(question["code"], dataset),
            }
            if engine not in lines.FILES:
                ranged = lines.code(engine, dataset, binary, first, last)
                question["days"] |= {"ranged": ranged, "hollow ranged": hollowed(ranged, dataset)}
        yield question


def ask(
    reader: Reader, made: list[Dataset], environment: tuple[Path, dict[str, str], float], binary: Path
) -> tuple[Reader, float, list[Verdict]]:
    """What the reader made of all datasets. A reader that dies is started again after the dataset that killed it."""
    since = time.monotonic()
    python, variables, _ = environment
    asked = list(questions(reader.engine, made, binary))
    truths = {dataset.name: dataset.truth for dataset in made}
    found: list[Verdict] = []
    while len(found) < len(asked):
        rest = asked[len(found) :]
        process = subprocess.run(
            [python, HERE / "reader.py", reader.engine],
            input=json.dumps(rest),
            capture_output=True,
            text=True,
            env=os.environ | variables,
            timeout=PATIENCE,
        )
        answers = [json.loads(line) for line in process.stdout.splitlines()]
        for seen, question in zip(answers, rest):
            found.append(compare(reader.name, seen, truths[seen["dataset"]], question))
        if len(answers) < len(rest):
            last = " ".join(process.stderr.split())[-300:]
            words = f"the process ended with {process.returncode}: {last}"
            found.append(Verdict(reader.name, rest[len(answers)]["dataset"], "refused", words))
    return reader, time.monotonic() - since, found
