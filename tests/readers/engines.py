"""What is asked of each engine, in its own words."""

import json
import os
import shutil
import subprocess
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from values import Rounded

Instant = int | datetime
"""A ROWTIME: a number in datasets that were made before it was a timestamp, until their schema is accepted."""
Span = tuple[int, int, int, int]
"""Year, month, first day and last day: a range of days is one or several of these."""


def instant(millis: int) -> datetime:
    return datetime.fromtimestamp(millis / 1000, timezone.utc)


class Engine:
    """A dataset opened by the code that `lakehand read` prints."""

    lazy = True
    """It reads when it is asked, and no more than it needs."""
    queries = True
    """It sums, counts and filters."""

    def __init__(self, code: str, names: list[str]) -> None:
        self.space: dict[str, Any] = {}
        exec(code, self.space)
        self.names = names
        self.data = self.space.get("rel", self.space.get("df"))

    def rows(self) -> list[dict[str, Any]]:
        """All rows with the columns of the dataset."""
        raise NotImplementedError

    def totals(self, sums: list[str], distinct: list[str]) -> dict[str, Any]:
        """`count`, and by column `sums` and `distinct`."""
        raise NotImplementedError

    def in_days(self, spans: list[Span]) -> list[Any]:
        """Number of rows and sum of ROWOFFSET in these days, by the partition columns."""
        raise NotImplementedError

    def in_time(self, low: Instant, high: Instant) -> list[Any]:
        """The same by ROWTIME."""
        raise NotImplementedError


class Sql(Engine):
    """An engine that is asked in SQL about the relation `t`."""

    mark = '"'
    timestamp = "timestamp"

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        raise NotImplementedError

    def quoted(self, name: str) -> str:
        return f"{self.mark}{name}{self.mark}"

    def literal(self, at: Instant) -> str:
        return str(at) if isinstance(at, int) else f"{self.timestamp} '{at:%Y-%m-%d %H:%M:%S}+00:00'"

    def rows(self) -> list[dict[str, Any]]:
        columns = ", ".join(map(self.quoted, self.names))
        return [dict(zip(self.names, row)) for row in self.query(f"select {columns} from t")]

    def totals(self, sums: list[str], distinct: list[str]) -> dict[str, Any]:
        items = ["count(*)", *(f"sum({self.quoted(c)})" for c in sums)]
        items += [f"count(distinct {self.quoted(c)})" for c in distinct]
        count, *found = self.query(f"select {', '.join(items)} from t")[0]
        return {"count": count, "sums": dict(zip(sums, found)), "distinct": dict(zip(distinct, found[len(sums) :]))}

    def in_days(self, spans: list[Span]) -> list[Any]:
        conditions = [
            f"(year = {year} and month = {month} and day between {first} and {last})" for year, month, first, last in spans
        ]
        return list(self.query(f"select count(*), sum({self.quoted('ROWOFFSET')}) from t where {' or '.join(conditions)}")[0])

    def in_time(self, low: Instant, high: Instant) -> list[Any]:
        time = self.quoted("ROWTIME")
        condition = f"{time} >= {self.literal(low)} and {time} < {self.literal(high)}"
        return list(self.query(f"select count(*), sum({self.quoted('ROWOFFSET')}) from t where {condition}")[0])


class DuckDb(Sql):
    timestamp = "timestamptz"

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        return self.data.query("t", sql).fetchall()


class Spark(Sql):
    mark = "`"

    def __init__(self, code: str, names: list[str]) -> None:
        super().__init__(code, names)
        self.data.createOrReplaceTempView("t")

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(_plain(value) for value in row) for row in self.data.sparkSession.sql(sql).collect()]


def _plain(value: Any) -> Any:
    """Rows of Spark as dicts, at every depth."""
    if hasattr(value, "asDict"):
        return {name: _plain(member) for name, member in value.asDict().items()}
    return [_plain(member) for member in value] if isinstance(value, list) else value


class DataFusion(Sql):
    def __init__(self, code: str, names: list[str]) -> None:
        super().__init__(code, names)
        self.space["ctx"].register_view("t", self.data)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row.values()) for row in self.space["ctx"].sql(sql).to_pylist()]


class Polars(Engine):
    def rows(self) -> list[dict[str, Any]]:
        return self.data.select(self.names).collect().rows(named=True)

    def totals(self, sums: list[str], distinct: list[str]) -> dict[str, Any]:
        import polars as pl

        count = self.data.select(pl.len()).collect().item()
        small = [name for name, kind in self.data.collect_schema().items() if kind == pl.Int32]
        # The sum of an Int32 is one, and wraps.
        frame = self.data.with_columns(pl.col(small).cast(pl.Int64)).select(
            *(pl.col(c).sum().alias("sum " + c) for c in sums),
            *(pl.col(c).drop_nulls().n_unique().alias("distinct " + c) for c in distinct),
        ).collect()
        found = frame.row(0, named=True)
        return {
            "count": count,
            "sums": {c: found["sum " + c] for c in sums},
            "distinct": {c: found["distinct " + c] for c in distinct},
        }

    def _where(self, condition: Any) -> list[Any]:
        import polars as pl

        return list(self.data.filter(condition).select(pl.len(), pl.col("ROWOFFSET").sum()).collect().row(0))

    def in_days(self, spans: list[Span]) -> list[Any]:
        import polars as pl

        year, month, day = pl.col("year"), pl.col("month"), pl.col("day")
        return self._where(
            pl.any_horizontal((year == y) & (month == m) & day.is_between(first, last) for y, m, first, last in spans)
        )

    def in_time(self, low: Instant, high: Instant) -> list[Any]:
        import polars as pl

        return self._where((pl.col("ROWTIME") >= low) & (pl.col("ROWTIME") < high))


class Pandas(Engine):
    """A data frame in memory."""

    lazy = False

    def rows(self) -> list[dict[str, Any]]:
        return self.data[self.names].to_dict("records")

    def totals(self, sums: list[str], distinct: list[str]) -> dict[str, Any]:
        frame = self.data
        return {
            "count": len(frame),
            "sums": {c: sum(frame[c].dropna().tolist()) for c in sums},
            "distinct": {c: int(frame[c].nunique()) for c in distinct},
        }

    def _kept(self, frame: Any) -> list[Any]:
        return [len(frame), int(frame["ROWOFFSET"].sum())]

    def in_days(self, spans: list[Span]) -> list[Any]:
        frame = self.data
        day = frame[["year", "month", "day"]].astype("int64")
        kept = [(day.year == y) & (day.month == m) & day.day.between(first, last) for y, m, first, last in spans]
        mask = kept[0]
        for other in kept[1:]:
            mask |= other
        return self._kept(frame[mask])

    def in_time(self, low: Instant, high: Instant) -> list[Any]:
        time = self.data["ROWTIME"]
        return self._kept(self.data[(time >= low) & (time < high)])


class PyArrow(Engine):
    """A table of Arrow in memory."""

    lazy = False

    def __init__(self, code: str, names: list[str]) -> None:
        import pyarrow.dataset as ds

        super().__init__(code, names)
        self.data = ds.dataset(self.data)

    def rows(self) -> list[dict[str, Any]]:
        return self.data.to_table(columns=self.names).to_pylist()

    def totals(self, sums: list[str], distinct: list[str]) -> dict[str, Any]:
        import pyarrow as pa
        import pyarrow.compute as pc

        table = self.data.to_table(columns=[*sums, *distinct])

        def total(name: str) -> Any:
            column = table[name]
            wide = pa.decimal256(60, column.type.scale) if pa.types.is_decimal(column.type) else pa.int64()
            return pc.sum(column.cast(wide)).as_py()

        return {
            "count": self.data.count_rows(),
            "sums": {c: total(c) for c in sums},
            "distinct": {c: pc.count_distinct(table[c], mode="only_valid").as_py() for c in distinct},
        }

    def _where(self, condition: Any) -> list[Any]:
        import pyarrow.compute as pc

        table = self.data.to_table(columns=["ROWOFFSET"], filter=condition)
        return [table.num_rows, pc.sum(table["ROWOFFSET"]).as_py()]

    def in_days(self, spans: list[Span]) -> list[Any]:
        import pyarrow.compute as pc

        year, month, day = pc.field("year"), pc.field("month"), pc.field("day")
        conditions = [(year == y) & (month == m) & (day >= first) & (day <= last) for y, m, first, last in spans]
        condition = conditions[0]
        for other in conditions[1:]:
            condition |= other
        return self._where(condition)

    def in_time(self, low: Instant, high: Instant) -> list[Any]:
        import pyarrow as pa
        import pyarrow.compute as pc

        kind, time = self.data.schema.field("ROWTIME").type, pc.field("ROWTIME")
        return self._where((time >= pa.scalar(low, kind)) & (time < pa.scalar(high, kind)))


class Delta(PyArrow):
    """`convert_to_deltalake` on the folder, then the table by its log."""

    lazy = True

    def __init__(self, code: str, names: list[str]) -> None:
        from deltalake import DeltaTable, Field, Schema, convert_to_deltalake

        # Its log goes into the folder, so it gets a copy.
        folder = Path(tempfile.mkdtemp(prefix="delta-", dir=os.environ["READER_HOME"]), "table")
        shutil.copytree(code, folder)
        days = Schema([Field(name, "integer") for name in ("year", "month", "day")])
        parts = {"partition_by": days, "partition_strategy": "hive"} if any(folder.glob("year=*")) else {}
        convert_to_deltalake(str(folder), **parts)
        self.names, self.data = names, DeltaTable(str(folder)).to_pyarrow_dataset()


