"""Readers in a loop while streams grow, days are exported again and tables are overwritten.

Every read must find each day in one state: no offset of a Kafka partition twice, and each that the read before has found. A commit that spans days becomes visible day by day, as plain folders have no more than that. Of a
table every key comes once, with counts that the server had at one moment. A read that fails because a file has gone since it
was listed is a retry, if the next try is right.
"""

import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import lines
from datasets import Lake, serving
from engines import ENGINES
from environments import READERS, Reader

Days = dict[tuple[int, int], set[int]]
"""Offsets by Kafka partition and day."""
NAMES = ("DuckDB 2.0.1", "Polars 2.1.0", "pandas 3.1.1", "Spark 3.5.6")
SECONDS = 40
"""For how long each reader reads."""
TRIES = 12
"""A reader that meets a vanished file begins again, at most so often."""
STREAM, TABLE = "transaction_flattened", "user_transaction_summary"
COLUMNS = {STREAM: ["ROWPARTITION", "ROWOFFSET", "TRANSACTION_ID", "day"], TABLE: ["USER_ID", "PAYMENT_METHOD", "TX_COUNT"]}


def run(binary: Path, work: Path, environments: dict[str, Any]) -> tuple[str, bool]:
    """Writes and reads at once: the figures, and whether every read was right."""
    lake = Lake(binary, work / "lakes" / "during_writes")
    lake.shipped(STREAM, TABLE)
    readers = [reader for reader in READERS if reader.name.startswith(NAMES) and reader.name in environments]
    stop = threading.Event()
    with serving(binary, 3_000, "--days", "3", "--rate", "50") as server:
        lake.run("export", "--all", server=server)
        with ThreadPoolExecutor(len(readers) + 1) as pool:
            writes = pool.submit(write, lake, server, stop)
            found = list(pool.map(lambda r: ask(r, lake, binary, environments[r.name]), readers))
            stop.set()
            exports = writes.result()
    figures = [f"{len(readers)} readers, {SECONDS} s, {exports} exports of a growing stream, of a day again, and of a table:", ""]
    for reader, seen in zip(readers, found):
        wrong = seen["wrong"]
        words = f"{seen['reads']} reads, {seen['retries']} begun again, {len(wrong)} wrong"
        figures.append(f"* {reader.name}: {words}" + "".join(f"; {problem}" for problem in wrong[:3]))
    return "\n".join(figures) + "\n", not any(seen["wrong"] for seen in found)


def write(lake: Lake, server: str, stop: threading.Event) -> int:
    """Exports until told to stop: what is new, a day again, the table."""
    exports = 0
    while not stop.is_set():
        lake.run("export", "--feed", STREAM, server=server)
        lake.run("export", "--feed", STREAM, "--day", "2025-01-02", server=server)
        lake.run("export", "--feed", TABLE, server=server)
        exports += 3
        # A slow reader gets through between two exports of the same day.
        stop.wait(1)
    return exports


def ask(reader: Reader, lake: Lake, binary: Path, environment: tuple[Path, dict[str, str], float]) -> dict[str, Any]:
    python, variables, _ = environment
    process = subprocess.run(
        [python, __file__, reader.engine, binary, lake.root],
        capture_output=True,
        text=True,
        env=os.environ | variables,
    )
    if process.returncode != 0:
        return {"reads": 0, "retries": 0, "wrong": [process.stderr[-300:]]}
    return json.loads(process.stdout.splitlines()[-1])


def read(engine: str, binary: Path, root: Path) -> dict[str, Any]:
    """The loop of one reader."""
    seen: dict[str, Any] = {"reads": 0, "retries": 0, "wrong": []}
    known: Days = {}
    most = 0
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        for feed, names in COLUMNS.items():
            rows = attempt(engine, binary, root, feed, names, seen)
            if rows is not None:
                seen["reads"] += 1
                if feed == STREAM:
                    problem = state_of_stream(rows, known)
                else:
                    total, problem = state_of_table(rows)
                    problem = problem or (f"{total} after {most}" if total < most else "")
                    most = max(most, total)
                if problem:
                    seen["wrong"].append(f"{feed}: {problem}")
    return seen


def attempt(engine: str, binary: Path, root: Path, feed: str, names: list[str], seen: dict[str, Any]) -> Any:
    words = ""
    for _ in range(TRIES):
        try:
            return ENGINES[engine](lines.printed(engine, root, feed, binary), names).rows()
        except Exception as error:
            words = " ".join(str(error).split())[:200]
            seen["retries"] += 1
    seen["wrong"].append(f"{feed}: {TRIES} times {words}")
    return None


def state_of_stream(rows: list[dict[str, Any]], known: Days) -> str:
    """What is wrong with the rows; what is known of each day goes on from there."""
    offsets: Days = {}
    for row in rows:
        offsets.setdefault((row["ROWPARTITION"], row["day"]), set()).add(row["ROWOFFSET"])
    if sum(map(len, offsets.values())) != len(rows):
        return "rows are doubled"
    for (partition, day), found in sorted((offsets | {key: set() for key in known if key not in offsets}).items()):
        lost = known.get((partition, day), set()) - found
        if lost:
            return f"{len(lost)} rows of day {day} and partition {partition} are missing, from offset {min(lost)} on"
        known[partition, day] = found
    return ""


def state_of_table(rows: list[dict[str, Any]]) -> tuple[int, str]:
    """The sum of the counts, and what is wrong with the rows."""
    keys = {(row["USER_ID"], row["PAYMENT_METHOD"]) for row in rows}
    return sum(row["TX_COUNT"] for row in rows), "" if len(keys) == len(rows) else "keys are doubled"


if __name__ == "__main__":
    print(json.dumps(read(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))))
