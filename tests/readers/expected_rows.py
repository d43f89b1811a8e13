"""What a dataset must hold: the embedded server's own answers, asked over HTTP by nothing of lakehand."""

import base64
import json
import urllib.request
from dataclasses import dataclass, field
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

from values import Type, text_of

ROW_COLUMNS: dict[str, Type] = {
    "ROWTIME": {"type": "TIMESTAMP"},
    "ROWPARTITION": {"type": "INTEGER"},
    "ROWOFFSET": {"type": "BIGINT"},
}
# The sum of a column is asked for where every reader's own type holds it.
SUM_DIGITS = {"INTEGER": 18, "BIGINT": 18, "DECIMAL": 36}


@dataclass
class ExpectedRows:
    """The rows of a source: by their key the texts of their values, in the order of `columns`."""

    source: str
    table: bool
    columns: dict[str, Type] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)
    rows: dict[tuple[str, ...], dict[str, str]] = field(default_factory=dict)

    def ask(self, server: str) -> None:
        """Takes in what the server holds now. Rows of a stream that were there before stay as they were exported; a
        table is what it is now."""
        fields = _statement(server, f"DESCRIBE {self.source};")["sourceDescription"]["fields"]
        own = {f["name"]: f["schema"] for f in fields}
        if self.table:
            self.keys = [f["name"] for f in fields if f.get("type") == "KEY"]
            self.columns, self.rows = own, {}
            answer = _query(server, f"SELECT * FROM {self.source};")
        else:
            self.keys = ["ROWPARTITION", "ROWOFFSET"]
            self.columns = ROW_COLUMNS | own
            count = len(_query(server, f"SELECT {next(iter(own))} FROM {self.source};")) - 1
            items = ", ".join(_item(name, kind) for name, kind in self.columns.items())
            answer = _query(server, f"SELECT {items} FROM {self.source} EMIT CHANGES LIMIT {count};")
        names = answer[0]["columnNames"]
        for values in answer[1:]:
            row = dict(zip(names, values, strict=True))
            texts = {c: text_of(_decoded(row[c], kind, False), kind) for c, kind in self.columns.items()}
            self.rows.setdefault(tuple(texts[key] for key in self.keys), texts)
        for texts in self.rows.values():
            for column in self.columns:
                texts.setdefault(column, "null")

    def sums(self) -> dict[str, str]:
        """Exact sums by column."""
        found = {}
        for name, kind in self.columns.items():
            if kind["type"] not in SUM_DIGITS or kind.get("parameters", {}).get("precision", 0) > 38:
                continue
            values = [Decimal(row[name]) for row in self.rows.values() if row[name] != "null"]
            scale = kind.get("parameters", {}).get("scale", 0)
            if sum(map(abs, values)).scaleb(scale) < Decimal(10) ** SUM_DIGITS[kind["type"]] if values else False:
                found[name] = text_of(sum(values), {"type": "DECIMAL"})
        return found

    def distinct(self) -> dict[str, int]:
        """How many values a text column has."""
        texts = [name for name, kind in self.columns.items() if kind["type"] == "STRING"]
        return {name: len({row[name] for row in self.rows.values()} - {"null"}) for name in texts}

    def days(self) -> list[str]:
        """The days of a stream that have rows, in order."""
        return sorted({_day(row) for row in self.rows.values()})

    def in_days(self, first: str, last: str) -> list[str]:
        """Number of rows of those days and the sum of their offsets."""
        return _count_and_sum(row for row in self.rows.values() if first <= _day(row) <= last)

    def in_time(self, low: int, high: int) -> list[str]:
        """The same of the rows from one instant to before another, in milliseconds."""
        return _count_and_sum(row for row in self.rows.values() if low <= int(row["ROWTIME"]) < high)


def _count_and_sum(rows: Any) -> list[str]:
    offsets = [int(row["ROWOFFSET"]) for row in rows]
    return [str(len(offsets)), str(sum(offsets))]


def _day(row: dict[str, str]) -> str:
    return datetime.fromtimestamp(int(row["ROWTIME"]) / 1000, timezone.utc).date().isoformat()


def _item(name: str, kind: Type) -> str:
    """The text of a TIME has no milliseconds, and that of a TIMESTAMP no zone: numbers say more."""
    if name in ROW_COLUMNS:
        return name
    match kind["type"]:
        case "TIME":
            return f"FORMAT_TIME(`{name}`, 'HH:mm:ss.SSS') AS `{name}`"
        case "TIMESTAMP":
            return f"UNIX_TIMESTAMP(`{name}`) AS `{name}`"
    return f"`{name}`"


def _decoded(value: Any, kind: Type, inside: bool) -> Any:
    """A value of an answer as a value of Python, by ksqlDB's rules for what is inside of a STRUCT and what is not."""
    if value is None:
        return None
    match kind["type"]:
        case "BYTES":
            return base64.b64decode(value)
        case "DATE" if inside:
            return datetime.fromtimestamp(value * 86_400, timezone.utc)
        case "TIME" if inside:
            return datetime.fromtimestamp(value / 1000, timezone.utc).time()
        case "TIMESTAMP" if isinstance(value, str):
            return datetime.fromisoformat(value)
        case "ARRAY":
            return [_decoded(member, kind["memberSchema"], inside) for member in value]
        case "MAP":
            return {key: _decoded(member, kind["memberSchema"], inside) for key, member in value.items()}
        case "STRUCT":
            return {f["name"]: _decoded(value[f["name"]], f["schema"], True) for f in kind["fields"]}
    return value


def _post(server: str, path: str, accept: str, body: dict[str, Any]) -> str:
    request = urllib.request.Request(server + path, json.dumps(body).encode(), {"Accept": accept})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return answer.read().decode()


def _statement(server: str, text: str) -> dict[str, Any]:
    return json.loads(_post(server, "/ksql", "application/vnd.ksql.v1+json", {"ksql": text}))[0]


def _query(server: str, sql: str) -> list[Any]:
    """The header and the rows of an answer."""
    body = {"sql": sql, "properties": {"auto.offset.reset": "earliest"}}
    text = _post(server, "/query-stream", "application/vnd.ksqlapi.delimited.v1", body)
    return [json.loads(line, parse_float=Decimal) for line in text.splitlines() if line]
