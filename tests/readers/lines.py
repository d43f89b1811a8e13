"""How each engine opens a dataset."""

import subprocess
from pathlib import Path

from datasets import Dataset

FILES = ("delta", "iceberg", "hyparquet")
"""Engines that `lakehand read` prints nothing for: they take the folder with the files."""

FOLDER = {
    "spark": "from pyspark.sql import SparkSession\ndf = SparkSession.builder.getOrCreate().read.parquet({folder!r})",
    "polars": "import polars as pl\ndf = pl.scan_parquet({folder!r})",
    "daft": "import daft\ndf = daft.read_parquet({folder!r} + '/**')",
}
"""What reads a dataset's folder as it is, where the metadata is apart. Daft looks into folders below only when asked."""


def code(engine: str, dataset: Dataset, binary: Path, *days: str) -> str:
    """The code for a dataset, or for the days from one to another."""
    if engine in FILES:
        return str(dataset.files())
    return printed(engine, dataset.root, dataset.feed, binary, *days)


def printed(engine: str, root: Path, feed: str, binary: Path, *days: str) -> str:
    """The Python that `lakehand read` prints; it leaves the rows in `df`, DuckDB in `rel`."""
    words = [binary, "-C", root, "read", feed, "--with", engine]
    words += [word for pair in zip(("--from", "--to"), days) for word in pair]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout
