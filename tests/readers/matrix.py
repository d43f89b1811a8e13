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
import during_writes
import lines
import report
from compare import Verdict, compare
from datasets import Dataset
from environments import READERS, Reader, prepare
from expected import known
from expected_rows import ExpectedRows

HERE = Path(__file__).parent
AT_ONCE = max(2, (os.cpu_count() or 2) // 2)
"""Readers at work at once: most of them use all cores."""
PATIENCE = 900
"""Seconds for one reader and all datasets."""


def run(root: Path, binary: Path, readers: list[Reader], write: bool) -> int:
    """The matrix, then reads while the lake is written; the exit code."""
    since = time.monotonic()
    work = root / "target" / "readers"
    with ThreadPoolExecutor(1) as pool:
        making = pool.submit(datasets.make, binary, work / "lakes")
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
    said("readers", since)
    writes, calm = during_writes.run(binary, work, environments)
    said(writes, since)
    if write:
        (root / "docs" / "readers.md").write_text(report.markdown(verdicts, writes))
    unexpected = [verdict for verdict in verdicts if not is_expected(verdict)]
    for verdict in unexpected:
        print(f"NOT EXPECTED {verdict.reader}, {shown(verdict)}")
    right = sum(verdict.status == "right" for verdict in verdicts)
    known_ones = sum(verdict.status != "right" and is_expected(verdict) for verdict in verdicts)
    print(f"readers: {right} right, {known_ones} not right as known, {len(unexpected)} not expected")
    return 0 if calm and not unexpected else 1


def said(what: str, since: float) -> None:
    print(f"{what} after {time.monotonic() - since:.0f} s", flush=True)


def shown(verdict: Verdict) -> str:
    notes = "".join(f" (not: {note})" for note in verdict.notes)
    return f"{verdict.dataset}: {verdict.status}{notes} {verdict.words}".rstrip()


def is_expected(verdict: Verdict) -> bool:
    """Right where nothing else is known, and with the known words where it is."""
    other = known(verdict.reader, verdict.dataset)
    if other is None:
        return verdict.status == "right"
    return verdict.status == other.status and other.words in verdict.words


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
    days = dataset.sent.days()
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


def questions(engine: str, made: list[Dataset], binary: Path) -> Iterator[tuple[dict[str, Any], ExpectedRows]]:
    """What is asked, and what it is compared with."""
    for dataset in made:
        sent = dataset.sent
        question: dict[str, Any] = {
            "dataset": dataset.name,
            "columns": sent.columns,
            "sums": list(sent.sums()),
            "distinct": list(sent.distinct()),
        }
        if dataset.apart and engine in lines.FOLDER:
            folder = lines.FOLDER[engine].format(folder=str(dataset.folder))
            yield question | {"dataset": f"{dataset.name}, by its folder", "code": folder}, sent
        question["code"] = lines.code(engine, dataset, binary)
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
        yield question, sent


def ask(
    reader: Reader, made: list[Dataset], environment: tuple[Path, dict[str, str], float], binary: Path
) -> tuple[Reader, float, list[Verdict]]:
    """What the reader made of all datasets. A reader that dies is started again after the dataset that killed it."""
    since = time.monotonic()
    python, variables, _ = environment
    asked = list(questions(reader.engine, made, binary))
    found: list[Verdict] = []
    while len(found) < len(asked):
        rest = asked[len(found) :]
        process = subprocess.run(
            [python, HERE / "reader.py", reader.engine],
            input=json.dumps([question for question, _ in rest]),
            capture_output=True,
            text=True,
            env=os.environ | variables,
            timeout=PATIENCE,
        )
        answers = [json.loads(line) for line in process.stdout.splitlines()]
        for seen, (question, sent) in zip(answers, rest):
            found.append(compare(reader.name, seen, sent, question))
        if len(answers) < len(rest):
            last = " ".join(process.stderr.split())[-300:]
            words = f"the process ended with {process.returncode}: {last}"
            found.append(Verdict(reader.name, rest[len(answers)][0]["dataset"], "refused", words))
    return reader, time.monotonic() - since, found
