#!/usr/bin/env python3
"""Sizes of the same rows, written by lakehand with both choices of encodings, by DuckDB and by Polars.

    target/python/bin/python scripts/sizes.py target/release/lakehand [ROWS]

Needs duckdb and polars. All write zstd at level 1, one file for each file of lakehand's.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
import polars as pl

DATASETS = ("transaction_flattened", "transaction_stream")


def main(binary: str, rows: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        lakes = {}
        for encodings in ("portable", "compact"):
            lakes[encodings] = Path(folder, encodings)
            command = [binary, "demo", "--headless", "--rows", rows, "--days", "10", "--dir", lakes[encodings]]
            environment = os.environ | {"LAKEHAND_EXPORT_ENCODINGS": encodings}
            subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        for name in DATASETS:
            found = {encodings: files(lake, name) for encodings, lake in lakes.items()}
            sizes = {encodings: sum(file.stat().st_size for file in paths) for encodings, paths in found.items()}
            scratch = Path(folder, "scratch.parquet")
            sizes["DuckDB"] = sizes["Polars"] = 0
            for file in found["portable"]:
                rows_of = f"SELECT * FROM read_parquet('{file}', hive_partitioning = false)"
                duckdb.sql(f"COPY ({rows_of}) TO '{scratch}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)")
                sizes["DuckDB"] += scratch.stat().st_size
                frame = pl.read_parquet(file, hive_partitioning=False)
                frame.write_parquet(scratch, compression="zstd", compression_level=1)
                sizes["Polars"] += scratch.stat().st_size
            print(name, *(f"{writer} {size / 1e6:.2f} MB" for writer, size in sizes.items()), sep="  ")


def files(lake: Path, name: str) -> list[Path]:
    return sorted((lake / "data_lake" / "streams" / name).glob("year=*/month=*/day=*/*.parquet"))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "100000")
