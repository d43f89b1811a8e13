"""Reads a lake with pandas, pyarrow, DuckDB and Polars as users do, and insists that all of them see the same.

Usage: interop.py LAKE [TRANSACTIONS]

For every dataset: row counts, exact sums of every DECIMAL and integer column, types, and for streams the read by
partition filter and the uniqueness of (ROWPARTITION, ROWOFFSET). Exits 1 with the differences.
"""

import json
import sys
from decimal import Decimal
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

checks = 0
failures = []


def expect(what, seen, wanted):
    global checks
    checks += 1
    if seen != wanted:
        failures.append(f"{what}: {seen!r} instead of {wanted!r}")


def summed(schema):
    """Columns whose sums are compared exactly."""
    return [f.name for f in schema if pa.types.is_decimal(f.type) or pa.types.is_integer(f.type)]


def number(value):
    return None if value is None else Decimal(str(value))


def compare(name, folder, glob, hive, records):
    table = ds.dataset(folder, format="parquet", partitioning="hive" if hive else None).to_table()
    partition_columns = ["year", "month", "day"] if hive else []
    own = [c for c in table.column_names if c not in partition_columns]
    columns = [c for c in summed(table.schema) if c in own]
    wanted = {c: number(pc.sum(table[c].cast(pa.decimal256(60, table.schema.field(c).type.scale))
                               if pa.types.is_decimal(table.schema.field(c).type) else table[c]).as_py())
              for c in columns}
    expect(f"{name} pyarrow rows", table.num_rows, records)

    frame = pd.read_parquet(folder)
    expect(f"{name} pandas rows", len(frame), records)
    expect(f"{name} pandas columns", sorted(c for c in frame.columns if c not in partition_columns), sorted(own))
    for c in columns:
        values = frame[c].dropna()
        expect(f"{name} pandas sum {c}", number(sum(values.tolist())) if len(values) else None, wanted[c])

    relation = f"read_parquet('{glob}', hive_partitioning={'true' if hive else 'false'})"
    expect(f"{name} duckdb rows", duckdb.execute(f"select count(*) from {relation}").fetchone()[0], records)
    for c in columns:
        total = duckdb.execute(f'select sum("{c}"::decimal(38, 4)) from {relation}').fetchone()[0]
        expect(f"{name} duckdb sum {c}", number(total), wanted[c] if wanted[c] is None else wanted[c].quantize(Decimal("0.0001")))
    kinds = {row[0]: row[1] for row in duckdb.execute(f"describe select * from {relation}").fetchall()}

    lazy = pl.scan_parquet(glob, hive_partitioning=hive)
    collected = lazy.collect()
    expect(f"{name} polars rows", collected.height, records)
    for c in columns:
        expect(f"{name} polars sum {c}", number(collected[c].cast(pl.Decimal(38, 4)).sum()),
               wanted[c] if wanted[c] is None else wanted[c].quantize(Decimal("0.0001")))
    for field in table.schema:
        if field.name not in own:
            continue
        duck = kinds[field.name]
        polars = collected.schema[field.name]
        if pa.types.is_decimal(field.type):
            text = f"DECIMAL({field.type.precision},{field.type.scale})"
            expect(f"{name} {field.name} duckdb type", duck, text)
            expect(f"{name} {field.name} polars type", polars, pl.Decimal(field.type.precision, field.type.scale))
        elif pa.types.is_timestamp(field.type):
            unit = "ms" if field.name in ("ROWTIME", "WINDOWSTART", "WINDOWEND") else "us"
            expect(f"{name} {field.name} unit", (field.type.unit, field.type.tz), (unit, "UTC"))
            expect(f"{name} {field.name} duckdb type", duck, "TIMESTAMP WITH TIME ZONE")
            expect(f"{name} {field.name} polars type", polars, pl.Datetime(unit, "UTC"))
        elif pa.types.is_string(field.type):
            expect(f"{name} {field.name} types", (duck, polars), ("VARCHAR", pl.String))
        elif pa.types.is_int64(field.type):
            expect(f"{name} {field.name} types", (duck, polars), ("BIGINT", pl.Int64))
        elif pa.types.is_struct(field.type):
            expect(f"{name} {field.name} kinds", (duck.startswith("STRUCT"), isinstance(polars, pl.Struct)), (True, True))
        elif pa.types.is_map(field.type):
            expect(f"{name} {field.name} kind", duck.startswith("MAP"), True)
    return frame, relation


def stream(root, folder, total):
    meta = json.loads((folder / "_metadata.json").read_text())
    name, records = folder.name, meta["total_records"]
    frame, relation = compare(name, folder, f"{folder}/**/*.parquet", True, records)
    january = pd.read_parquet(folder, filters=[("year", "=", 2025), ("month", "=", 1)])
    in_path = sum(p["records"] for p in meta["partitions"] if p["path"].startswith("year=2025/month=01"))
    expect(f"{name} pandas filtered rows", len(january), in_path)
    expect(f"{name} duckdb filtered rows",
           duckdb.execute(f"select count(*) from {relation} where year = 2025 and month = 1").fetchone()[0], in_path)
    expect(f"{name} polars filtered rows",
           pl.scan_parquet(f"{folder}/**/*.parquet", hive_partitioning=True)
           .filter((pl.col("year") == 2025) & (pl.col("month") == 1)).collect().height, in_path)
    expect(f"{name} doubled offsets", int(frame.duplicated(["ROWPARTITION", "ROWOFFSET"]).sum()), 0)
    if total is not None and name in ("transaction_stream", "transaction_flattened", "transaction_stream_anonymized"):
        expect(f"{name} against the source", records, total)
    wrong = duckdb.execute(
        f"select count(*) from {relation} where year != date_part('year', ROWTIME at time zone 'UTC') "
        f"or day::int != date_part('day', ROWTIME at time zone 'UTC')").fetchone()[0]
    expect(f"{name} rows in the wrong day", wrong, 0)


def table(root, folder):
    meta = json.loads((folder / "_metadata.json").read_text())
    version = folder / f"version=v{meta['current_version']}"
    compare(folder.name, version, f"{version}/*.parquet", False, meta["total_records"])


def main():
    lake = Path(sys.argv[1])
    total = int(sys.argv[2]) if len(sys.argv) > 2 else None
    streams = sorted(p.parent for p in lake.glob("streams/*/_metadata.json"))
    tables = sorted(p.parent for p in lake.glob("tables/*/_metadata.json"))
    for folder in streams:
        stream(lake, folder, total)
    for folder in tables:
        table(lake, folder)
    expect("datasets", (len(streams), len(tables)), (4, 4))
    for line in failures:
        print("FAILED", line)
    versions = ", ".join(f"{m.__name__} {m.__version__}" for m in (pd, pa, duckdb, pl))
    print(f"interop ({versions}): {checks - len(failures)} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
