"""One text for a value, whichever program read it: by the ksqlDB type, so that 5, 5.0 and '5' are told apart where they differ."""

import json
import math
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

Type = dict[str, Any]
"""A type as DESCRIBE shows it: type, and by kind fields, memberSchema, parameters."""

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
MILLISECOND = timedelta(milliseconds=1)
MIDNIGHT = datetime(1970, 1, 1)


class Rounded(float):
    """A DECIMAL of a reader whose language has none: it may be a double."""


def is_null(value: Any) -> bool:
    """None, and what pandas has instead of it. ksqlDB has no NaN."""
    if value is None or type(value).__name__ in ("NaTType", "NAType"):
        return True
    return isinstance(value, float) and math.isnan(value)


def text_of(value: Any, kind: Type) -> str:
    """The text of a value. A value of a wrong class gives a text that equals no right one."""
    if is_null(value):
        return "null"
    read = READ.get(kind["type"])
    try:
        return read(value, kind) if read else f"?{kind['type']}"
    except (TypeError, ValueError, ArithmeticError, AttributeError, KeyError) as error:
        return f"?{type(value).__name__} {value!r:.60} ({type(error).__name__})"


def _boolean(value: Any, _: Type) -> str:
    return {True: "true", False: "false"}[value]


def _whole(value: Any, _: Type) -> str:
    whole = int(value)
    if whole != value:
        raise ValueError("not whole")
    return str(whole)


def _double(value: Any, _: Type) -> str:
    return repr(float(value))


def _string(value: Any, _: Type) -> str:
    if not isinstance(value, str):
        raise TypeError("no string")
    return json.dumps(value, ensure_ascii=False)


def _bytes(value: Any, _: Type) -> str:
    return bytes(value).hex()


def _decimal(value: Any, _: Type) -> str:
    """A DECIMAL of more than 38 digits is a text in the lake by default."""
    if isinstance(value, float) and not isinstance(value, Rounded):
        raise TypeError("digits may be lost")
    digits = format(Decimal(value if isinstance(value, (int, Decimal)) else str(value)), "f")
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def _date(value: Any, _: Type) -> str:
    if isinstance(value, str):
        value = date.fromisoformat(value)
    return (value.date() if isinstance(value, datetime) else value).isoformat()


def _time(value: Any, _: Type) -> str:
    """Milliseconds of the day. A TIME is a text in the lake by default."""
    if isinstance(value, str):
        value = time.fromisoformat(value)
    if isinstance(value, timedelta):
        return _whole(value / MILLISECOND, {})
    return _whole((datetime.combine(MIDNIGHT, value.replace(tzinfo=None)) - MIDNIGHT) / MILLISECOND, {})


def _timestamp(value: Any, _: Type) -> str:
    """Milliseconds since 1970; without a zone it is UTC."""
    if not isinstance(value, datetime):
        return _whole(value, {})
    if value.tzinfo is None:
        value = value.replace(tzinfo=timezone.utc)
    return str((value - EPOCH) // MILLISECOND)


def _array(value: Any, kind: Type) -> str:
    return "[" + ", ".join(text_of(member, kind["memberSchema"]) for member in value) + "]"


def _map(value: Any, kind: Type) -> str:
    """A dict, pairs, or the two lists of older DuckDB."""
    if isinstance(value, dict):
        lists = set(value) == {"key", "value"} and isinstance(value["key"], list)
        pairs = zip(value["key"], value["value"]) if lists else value.items()
    else:
        pairs = (pair.values() if isinstance(pair, dict) else pair for pair in value)
    entries = sorted(f"{json.dumps(key)}: {text_of(member, kind['memberSchema'])}" for key, member in pairs)
    return "{" + ", ".join(entries) + "}"


def _struct(value: Any, kind: Type) -> str:
    fields = kind["fields"]
    if set(value) != {field["name"] for field in fields}:
        raise KeyError("other members")
    return "(" + ", ".join(text_of(value[field["name"]], field["schema"]) for field in fields) + ")"


READ = {
    "BOOLEAN": _boolean,
    "INTEGER": _whole,
    "BIGINT": _whole,
    "DOUBLE": _double,
    "STRING": _string,
    "BYTES": _bytes,
    "DECIMAL": _decimal,
    "DATE": _date,
    "TIME": _time,
    "TIMESTAMP": _timestamp,
    "ARRAY": _array,
    "MAP": _map,
    "STRUCT": _struct,
}