class Iceberg(PyArrow):
    """`add_files` of every file into a table of a catalogue in SQLite. Partitions are known by the path alone, so days are
    asked for by ROWTIME."""

    def __init__(self, code: str, names: list[str]) -> None:
        import pyarrow.dataset as ds
        import pyarrow.parquet as pq
        from pyiceberg.catalog.sql import SqlCatalog

        files = sorted(str(file) for file in Path(code).glob("**/*.parquet"))
        home = tempfile.mkdtemp(prefix="iceberg-", dir=os.environ["READER_HOME"])
        catalogue = SqlCatalog("lake", uri=f"sqlite:///{home}/catalogue.db", warehouse=f"file://{home}")
        catalogue.create_namespace("lake")
        # The newest file has all columns.
        table = catalogue.create_table("lake.t", schema=pq.read_schema(files[-1]).remove_metadata())
        table.add_files(files)
        self.names, self.table, self.data = names, table, ds.dataset(table.scan().to_arrow())

    def in_days(self, spans: list[Span]) -> list[Any]:
        import pyarrow as pa

        number = pa.types.is_integer(self.data.schema.field("ROWTIME").type)
        found = []
        for year, month, first, last in spans:
            ends = [datetime(year, month, day, tzinfo=timezone.utc) for day in (first, last)]
            low, high = ends[0], ends[1] + timedelta(days=1)
            found.append(self.in_time(*((int(at.timestamp() * 1000) if number else at) for at in (low, high))))
        return [sum(part[0] for part in found), sum(part[1] for part in found)]


class Daft(Engine):
    def rows(self) -> list[dict[str, Any]]:
        return self.data.select(*self.names).to_pylist()

    def totals(self, sums: list[str], distinct: list[str]) -> dict[str, Any]:
        from daft import col

        found = self.data.agg(
            *(col(c).sum().alias("sum " + c) for c in sums),
            *(col(c).count_distinct().alias("distinct " + c) for c in distinct),
        ).to_pylist()[0]
        return {
            "count": self.data.count_rows(),
            "sums": {c: found["sum " + c] for c in sums},
            "distinct": {c: found["distinct " + c] for c in distinct},
        }

    def _where(self, condition: Any) -> list[Any]:
        found = self.data.where(condition).select("ROWOFFSET").to_pydict()["ROWOFFSET"]
        return [len(found), sum(found)]

    def in_days(self, spans: list[Span]) -> list[Any]:
        from daft import col

        parts = [
            (col("year") == y) & (col("month") == m) & (col("day") >= first) & (col("day") <= last)
            for y, m, first, last in spans
        ]
        condition = parts[0]
        for other in parts[1:]:
            condition |= other
        return self._where(condition)

    def in_time(self, low: Instant, high: Instant) -> list[Any]:
        from daft import col, lit

        return self._where((col("ROWTIME") >= lit(low)) & (col("ROWTIME") < lit(high)))


class Hyparquet(Engine):
    """JavaScript: a program of its own reads the files and prints the rows."""

    lazy = queries = False

    def __init__(self, code: str, names: list[str]) -> None:
        self.names = names
        script = Path(__file__).with_name("hyparquet.mjs")
        files = sorted(map(str, Path(code).glob("**/*.parquet")))
        run = subprocess.run(["node", script, *files], capture_output=True, text=True)
        if run.returncode != 0:
            raise RuntimeError(run.stderr.strip())
        self.read = json.loads(run.stdout, object_hook=_tagged, parse_float=Rounded)

    def rows(self) -> list[dict[str, Any]]:
        return [{name: row.get(name) for name in self.names} for row in self.read]


def _tagged(value: dict[str, Any]) -> Any:
    """What JSON has no word for is tagged by the script."""
    match value:
        case {"$whole": text}:
            return int(text)
        case {"$bytes": text}:
            return bytes.fromhex(text)
        case {"$millis": millis}:
            return instant(millis)
    return value


ENGINES: dict[str, type[Engine]] = {
    "duckdb": DuckDb,
    "polars": Polars,
    "pandas": Pandas,
    "pyarrow": PyArrow,
    "spark": Spark,
    "datafusion": DataFusion,
    "daft": Daft,
    "clickhouse": PyArrow,
    "iceberg": Iceberg,
    "delta": Delta,
    "hyparquet": Hyparquet,
}
