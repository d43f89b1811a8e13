"""Rows a second through a network that is far away: a proxy that holds back every byte for so long, each way.

    python3 scripts/latency.py LAKEHAND [--rows 200000] [--delays 0,0.1,10,100] [--runs 3] [--feed transaction_flattened]

LAKEHAND is the release program. It serves the demo in one process (a chunk a row, as real servers do) and exports from
it in another, through the proxy. The runs of the delays take turns; medians, in brackets the slowest and the fastest, and the
CPU seconds of the export. Only the standard library is used. Delays are milliseconds; bandwidth is not limited.
"""

import argparse
import asyncio
import json
import resource
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
from pathlib import Path

FEEDS = Path(__file__).parent.parent / "feeds"


async def pipe(reader, writer, delay):
    """Bytes in, and `delay` seconds later out; reading goes on meanwhile, up to 64 MiB."""
    queue, room = asyncio.Queue(), asyncio.Semaphore(1024)

    async def send():
        while True:
            at, data = await queue.get()
            await asyncio.sleep(max(0, at - time.monotonic()))
            room.release()
            if not data:
                break
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()

    sending = asyncio.create_task(send())
    try:
        while True:
            await room.acquire()
            data = await reader.read(65536)
            await queue.put((time.monotonic() + delay, data))
            if not data:
                break
        await sending
    except (ConnectionError, asyncio.CancelledError):
        sending.cancel()
    writer.close()


def proxy(port, delay):
    """Starts the proxy on a thread; gives its port."""
    ready, found = threading.Event(), []

    async def serve():
        async def accept(reader, writer):
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(pipe(reader, far_writer, delay), pipe(far_reader, writer, delay), return_exceptions=True)

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        found.append(server.sockets[0].getsockname()[1])
        ready.set()
        await server.serve_forever()

    threading.Thread(target=lambda: asyncio.run(serve()), daemon=True).start()
    ready.wait()
    return found[0]


def export(lakehand, port, feed):
    """One export into a new lake; its rows, seconds by the clock, and CPU seconds."""
    with tempfile.TemporaryDirectory() as root:
        shutil.copytree(FEEDS, Path(root) / "feeds")
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        subprocess.run([lakehand, "-C", root, "--server", f"http://127.0.0.1:{port}", "export", "--feed", feed],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seconds, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        held = json.loads((Path(root) / "data_lake/streams" / feed / "_metadata.json").read_text())
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return held["total_records"], seconds, cpu


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("lakehand")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--delays", default="0,0.1,10,100")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--feed", default="transaction_flattened")
    args = parser.parse_args()
    server = subprocess.Popen([args.lakehand, "demo", "--serve", "--rows", str(args.rows)], stdout=subprocess.PIPE, text=True)
    try:
        port = int(server.stdout.readline().strip().rsplit(":", 1)[1])
        delays = args.delays.split(",")
        ports = {delay: proxy(port, float(delay) / 1000) for delay in delays}
        runs = {delay: [] for delay in delays}
        for _ in range(args.runs):
            for delay in delays:
                runs[delay].append(export(args.lakehand, ports[delay], args.feed))
        for delay in delays:
            rates = [rows / seconds for rows, seconds, _ in runs[delay]]
            cpu = statistics.median(cpu for _, _, cpu in runs[delay])
            print(f"{delay:>5} ms each way: {runs[delay][0][0]} rows, {statistics.median(rates):8.0f} rows/s "
                  f"[{min(rates):.0f}-{max(rates):.0f}], {cpu:.2f} CPU s", flush=True)
    finally:
        server.terminate()


if __name__ == "__main__":
    main()
