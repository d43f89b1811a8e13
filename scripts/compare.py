"""The same rows into partitioned Parquet: lakehand, DuckDB, Polars.

    target/python/bin/python scripts/compare.py BENCH [--sets flat,nested] [--rows N] [--runs 5] [--threads 1]

BENCH is the program that `cargo bench --bench lake --no-run` names. Needs the packages of requirements.txt.

Every run is a process of its own, pinned to as many CPUs as it has threads; the programs take turns, so that what else
the machine does meets all of them. Measured are CPU seconds (user and system), wall time, peak memory and the bytes of
the Parquet files; printed are medians. Codec and level are the same (zstd, 1), and so are the partitions (a folder a day).

What is not equal work. Peers read objects (`rows.ndjson`), as neither reads what ksqlDB sends; nobody is charged for
making them, and they are 1.5 to 2 times the bytes. They are given the columns' types. lakehand takes the answer's framing
apart, checks every offset, syncs every file and writes a manifest. A peer's CPU includes the start of Python and its
import; "net" leaves that out. Polars reads the MAP as a STRUCT of its six keys and
DECIMALs through doubles, those inside of a STRUCT as doubles for good. Peers write one file a folder and choose their row groups.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SETS = {
    "flat": "ID STRING, USER_ID STRING, AMOUNT DECIMAL(12,2), CURRENCY STRING, CITY STRING, TS TIMESTAMP, "
    "SCORE DOUBLE, QTY INTEGER, ACTIVE BOOLEAN",
    "nested": "ID STRING, TOTAL DECIMAL(12,2), "
    "CUSTOMER STRUCT(ID BIGINT, NAME STRING, SCORE DOUBLE, ADDRESS STRUCT(CITY STRING, ZIP STRING)), "
    "ITEMS STRUCT(SKU STRING, QTY INTEGER, PRICE DECIMAL(10,2))[], TAGS MAP(STRING, STRING)",
    "uuids": "A STRING, B STRING, C STRING, D STRING",
    "enums": "A STRING, B STRING, C STRING, D STRING, E INTEGER, F BOOLEAN",
    "sorted": "SEQ BIGINT, TS TIMESTAMP, COUNTER INTEGER, METER DOUBLE",
    "texts": "ID BIGINT, BODY STRING",
    "sparse": "A STRING, B BIGINT, C DOUBLE, D DECIMAL(20,4), E TIMESTAMP, F STRING, G INTEGER, H STRING",
}
TAGS = ["channel", "device", "campaign", "source", "store", "via"]
DAY = 86_400_000


def columns(name):
    """The columns as (name, DuckDB type)."""
    text, depth, parts = "ROWTIME BIGINT, ROWPARTITION INTEGER, ROWOFFSET BIGINT, " + SETS[name], 0, [""]
    for c in text:
        depth += (c == "(") - (c == ")")
        if c == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += c
    return [tuple(part.strip().split(" ", 1)) for part in parts]


def duckdb(name, rows, out, threads):
    import duckdb

    db = duckdb.connect()
    db.execute(f"SET threads = {threads}")
    types = ", ".join(f"'{c}': '{t}'" for c, t in columns(name))
    db.execute(
        f"""COPY (SELECT *, ROWTIME // {DAY} AS day
                  FROM read_json('{rows}', format = 'newline_delimited', columns = {{{types}}}))
            TO '{out}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, PARTITION_BY (day))"""
    )


def polars(name, rows, out, threads):
    import polars as pl

    def kind(text):
        if text.endswith("[]"):
            return pl.List(kind(text[:-2]))
        if text.startswith("STRUCT("):
            inner, depth, parts = text[7:-1], 0, [""]
            for c in inner:
                depth += (c == "(") - (c == ")")
                if c == "," and depth == 0:
                    parts.append("")
                else:
                    parts[-1] += c
            return pl.Struct({p.split()[0]: kind(p.strip().split(" ", 1)[1]) for p in parts})
        if text.startswith("MAP("):
            return pl.Struct({tag: pl.String for tag in TAGS})
        if text.startswith("DECIMAL("):
            # Its reader takes no number of JSON for a Decimal.
            return pl.Float64
        return {
            "STRING": pl.String, "BIGINT": pl.Int64, "INTEGER": pl.Int32, "DOUBLE": pl.Float64, "BOOLEAN": pl.Boolean,
            "TIMESTAMP": pl.Datetime("us"),
        }[text]

    schema = {c: kind(t) for c, t in columns(name)}
    times = [c for c, t in schema.items() if t == pl.Datetime("us")]
    schema.update({c: pl.String for c in times})
    frame = pl.scan_ndjson(rows, schema=schema)
    if times:
        frame = frame.with_columns(pl.col(times).str.to_datetime("%Y-%m-%dT%H:%M:%S%.3f", time_unit="us"))
    casts = [(c, t[8:-1].split(",")) for c, t in columns(name) if t.startswith("DECIMAL(")]
    frame = frame.with_columns(pl.col(c).cast(pl.Decimal(int(p), int(s))) for c, (p, s) in casts)
    frame = frame.with_columns(day=pl.col("ROWTIME") // DAY)
    frame.sink_parquet(pl.PartitionBy(out, key="day", include_key=False), compression="zstd", compression_level=1,
                       mkdir=True)


PEERS = {"duckdb": duckdb, "polars": polars}


def measured(command, threads):
    """Runs a process; gives CPU seconds, wall seconds, peak memory in MB."""
    cpus = sorted(os.sched_getaffinity(0))[:threads]
    env = dict(os.environ, POLARS_MAX_THREADS=str(threads))
    start = time.monotonic()
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, preexec_fn=lambda: os.sched_setaffinity(0, cpus))
    _, status, used = os.wait4(process.pid, 0)
    wall = time.monotonic() - start
    process.stdout.read()
    if status != 0:
        sys.exit(f"failed: {command}")
    return used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024


def facts(name, out):
    """What the files hold: rows, and a sum or a hash of each plain column that does not depend on the order of rows."""
    import duckdb

    db = duckdb.connect()
    sums = []
    for c, t in columns(name):
        if t.startswith(("BIGINT", "INTEGER", "DECIMAL")):
            sums.append(f"sum(CAST({c} AS DECIMAL(38,4)))::VARCHAR")
        elif t == "TIMESTAMP":
            sums.append(f"sum(epoch_ms({c}))::VARCHAR")
        elif t == "DOUBLE":
            sums.append(f"bit_xor(hash({c}))::VARCHAR || '/' || count({c})")
        elif t in ("STRING", "BOOLEAN"):
            sums.append(f"bit_xor(hash({c}))::VARCHAR || '/' || count({c})")
        elif t.startswith("STRUCT") and t.endswith("[]"):
            sums.append(f"sum(list_sum(list_transform({c}, lambda x: CAST(x.PRICE AS DECIMAL(10,2)))))::VARCHAR || '/' || sum(len({c}))::VARCHAR")
        elif t.startswith("STRUCT"):
            sums.append(f"bit_xor(hash({c}.NAME || {c}.ADDRESS.CITY || {c}.ID))::VARCHAR || bit_xor(hash({c}.SCORE))")
    return db.execute(f"SELECT count(*), {', '.join(sums)} FROM read_parquet('{out}/**/*.parquet')").fetchone()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bench")
    parser.add_argument("--sets", default="flat,nested")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--order", default="ordered", choices=["ordered", "shuffled"])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--peer", choices=sorted(PEERS))
    parser.add_argument("--out")
    args = parser.parse_args()
    if args.peer:
        PEERS[args.peer](args.sets, args.bench, args.out, args.threads)
        return
    print(f"{args.rows} rows, {args.days} days, {args.order}, {args.threads} thread(s), medians of {args.runs} runs")
    for name in args.sets.split(","):
        with tempfile.TemporaryDirectory() as folder:
            compare(args, name, Path(folder))


def compare(args, name, folder):
    shape = [name, str(args.rows), str(args.days), args.order, str(folder)]
    subprocess.run([args.bench, "generate", *shape], check=True)
    rows, answer = folder / "rows.ndjson", folder / "answer.bin"
    print(f"\n{name}: answer {answer.stat().st_size / 1e6:.0f} MB, objects {rows.stat().st_size / 1e6:.0f} MB")
    results, found = {}, {}
    for n in range(args.runs):
        for who in ["lakehand", *PEERS]:
            out = folder / who
            shutil.rmtree(out, ignore_errors=True)
            if who == "lakehand":
                command = [args.bench, "write", *shape, str(out), str(args.threads)]
            else:
                command = [sys.executable, __file__, str(rows), "--sets", name, "--peer", who, "--out", str(out),
                           "--threads", str(args.threads)]
            numbers = measured(command, args.threads)
            size = sum(f.stat().st_size for f in out.rglob("*.parquet")) / 1e6
            results.setdefault(who, []).append((*numbers, size))
            if n == 0:
                found[who] = facts(name, out)
                files = len(list(out.rglob("*.parquet")))
                print(f"  {who}: {files} files")
    equal = all(value == found["lakehand"] for value in found.values())
    print(f"  contents: {'equal' if equal else 'DIFFERENT ' + json.dumps(found, default=str, indent=1)}")
    imports = {who: statistics.median(measured([sys.executable, "-c", f"import {who}"], args.threads)[0] for _ in range(3))
               for who in PEERS}
    medians = {who: [statistics.median(column) for column in zip(*runs)] for who, runs in results.items()}
    print(f"  {'':10}{'CPU s':>8}{'[min-max]':>14}{'wall s':>8}{'RSS MB':>8}{'out MB':>8}   peer/ours: CPU   net  wall  out")
    ours = medians["lakehand"]
    for who, (cpu, wall, rss, size) in medians.items():
        least, most = min(r[0] for r in results[who]), max(r[0] for r in results[who])
        print(f"  {who:10}{cpu:8.2f}{f'{least:.2f}-{most:.2f}':>14}{wall:8.2f}{rss:8.0f}{size:8.1f}"
              f"   {cpu / ours[0]:14.2f}{(cpu - imports.get(who, 0)) / ours[0]:6.2f}{wall / ours[1]:6.2f}{size / ours[3]:5.2f}")
    sys.stdout.flush()
    if not equal:
        sys.exit(1)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
