"""Makes lakes with the real binary and the embedded server, each of a kind that readers have fallen over."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from expected_rows import ExpectedRows

FEEDS = Path(__file__).parents[2] / "feeds" / "active"
ROWS = 6_000
DAYS = 12
"""More than nine, so that `day=09` and `day=10` are both there."""
SMALL_COMMITS = 50


@dataclass
class Dataset:
    """A dataset of a lake and what it must hold."""

    name: str
    root: Path
    feed: str
    folder: Path
    sent: ExpectedRows

    @property
    def table(self) -> bool:
        return self.sent.table

    @property
    def metadata(self) -> Path:
        """Its metadata: in the folder, or apart from it."""
        apart = self.folder.parents[1] / "_lakehand" / self.folder.parent.name / self.folder.name / "metadata.json"
        return apart if apart.exists() else self.folder / "_metadata.json"

    @property
    def apart(self) -> bool:
        return self.metadata.parent != self.folder

    def files(self) -> Path:
        """Where the files are: the folder, or that of a table's current version."""
        if not self.table:
            return self.folder
        return self.folder / f"version=v{json.loads(self.metadata.read_text())['current_version']}"


class Lake:
    """A project folder, and the binary that fills its lake."""

    def __init__(self, binary: Path, root: Path, settings: str = "") -> None:
        shutil.rmtree(root, ignore_errors=True)
        (root / "feeds" / "active").mkdir(parents=True)
        (root / "lakehand.toml").write_text(settings)
        self.binary, self.root = binary, root

    def run(self, *arguments: str, server: str = "http://127.0.0.1:1") -> str:
        command = [self.binary, "-C", self.root, "--server", server, *arguments]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=600)
        if ran.returncode != 0:
            raise RuntimeError(f"lakehand {' '.join(arguments)}: {ran.returncode}\n{ran.stdout}{ran.stderr}")
        return ran.stdout

    def shipped(self, *feeds: str) -> None:
        for feed in feeds:
            shutil.copy(FEEDS / f"{feed}.json", self.root / "feeds" / "active")

    def feed(self, name: str, source: str) -> None:
        text = json.dumps({"feed_name": name, "feed_type": "stream", "ksqldb_source": source})
        (self.root / "feeds" / "active" / f"{name}.json").write_text(text)

    def dataset(self, name: str, feed: str, sent: ExpectedRows) -> Dataset:
        kind = "tables" if sent.table else "streams"
        return Dataset(name, self.root, feed, self.root / "data_lake" / kind / feed, sent)


@contextmanager
def serving(binary: Path, rows: int, *arguments: str) -> Iterator[str]:
    """The embedded server; the address comes."""
    command = [binary, "demo", "--serve", "--rows", str(rows), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


def make(binary: Path, where: Path) -> list[Dataset]:
    """All datasets, below `where`."""
    makers = (demo, apart, every_type, schema_that_grew, day_again, small_commits, years_end, overwritten_tables)
    return [dataset for maker in makers for dataset in maker(binary, where / maker.__name__)]


def apart(binary: Path, root: Path) -> list[Dataset]:
    """The same with the metadata in a folder of its own."""
    made = demo(binary, root, '[lake]\nmetadata = "apart"\n')
    return [replace(dataset, name=f"{dataset.name}, metadata apart") for dataset in made]


def demo(binary: Path, root: Path, settings: str = "") -> list[Dataset]:
    """The eight datasets as `lakehand demo --headless` makes them."""
    lake = Lake(binary, root, settings)
    options = ("--days", str(DAYS), "--seed", "5")
    lake.run("demo", "--headless", "--rows", str(ROWS), *options, "--dir", ".")
    found = []
    with serving(binary, ROWS, *options) as server:
        for file in sorted(FEEDS.glob("*.json")):
            feed = json.loads(file.read_text())
            sent = ExpectedRows(feed["ksqldb_source"].upper(), feed["feed_type"] == "table")
            sent.ask(server)
            found.append(lake.dataset(file.stem, file.stem, sent))
    return found


def every_type(binary: Path, root: Path) -> list[Dataset]:
    """A column of each type, with nulls at every depth."""
    lake, sent = Lake(binary, root), ExpectedRows("EVERY_TYPE", False)
    lake.feed("every_type", "EVERY_TYPE")
    with serving(binary, 3_000, "--every-type", "--days", "3") as server:
        lake.run("export", "--all", server=server)
        sent.ask(server)
    return [lake.dataset("every type, nulls everywhere", "every_type", sent)]


def schema_that_grew(binary: Path, root: Path) -> list[Dataset]:
    """A column is added, then another: schema 1.2."""
    lake, sent = Lake(binary, root), ExpectedRows("TRANSACTION_FLATTENED", False)
    lake.shipped("transaction_flattened")
    added = ["--add-column", "TRANSACTION_FLATTENED.NOTE", "--add-column", "TRANSACTION_FLATTENED.LOYALTY"]
    for stage in range(3):
        new = ("--new", str(1_000 * stage))
        with serving(binary, 2_000, "--days", "4", *new, *added[: 2 * stage]) as server:
            lake.run("export", "--all", server=server)
            sent.ask(server)
    return [lake.dataset("schema 1.2: two columns added", "transaction_flattened", sent)]


def day_again(binary: Path, root: Path) -> list[Dataset]:
    """A day is exported again, and once more. There are so many rows in a file that Spark 3.5.6 confuses texts encoded as
    DELTA_LENGTH_BYTE_ARRAY, if there are any."""
    lake, sent = Lake(binary, root), ExpectedRows("TRANSACTION_FLATTENED", False)
    lake.shipped("transaction_flattened")
    with serving(binary, 9_000, "--days", "3") as server:
        lake.run("export", "--all", server=server)
        for _ in range(2):
            lake.run("export", "--feed", "transaction_flattened", "--day", "2025-01-02", server=server)
        sent.ask(server)
    return [lake.dataset("a day exported again", "transaction_flattened", sent)]


def small_commits(binary: Path, root: Path) -> list[Dataset]:
    """Many runs, a few rows each."""
    lake, sent = Lake(binary, root), ExpectedRows("TRANSACTION_STREAM", False)
    lake.shipped("transaction_stream")
    for commit in range(SMALL_COMMITS):
        with serving(binary, 20, "--days", "1", "--new", str(20 * commit)) as server:
            lake.run("export", "--all", server=server)
            if commit == SMALL_COMMITS - 1:
                sent.ask(server)
    return [lake.dataset(f"{SMALL_COMMITS} small commits", "transaction_stream", sent)]


def years_end(binary: Path, root: Path) -> list[Dataset]:
    """December, and January of the next year."""
    lake, sent = Lake(binary, root), ExpectedRows("TRANSACTION_STREAM_ANONYMIZED", False)
    lake.shipped("transaction_stream_anonymized")
    with serving(binary, 2_000, "--days", "6", "--start", "2025-12-29") as server:
        lake.run("export", "--all", server=server)
        sent.ask(server)
    return [lake.dataset("across a year's end", "transaction_stream_anonymized", sent)]


def overwritten_tables(binary: Path, root: Path) -> list[Dataset]:
    """A table that was overwritten until its versions have two digits."""
    lake, sent = Lake(binary, root), ExpectedRows("USER_TRANSACTION_SUMMARY", True)
    lake.shipped("user_transaction_summary")
    for version in range(11):
        with serving(binary, 1_000, "--days", "4", "--new", str(100 * version)) as server:
            lake.run("export", "--all", server=server)
            if version == 10:
                sent.ask(server)
    return [lake.dataset("a table overwritten ten times", "user_transaction_summary", sent)]
