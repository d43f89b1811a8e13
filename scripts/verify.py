"""Compares a lake with the server from which it was exported, knowing nothing of how lakehand works.

verify.py ends URL                     the end offsets of the streams, as JSON: take them before the last export
verify.py lake URL LAKE ENDS KILLS     reads every row of lake and server; exits 1 when they differ

lost     offsets below the ends (or below the lake's own claim) that the lake does not hold; rows that a table lacks
doubled  offsets or keys that are there more than once
wrong    rows whose values are not the server's, files that nobody names, counts that `_metadata.json` gets wrong
"""

import json
import sys
import urllib.request
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

STREAMS = {"transaction_stream": "TRANSACTION_FLATTENED",
           "transaction_flattened": "TRANSACTION_STREAM_ANONYMIZED",
           "transaction_stream_blacklisted": "TRANSACTION_STREAM_BLACKLISTED_LAKEHAND_END"}
TABLES = {"payment_method_totals": "TX_COUNT", "product_purchase_counts": "PURCHASES"}
ACCEPT = "application/vnd.ksql.v1+json"


def ask(url, path, body):
    request = urllib.request.Request(url + path, json.dumps(body).encode(),
                                     {"Content-Type": ACCEPT, "Accept": ACCEPT})
    return urllib.request.urlopen(request, timeout=600)


def ends(url):
    """By stream the end offset of each partition, from the DESCRIBE of a sink of a query that reads the stream."""
    found = {}
    for stream, sink in STREAMS.items():
        reply = json.load(ask(url, "/ksql", {"ksql": f"DESCRIBE {sink} EXTENDED;"}))
        topics = {"transaction_stream": "transactions"}.get(stream, stream)
        for summary in reply[0]["sourceDescription"]["queryOffsetSummaries"]:
            for topic in summary["topicSummaries"]:
                if topic["kafkaTopic"].lower() == topics:
                    found[stream] = {str(o["partition"]): o["logEndOffset"] for o in topic["offsets"]}
    missing = sorted(set(STREAMS) - set(found))
    if missing:
        sys.exit(f"no end offsets of {missing}")
    return found


def server_rows(url, stream, count):
    """(partition, offset) -> the values that are compared, of the first `count` rows of each partition in `count`."""
    bounds = " OR ".join(f"(ROWPARTITION={p} AND ROWOFFSET<{end})" for p, end in count.items())
    sql = (f"SELECT ROWPARTITION, ROWOFFSET, ROWTIME, TRANSACTION_ID, AMOUNT FROM {stream.upper()} "
           f"WHERE {bounds} EMIT CHANGES LIMIT {sum(count.values())};")
    rows = {}
    answer = ask(url, "/query-stream", {"sql": sql, "properties": {"auto.offset.reset": "earliest"}})
    for line in answer:
        if b'"columns"' in line:
            p, o, time, key, amount = json.loads(line.strip().rstrip(b",]"), parse_float=str)["row"]["columns"]
            rows[p, o] = (time, key, str(amount))
    return rows


def files_of(folder):
    return [f for f in sorted(folder.rglob("*")) if f.is_file() and not any(
        part.startswith(("_", ".")) for part in f.relative_to(folder).parts)]


def check_stream(url, folder, stream, upto):
    lost = doubled = wrong = 0
    meta = json.loads((folder / "_metadata.json").read_text())
    held = Counter()
    values = {}
    for file in files_of(folder):
        table = pq.read_table(file, partitioning=None,
                              columns=["ROWPARTITION", "ROWOFFSET", "ROWTIME", "TRANSACTION_ID", "AMOUNT"])
        at = table.schema.get_field_index("ROWTIME")
        table = table.set_column(at, "ROWTIME", table.column(at).cast(pa.int64()))
        for p, o, time, key, amount in zip(*[c.to_pylist() for c in table.columns]):
            held[p, o] += 1
            values[p, o] = (time, key, str(amount))
    doubled = sum(n - 1 for n in held.values() if n > 1)
    claimed = {int(p): n for p, n in meta["positions"].items()}
    need = {int(p): max(end, claimed.get(int(p), 0)) for p, end in upto.items()}
    lost = sum(1 for p, end in need.items() for o in range(end) if (p, o) not in held)
    sent = server_rows(url, stream, need)
    wrong += sum(1 for at, value in values.items() if sent.get(at) != value)
    wrong += int(meta["total_records"] != sum(held.values()))
    return lost, doubled, wrong, sum(held.values())


def check_table(folder, count_column, transactions):
    meta = json.loads((folder / "_metadata.json").read_text())
    versions = sorted(p.name for p in folder.iterdir() if p.name.startswith("version="))
    named = sorted(p["path"] for p in meta["partitions"])
    wrong = int(versions != named) + int(f"version=v{meta['current_version']}" not in versions)
    table = pa.concat_tables([pq.read_table(f, partitioning=None)
                              for f in files_of(folder / f"version=v{meta['current_version']}")])
    keys = Counter(table.column(0).to_pylist())
    doubled = sum(n - 1 for n in keys.values() if n > 1)
    wrong += int(meta["total_records"] != table.num_rows)
    # The counts of all keys together are the events at the instant of the scan: never below what was there before it.
    lost = max(0, transactions - sum(table.column(count_column).to_pylist()))
    return lost, doubled, wrong, table.num_rows


def main():
    mode, url = sys.argv[1:3]
    if mode == "ends":
        print(json.dumps(ends(url)))
        return 0
    lake, upto, kills = Path(sys.argv[3]), json.loads(sys.argv[4]), sys.argv[5]
    total = [0, 0, 0]
    for stream in STREAMS:
        *found, rows = check_stream(url, lake / "streams" / stream, stream, upto[stream])
        print(f"{stream}: {rows} rows, {sum(upto[stream].values())} before the last export; "
              f"lost {found[0]}, doubled {found[1]}, wrong {found[2]}")
        total = [a + b for a, b in zip(total, found)]
    transactions = sum(upto["transaction_stream"].values())
    for table, column in TABLES.items():
        *found, rows = check_table(lake / "tables" / table, column, transactions)
        print(f"{table}: {rows} rows; lost {found[0]}, doubled {found[1]}, wrong {found[2]}")
        total = [a + b for a, b in zip(total, found)]
    left = [p for p in lake.glob("_lakehand/*/*/staging/*")]
    total[2] += len(left)
    print(f"kills={kills} lost={total[0]} doubled={total[1]} wrong={total[2]}")
    return 1 if any(total) else 0


if __name__ == "__main__":
    sys.exit(main())
