"""Fetching a large video: `media.download` against plain httpx; run by hand, prints a table.

    python tests/benchmarks/bench_download.py
    python tests/benchmarks/bench_download.py --megabytes 500 --rounds 9

A file is served from a process of its own over loopback (with a length and ranges, an MP4 by its first bytes). Every fetch
runs in a fresh process, and the ways take turns, round after round. Each process has fetched a megabyte before, so that
imports and certificates are not measured, except by `httpx.stream` as people write it, which makes a client for each call.
Blocking code runs in a worker thread beside an idle loop, as in a kernel.

`media.download` ends with an fsync, for what it names as done must survive a power cut; the fair peer is therefore the one
with an fsync, and its row without one is there to show what that costs on this disk. Memory is the growth of the peak.
"""

import argparse
import asyncio
import json
import os
import resource
import socketserver
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HEAD = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00isommp42"
WAYS = {
    "kie_nb": "media.download",
    "kie_nb-nosync": "  its fsyncs left out",
    "call": "httpx.stream, no fsync",
    "thread": "Client.stream, no fsync",
    "thread-sync": "Client.stream, fsync",
    "async": "AsyncClient.stream, no fsync",
    "async-sync": "AsyncClient.stream, fsync",
}
WARM = 1_000_000


class Handler(socketserver.StreamRequestHandler):
    """One connection: `/<bytes>` gives that many, and ranges of them."""

    def handle(self):
        size = int(self.rfile.readline().split()[1].strip(b"/"))
        first = 0
        while (line := self.rfile.readline().strip()) != b"":
            name, _, value = line.partition(b":")
            if name.lower() == b"range":
                first = int(value.strip().removeprefix(b"bytes=").partition(b"-")[0])
        status = (
            f"206 Partial Content\r\nContent-Range: bytes {first}-{size - 1}/{size}" if first else "200 OK"
        )
        head = f'HTTP/1.1 {status}\r\nContent-Type: video/mp4\r\nAccept-Ranges: bytes\r\nETag: "one"\r\n'
        self.wfile.write(f"{head}Content-Length: {size - first}\r\nConnection: close\r\n\r\n".encode())
        beginning = (HEAD + (size - len(HEAD)).to_bytes(4, "big") + b"mdat")[first:]
        self.wfile.write(beginning)
        left, block = size - first - len(beginning), memoryview(bytes(1 << 20))
        while left:
            left -= self.connection.send(block[: min(left, len(block))])


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


def serve():
    with Server(("127.0.0.1", 0), Handler) as server:
        print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
        server.serve_forever()


def plain(client, url, target, *, sync):
    """What people write."""
    with client.stream("GET", url) as response, target.open("wb") as file:
        for chunk in response.iter_bytes():
            file.write(chunk)
        if sync:
            file.flush()
            os.fsync(file.fileno())


async def plain_async(client, url, target, *, sync):
    async with client.stream("GET", url) as response:
        with target.open("wb") as file:
            async for chunk in response.aiter_bytes():
                file.write(chunk)
            if sync:
                file.flush()
                os.fsync(file.fileno())


def fetcher(way):
    """A coroutine function of (url, target)."""
    import httpx

    if way.startswith("kie_nb"):
        from kie_nb.service import media
        from kie_nb.video.sniff import looks_like_video

        if way.endswith("nosync"):
            os.fsync = lambda _handle: None

        return lambda url, target: asyncio.to_thread(media.download, url, target, accept=looks_like_video)
    sync = way.endswith("sync") and way != "async"
    if way == "call":
        return lambda url, target: asyncio.to_thread(plain, httpx, url, target, sync=False)
    if way.startswith("thread"):
        client = httpx.Client()
        return lambda url, target: asyncio.to_thread(plain, client, url, target, sync=sync)
    client = httpx.AsyncClient()
    return lambda url, target: plain_async(client, url, target, sync=sync)


def peak():
    """The largest this process has been, in MB."""
    scale = 1e6 if sys.platform == "darwin" else 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale


async def work(args):
    fetch = fetcher(args.worker)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "clip.mp4"
        await fetch(f"{args.base_url}/{WARM}", target)
        target.unlink()
        size = args.megabytes * 1_000_000
        before, cpu, start = peak(), time.process_time(), time.perf_counter()
        await fetch(f"{args.base_url}/{size}", target)
        took, used = time.perf_counter() - start, time.process_time() - cpu
        assert target.stat().st_size == size
    print(json.dumps({"rate": args.megabytes / took, "cpu": used, "growth": peak() - before}))


def compare(args):
    rows = {way: [] for way in WAYS}
    server = subprocess.Popen([sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True)
    try:
        base_url = server.stdout.readline().strip()
        for number in range(args.rounds):
            # Every other round backwards: nobody always comes after the same neighbour.
            for way in list(WAYS)[:: -1 if number % 2 else 1]:
                os.sync()  # what an earlier fetch left to write is not this one's
                command = [sys.executable, __file__, "--worker", way, "--base-url", base_url]
                command += ["--megabytes", str(args.megabytes)]
                done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
                rows[way].append(json.loads(done.stdout))
    finally:
        server.kill()
        server.wait()
        server.stdout.close()
    table(args, rows)


def table(args, rows):
    def middle(way, key):
        return statistics.median(row[key] for row in rows[way])

    def ratio(way, peer):
        return statistics.median(
            mine["rate"] / other["rate"] for mine, other in zip(rows[way], rows[peer], strict=True)
        )

    print(f"{args.megabytes} MB over loopback, median of {args.rounds} fresh processes each")
    print(f"{'':32}{'MB/s':>8}{'slowest':>9}{'fastest':>9}{'cpu, s':>9}{'memory, MB':>12}")
    for way, title in WAYS.items():
        rates = [row["rate"] for row in rows[way]]
        print(
            f"{title:32}{middle(way, 'rate'):>8.0f}{min(rates):>9.0f}{max(rates):>9.0f}"
            f"{middle(way, 'cpu'):>9.2f}{'+' + format(middle(way, 'growth'), '.1f'):>12}"
        )
    print("\nrate of media.download by that of the peer, median over the rounds (target 0.9)")
    for way, peers in {
        "kie_nb": ("thread-sync", "async-sync", "thread", "call"),
        "kie_nb-nosync": ("thread", "async"),
    }.items():
        for peer in peers:
            print(f"{WAYS[way].strip() + ' / ' + WAYS[peer]:58}{ratio(way, peer):>6.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--worker", choices=tuple(WAYS), help=argparse.SUPPRESS)
    parser.add_argument("--base-url", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve()
    elif given.worker:
        asyncio.run(work(given))
    else:
        compare(given)
