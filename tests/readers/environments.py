"""The readers, and for each version a virtual environment with its packages."""

import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

PY4J = {"3.3": "0.10.9.5", "3.5": "0.10.9.7", "4.0": "0.10.9.9", "4.3": "0.10.9.9"}
SUBMIT = (
    "--master local[2] --driver-memory 1g --conf spark.ui.enabled=false --conf spark.sql.shuffle.partitions=2 "
    "--conf spark.sql.session.timeZone=UTC pyspark-shell"
)
DOWNLOADS = 4
"""Environments made at once: the network is the limit, not the processor."""


@dataclass(frozen=True)
class Reader:
    """A version of a reader."""

    name: str
    engine: str
    packages: tuple[str, ...]
    ci: bool = False
    """Whether it is part of the run in CI; `--all` runs the others too."""
    npm: bool = False

    @property
    def spark(self) -> str | None:
        """The version of Spark, if it is one."""
        package = self.packages[0]
        return package.removeprefix("pyspark==") if package.startswith("pyspark==") else None


READERS = [
    Reader("pandas 3.1.1, pyarrow 26.0.1", "pandas", ("pandas==3.1.1", "pyarrow==26.0.1"), ci=True),
    Reader("pyarrow 26.0.1", "pyarrow", ("pandas==3.1.1", "pyarrow==26.0.1"), ci=True),
    Reader("pandas 2.0.3, pyarrow 10.0.1", "pandas", ("pandas==2.0.3", "pyarrow==10.0.1", "numpy==1.26.4"), ci=True),
    Reader("pyarrow 10.0.1", "pyarrow", ("pandas==2.0.3", "pyarrow==10.0.1", "numpy==1.26.4"), ci=True),
    Reader("DuckDB 2.0.1", "duckdb", ("duckdb==2.0.1", "pytz==2025.2"), ci=True),
    Reader("DuckDB 1.0.0", "duckdb", ("duckdb==1.0.0", "pytz==2025.2")),
    Reader("DuckDB 0.9.2", "duckdb", ("duckdb==0.9.2", "pytz==2025.2"), ci=True),
    Reader("Polars 2.1.0", "polars", ("polars==2.1.0",), ci=True),
    Reader("Polars 1.42.1", "polars", ("polars==1.42.1",)),
    Reader("Polars 1.30.0", "polars", ("polars==1.30.0",), ci=True),
    Reader("Spark 4.3.0", "spark", ("pyspark==4.3.0",)),
    Reader("Spark 4.0.0", "spark", ("pyspark==4.0.0",)),
    Reader("Spark 3.5.6", "spark", ("pyspark==3.5.6",), ci=True),
    Reader("Spark 3.3.4", "spark", ("pyspark==3.3.4",)),
    Reader("DataFusion 55.0.0", "datafusion", ("datafusion==55.0.0",), ci=True),
    Reader("Daft 0.7.26", "daft", ("daft==0.7.26",), ci=True),
    Reader("chDB 4.4.0", "clickhouse", ("chdb==4.4.0", "pandas==3.1.1", "pyarrow==26.0.1"), ci=True),
    Reader("PyIceberg 0.12.0 add_files", "iceberg", ("pyiceberg[sql-sqlite]==0.12.0", "pyarrow==26.0.1"), ci=True),
    Reader("deltalake 1.6.6 convert_to_deltalake", "delta", ("deltalake==1.6.6", "pyarrow==26.0.1"), ci=True),
    Reader("hyparquet 1.33.0", "hyparquet", ("hyparquet@1.33.0", "hyparquet-compressors@1.1.2"), ci=True, npm=True),
]


def prepare(readers: list[Reader], folder: Path) -> dict[str, tuple[Path, dict[str, str], float]]:
    """By the name of each reader: its Python, its environment variables, the seconds that it took to install."""
    folder.mkdir(parents=True, exist_ok=True)
    pip = _pip(folder)
    distinct = {reader.packages: reader for reader in readers}
    # The large ones first, so that none of them is waited for at the end.
    order = sorted(distinct.values(), key=lambda reader: reader.spark is None)
    with ThreadPoolExecutor(DOWNLOADS) as pool:
        made = dict(zip([r.packages for r in order], pool.map(lambda r: _make(r, pip, folder), order)))
    return {reader.name: made[reader.packages] for reader in readers}


def _pip(folder: Path) -> Path:
    """One pip for all environments."""
    python = folder / "pip" / "bin" / "python"
    if not python.exists():
        run = subprocess.run([sys.executable, "-m", "venv", folder / "pip"], capture_output=True, text=True)
        if run.returncode != 0:
            shutil.rmtree(folder / "pip", ignore_errors=True)
            raise SystemExit(f"cannot make a virtual environment (Debian: apt-get install python3-venv): {run.stdout}")
    return python


def _make(reader: Reader, pip: Path, folder: Path) -> tuple[Path, dict[str, str], float]:
    since = time.monotonic()
    home = folder / "-".join(reader.packages).replace("/", "_").replace("@", "")
    python, done = home / "bin" / "python", home / "done"
    if not done.exists():
        shutil.rmtree(home, ignore_errors=True)
        if reader.npm:
            _run(["npm", "install", "--silent", "--no-save", "--prefix", home, *reader.packages])
            (home / "bin").mkdir()
            python.symlink_to(sys.executable)
        else:
            _run([sys.executable, "-m", "venv", "--without-pip", home])
            install = [pip, "-m", "pip", "--quiet", "--python", python, "--cache-dir", folder / "cache", "install"]
            if reader.spark:
                _run([*install, "py4j==" + PY4J[reader.spark[:3]]])
                _spark(reader, pip, home)
            else:
                _run([*install, *reader.packages])
        done.touch()
    variables = {"TZ": "UTC", "READER_HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    if reader.spark:
        variables |= {
            "PYTHONPATH": str(home / "spark"),
            "SPARK_HOME": str(home / "spark" / "deps"),
            "PYSPARK_PYTHON": str(python),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "PYSPARK_SUBMIT_ARGS": SUBMIT,
        }
    return python, variables, time.monotonic() - since


def _spark(reader: Reader, pip: Path, home: Path) -> None:
    """PySpark comes as a source archive with all jars. It is unpacked and not built: the wheel would be zipped only to be
    unzipped again."""
    _run([pip, "-m", "pip", "--quiet", "download", "--no-cache-dir", "--no-deps", "--dest", home, *reader.packages])
    archive = next(home.glob("pyspark-*.tar.gz"))
    top = archive.name.removesuffix(".tar.gz")
    wanted = [f"{top}/{part}" for part in ("deps/bin", "deps/jars", "pyspark")]
    (home / "spark").mkdir()
    _run(["tar", "-xzf", archive, "-C", home / "spark", "--strip-components=1", *wanted])
    archive.unlink()


def _run(command: list[str | Path]) -> None:
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode != 0:
        shown = " ".join(map(str, command))
        raise RuntimeError(f"{shown}\n{run.stdout}{run.stderr}")
