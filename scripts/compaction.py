#!/usr/bin/env python3
"""What compaction gives: bytes, point look-ups by DuckDB, Polars and DataFusion, and its rate beside DuckDB's COPY.

    scripts/compaction.py [--binary target/release/lakehand] [--commits 51] [--rows 200000] [--part sizes|lookups|rate]

Makes lakes from the embedded server. `sizes`: so many small commits of a stream become one file. `lookups`: a text that is looked up by
each reader in small files, compacted ones, and ones with a Bloom filter, each in a process of its own: bytes that it read (the kernel's
count, the opening of files included), milliseconds, and the row groups that DataFusion reads. `rate`: the same files through
`lakehand compact` and through DuckDB's COPY: MB/s of input, peak of memory. Needs Python 3.11 with venv, and PyPI for what is not below
target/readers/ yet.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ["duckdb==1.5.5", "polars==2.1.0", "datafusion", "pyarrow==26.0.1", "pytz"]
STREAM = "transaction_flattened"
# Numbers without an order, mostly different ones, some null.
LOOKED_UP = "CARD_NUMBER"


def environment() -> Path:
    folder = ROOT / "target" / "readers" / "compaction"
    python, mark = folder / "bin" / "python", folder / "complete"
    if not mark.exists() or mark.read_text() != "\n".join(PACKAGES):
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *PACKAGES], check=True)
        mark.write_text("\n".join(PACKAGES))
    return python


class Project:
    """A project folder on an embedded server."""

    def __init__(self, binary: Path, root: Path, rows: int, rate: int, fields: dict) -> None:
        self.binary, self.root = binary, root
        (root / "feeds" / "active").mkdir(parents=True)
        self.feed(fields)
        command = [binary, "demo", "--serve", "--rows", str(rows), "--rate", str(rate)]
        self.server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.url = self.server.stdout.readline().strip()

    def feed(self, fields: dict) -> None:
        # One folder: the days of the embedded server would make the files small by themselves.
        feed = {"feed_name": "s", "feed_type": "stream", "ksqldb_source": STREAM, "visibility": "shared",
                "partitioning": {"type": "date", "columns": ["year"]}, **fields}
        (self.root / "feeds" / "active" / "s.json").write_text(json.dumps(feed))

    def run(self, *arguments: str) -> tuple[str, float, int]:
        """What it printed, its seconds, and the peak of its memory in MiB."""
        command = [str(self.binary), "-C", str(self.root), "--server", self.url, *arguments]
        begun = time.monotonic()
        with tempfile.TemporaryFile("w+") as out:
            child = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
            _, status, usage = os.wait4(child.pid, 0)
            took = time.monotonic() - begun
            out.seek(0)
            text = out.read()
        if status != 0:
            raise SystemExit(f"lakehand {' '.join(arguments)} failed:\n{text}")
        return text, took, usage.ru_maxrss // 1024

    def files(self) -> list[str]:
        dataset = self.root / "data_lake" / "streams" / STREAM
        return sorted(str(path) for path in dataset.glob("year=*/**/*.parquet"))

    def stop(self) -> None:
        self.server.terminate()
        self.server.wait()


def size(files: list[str]) -> int:
    return sum(os.path.getsize(file) for file in files)


def sizes(binary: Path, root: Path, commits: int) -> None:
    project = Project(binary, root, 51, 20, {})
    try:
        for _ in range(commits):
            project.run("export", "--feed", "s")
            time.sleep(0.2)  # The server appends rows meanwhile.
        before = project.files()
        bytes_before = size(before)
        text, _, _ = project.run("compact", "s", "--json")
        done = next(json.loads(line) for line in text.splitlines() if '"compacted"' in line)
        after = project.files()
        print(f"sizes: {done['rows']} rows in {len(before)} files, {bytes_before} bytes")
        print(f"       in {len(after)} files, {size(after)} bytes")
    finally:
        project.stop()


# A look-up in a process of its own: what it reads before the query (libraries) is not counted.
LOOKUP = r'''
import json, sys, time
reader, column, value, files = sys.argv[1], sys.argv[2], sys.argv[3], json.loads(sys.stdin.read())
def read_so_far():
    return int(next(line.split()[1] for line in open("/proc/self/io") if line.startswith("rchar")))
told = {}
if reader == "duckdb":
    import duckdb
    db = duckdb.connect()
    db.execute("SELECT 1")
    query = lambda: db.execute(f'SELECT * FROM read_parquet({files!r}) WHERE "{column}" = ?', [value]).fetchall()
elif reader == "polars":
    import polars as pl
    query = lambda: pl.scan_parquet(files).filter(pl.col(column) == value).collect().rows()
else:
    import re
    from datafusion import SessionConfig, SessionContext
    config = SessionConfig().set("datafusion.execution.parquet.pushdown_filters", "true")
    context = SessionContext(config)
    import os
    context.register_parquet("t", os.path.commonpath([os.path.dirname(f) for f in files]) + "/")
    def query():
        plan = context.sql(f"""EXPLAIN ANALYZE SELECT * FROM t WHERE "{column}" = '{value}'""").to_pydict()
        text = "\n".join(plan["plan"])
        for name in ("bytes_scanned", "row_groups_pruned_statistics", "row_groups_pruned_bloom_filter"):
            found = re.search(name + r"=([^,\]]+)", text)
            told[name] = found and found.group(1).strip()
        rows = context.sql(f"""SELECT * FROM t WHERE "{column}" = '{value}'""").collect()
        return [None] * sum(batch.num_rows for batch in rows)
    begun, before = time.monotonic(), read_so_far()
    rows = len(query())
    # EXPLAIN ANALYZE and the query itself: two reads.
    told.update(rows=rows, bytes=(read_so_far() - before) // 2, ms=round((time.monotonic() - begun) * 500, 1))
if reader != "datafusion":
    begun, before = time.monotonic(), read_so_far()
    rows = len(query())
    told.update(rows=rows, bytes=read_so_far() - before, ms=round((time.monotonic() - begun) * 1000, 1))
print(json.dumps(told))
'''


def lookups(python: Path, binary: Path, root: Path, rows: int) -> None:
    project = Project(binary, root, rows, 0, {})
    try:
        # The files that many small commits would leave: the least target size there is.
        project.run("export", "--feed", "s", "--set", "export.target_file_mb=1")
        values, expected = sample(python, project.files()), None
        for name, fields in (
            ("small files", None),
            ("compacted", {}),
            ("Bloom filter", {"bloom_filters": [LOOKED_UP]}),
            ("sorted", {"sort_by": [LOOKED_UP]}),
        ):
            if fields is not None:
                project.feed(fields)
                # Several files: a filter of the only row group has nothing to skip.
                project.run("compact", "s", "--set", "export.target_file_mb=4")
            files = project.files()
            print(f"{name}: {len(files)} files, {size(files)} bytes")
            for reader in ("duckdb", "polars", "datafusion"):
                found = [lookup(python, reader, value, files) for value in values]
                counts = [told["rows"] for told in found]
                expected = expected or counts
                if counts != expected or not all(counts):
                    raise SystemExit(f"{reader}, {name}: {counts} rows instead of {expected}")
                found.sort(key=lambda told: told["bytes"])
                middle = found[len(found) // 2]
                more = {key: value for key, value in middle.items() if key not in ("rows", "bytes", "ms") and value}
                print(f"  {reader:10} {middle['bytes']:>12} bytes read, {middle['ms']:>7} ms {more or ''}")
    finally:
        project.stop()


def sample(python: Path, files: list[str]) -> list[str]:
    """Five values from all over the files."""
    code = (
        "import duckdb, json, sys; files = json.loads(sys.stdin.read());"
        f"print(json.dumps([r[0] for r in duckdb.execute(f'''SELECT \"{LOOKED_UP}\" FROM read_parquet({{files!r}})"
        f" WHERE \"{LOOKED_UP}\" IS NOT NULL"
        f" ORDER BY hash(\"{LOOKED_UP}\") LIMIT 5''').fetchall()]))"
    )
    return json.loads(subprocess.run([python, "-c", code], input=json.dumps(files), text=True, check=True,
                                     capture_output=True).stdout)


def lookup(python: Path, reader: str, value: str, files: list[str]) -> dict:
    # Memory maps are not counted: Polars is told to read.
    env = {**os.environ, "POLARS_FORCE_ASYNC": "1"}
    ran = subprocess.run([python, "-c", LOOKUP, reader, LOOKED_UP, value], input=json.dumps(files), text=True,
                         capture_output=True, env=env)
    if ran.returncode != 0:
        raise SystemExit(f"{reader}:\n{ran.stderr}")
    return json.loads(ran.stdout)


def rate(python: Path, binary: Path, root: Path, rows: int) -> None:
    project = Project(binary, root, rows, 0, {})
    try:
        project.run("export", "--feed", "s", "--set", "export.target_file_mb=1")
        files, target = project.files(), root / "duckdb.parquet"
        bytes_in = size(files)
        code = (
            "import duckdb, json, sys; files = json.loads(open(sys.argv[1]).read());"
            "duckdb.execute('SET threads = 2');"
            "duckdb.execute(f\"COPY (SELECT * FROM read_parquet({files!r})) TO '{sys.argv[2]}' "
            "(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)\")"
        )
        (root / "files.json").write_text(json.dumps(files))
        begun = time.monotonic()
        child = subprocess.Popen([python, "-c", code, root / "files.json", target])
        _, status, usage = os.wait4(child.pid, 0)
        took = time.monotonic() - begun
        if status != 0:
            raise SystemExit("DuckDB's COPY failed")
        print(f"rate: {len(files)} files, {bytes_in} bytes")
        print(f"  DuckDB COPY      {bytes_in / took / 1e6:7.1f} MB/s, {usage.ru_maxrss // 1024} MiB, {target.stat().st_size} bytes out")
        for name, fields in (("lakehand compact", {}), ("  sorted", {"sort_by": [LOOKED_UP]})):
            project.feed(fields)
            text, took, memory = project.run("compact", "s", "--json")
            done = next(json.loads(line) for line in text.splitlines() if '"compacted"' in line)
            took = done["duration_ms"] / 1000
            print(f"  {name:16} {done['bytes_before'] / took / 1e6:7.1f} MB/s, {memory} MiB, {done['bytes']} bytes out "
                  f"in {done['files']} files (read back and compared)")
    finally:
        project.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--binary", type=Path, default=ROOT / "target" / "release" / "lakehand")
    parser.add_argument("--commits", type=int, default=51)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--part", choices=["sizes", "lookups", "rate"])
    arguments = parser.parse_args()
    binary, parts = arguments.binary.resolve(), [arguments.part] if arguments.part else ["sizes", "lookups", "rate"]
    python = environment()
    for part in parts:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / "project"
            if part == "sizes":
                sizes(binary, root, arguments.commits)
            elif part == "lookups":
                lookups(python, binary, root, arguments.rows)
            else:
                rate(python, binary, root, arguments.rows)


if __name__ == "__main__":
    main()
