"""What the package costs a notebook, in real kernels; run by hand, prints tables.

    python tests/benchmarks/bench_notebook.py
    python tests/benchmarks/bench_notebook.py --only cards --live 500

load   `%load_ext kie_nb` against `import httpx`, each in fresh kernels, and which heavy modules came with it.
card   what one `%%kie_wan` cell sends over IOPub until its video is shown, and the time of the cell itself.
cards  a cell's round trip beside many live runs whose cards are shown, and how many messages they send. A Jupyter server
       drops messages above 1000 a second (over 3 s); what the kernel sends is counted here before any server.

The service is a simulator in a process of its own. Bytes are those on the wire, headers and signatures included.
"""

import argparse
import collections
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

from jupyter_client.manager import KernelManager
from PIL import Image

HEAVY = ("sqlalchemy", "av", "numpy", "PIL", "uvicorn", "pydantic", "httpx", "ipywidgets")
SCRUBBED = ("KIE_", "IPYTHON", "JUPYTER")
WINDOW_S, LIMIT = 3.0, 1000  # how a Jupyter server counts, and what it lets through a second
TIMED = """
from time import perf_counter as clock
start = clock()
{code}
print((clock() - start) * 1000)
"""
CPU = """
import time
start = time.process_time()
time.sleep(10)
print((time.process_time() - start) * 10)
"""
LIVE = """
import kie_nb
for seed in range({live}):
    run = kie_nb.generate("waves", model="wan/2-5-text-to-video", seed=seed, wait=False)
    {show}
"""


class Message(NamedTuple):
    at: float
    kind: str
    parent: str | None
    size: int
    text: str
    frames: bytes


class Kernel:
    """A kernel of which every IOPub message is kept, with the moment it came."""

    def __init__(self, folder, **given):
        os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"  # this environment's kernel
        kept = {name: value for name, value in os.environ.items() if not name.startswith(SCRUBBED)}
        own = {
            "HOME": str(folder),
            "IPYTHONDIR": str(folder / "ipython"),
            "KIE_NB_STATE": str(folder / "state"),
            "VOILA_REQUEST_URL": "",  # somebody watches: else there are no cards
        }
        self._manager = KernelManager(kernel_name="python3")
        self._manager.start_kernel(
            cwd=str(folder),
            env={**kept, **own, **given},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._client = self._manager.blocking_client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=60)
        self.messages = []
        self._over = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        session, socket = self._client.session, self._client.iopub_channel.socket
        while not self._over.is_set():
            if not socket.poll(100):
                continue
            frames = socket.recv_multipart()
            at = time.perf_counter()
            _, parts = session.feed_identities(frames)
            found = session.deserialize(parts)
            content = found["content"]
            self.messages.append(
                Message(
                    at,
                    found["msg_type"] if found["msg_type"] != "status" else content["execution_state"],
                    found["parent_header"].get("msg_id"),
                    sum(map(len, frames)),
                    content.get("text") or "\n".join(content.get("traceback", [])),
                    b"".join(parts),
                )
            )

    def run(self, code, *, timeout_s=180):
        """The cell's printed text, the seconds until its reply, and the moments it was sent and idle."""
        sent = time.perf_counter()
        number = self._client.execute(code, allow_stdin=False)
        while (reply := self._client.get_shell_msg(timeout=timeout_s))["parent_header"].get(
            "msg_id"
        ) != number:
            pass
        took = time.perf_counter() - sent
        idle = self.until(
            lambda: next((m.at for m in self.messages if m.kind == "idle" and m.parent == number), None)
        )
        text = "".join(m.text for m in self.messages if m.parent == number)
        assert reply["content"]["status"] == "ok", text
        return text, took, sent, idle

    def until(self, condition, timeout_s=60):
        end = time.monotonic() + timeout_s
        while not (answer := condition()):
            assert time.monotonic() < end, "the kernel did not answer in time"
            time.sleep(0.005)
        return answer

    def since(self, start, end=float("inf")):
        return [message for message in list(self.messages) if start <= message.at < end]

    def close(self):
        self._over.set()
        self._reader.join()
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)
        self._manager.cleanup_resources()


@contextlib.contextmanager
def kernel(**given):
    """A fresh kernel in a fresh folder with a picture."""
    with tempfile.TemporaryDirectory() as folder:
        Image.new("RGB", (480, 270), (200, 120, 40)).save(Path(folder) / "cat.png")
        opened = Kernel(Path(folder), **given)
        try:
            yield opened
        finally:
            opened.close()


@contextlib.contextmanager
def service(seconds):
    """A simulator in another process whose tasks take *seconds*; the variables that lead to it."""
    command = [sys.executable, __file__, "--serve", str(seconds)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield {
                "KIE_BASE_URL": server.stdout.readline().strip(),
                "KIE_API_KEY": "bench",
                "KIE_NB_CREATES_PER_WINDOW": "10000",
            }
        finally:
            server.stdin.close()


def serve(seconds):
    from kie_nb.simulator import Simulator

    simulator = Simulator(
        tiny=True, credits=1e9, creates_per_window=10_000, duration_s=lambda _request: seconds
    ).start()
    print(simulator.base_url, flush=True)
    sys.stdin.read()
    simulator.stop()


def load(args):
    ways = {"import httpx": "import httpx", "%load_ext kie_nb": "%load_ext kie_nb"}
    took, heavy = {way: [] for way in ways}, []
    for number in range(args.kernels + 1):
        for way, code in ways.items():
            with kernel() as fresh:
                text = fresh.run(TIMED.format(code=code))[0]
                if number:  # the first ones read the files from the disk
                    took[way].append(float(text))
                if way != "import httpx":
                    heavy = fresh.run(f"import sys; print(*[n for n in {HEAVY!r} if n in sys.modules])")[
                        0
                    ].split()
    print(f"load, median of {args.kernels} fresh kernels each, ms")
    print(f"{'':24}{'median':>9}{'fastest':>9}{'slowest':>9}")
    for way, times in took.items():
        print(f"{way:24}{statistics.median(times):>9.1f}{min(times):>9.1f}{max(times):>9.1f}")
    pair = [statistics.median(times) for times in took.values()]
    print(f"{'ratio (target 1.5)':24}{pair[1] / pair[0]:>9.2f}")
    print(f"of {', '.join(HEAVY)} loaded: {', '.join(heavy) or 'none'}\n")


def card(args):
    with service(args.seconds) as given, kernel(**given) as fresh:
        fresh.run("%load_ext kie_nb")
        print(f"card, one %%kie_wan cell each, a task of {args.seconds:g} s; messages and bytes on IOPub")
        print(f"{'':24}{'messages':>10}{'kB':>9}{'a second':>10}")
        replies = []
        for seed, name in enumerate(("the kernel's first", "the second")):
            _, took, start, idle = fresh.run(f"%%kie_wan --image cat.png --seed {seed}\nThe cat smiles.")
            replies.append(took)
            shown = fresh.until(
                lambda start=start: next((m.at for m in fresh.since(start) if b"<video" in m.frames), None)
            )
            time.sleep(2.5)  # what else may come after the end
            print(name)
            for title, since, until in (
                ("  creation", start, idle + 1e-6),
                ("  while it runs", idle + 1e-6, shown),
                ("  end, with the video", shown, float("inf")),
            ):
                found = fresh.since(since, until)
                rate = f"{len(found) / (until - since):>10.1f}" if title.startswith("  while") else ""
                print(f"{title:24}{len(found):>10}{sum(m.size for m in found) / 1000:>9.1f}{rate}")
                counts = collections.Counter(m.kind for m in found)
                print(f"{'':26}{', '.join(f'{count} {kind}' for kind, count in counts.most_common())}")
        for seed in range(2, 12):
            replies.append(fresh.run(f"%%kie_wan --image cat.png --seed {seed}\nThe cat smiles.")[1])
        print("the cell itself, until its reply, ms")
        print(f"{'  the first':24}{replies[0] * 1000:>10.0f}")
        print(f"{'  median of 11 more':24}{statistics.median(replies[1:]) * 1000:>10.0f}\n")


def cards(args):
    names = ("no run", f"{args.live} live runs, no card", f"{args.live} live runs with cards")
    with contextlib.ExitStack() as stack:
        given = stack.enter_context(service(300.0))
        kernels = [stack.enter_context(kernel(**given)) for _ in names]
        for each in kernels:
            each.run("%load_ext kie_nb")
        kernels[1].run(LIVE.format(live=args.live, show="pass"), timeout_s=600)
        fresh = kernels[2]
        _, took, start, idle = fresh.run(LIVE.format(live=args.live, show="run.show()"), timeout_s=600)
        birth = fresh.since(start, idle)
        time.sleep(args.settle)
        begin = time.perf_counter()
        times = round_trips(kernels, args.cells)
        end = time.perf_counter()
        # Without what the measured cells send themselves: busy, execute_input, result, idle.
        sent = [
            m for m in fresh.since(begin, end) if m.kind in {"comm_msg", "update_display_data", "comm_open"}
        ]
        cpu = [float(each.run(CPU)[0]) for each in kernels]
    print(
        f"cards, {args.live} live runs; round trip of `1+1` until its reply, {args.cells} each in turns, ms"
    )
    print(f"{'':28}{'median':>9}{'p95':>9}{'slowest':>9}{'ratio':>8}{'own cpu':>10}")
    for name, seconds, used in zip(names, times, cpu, strict=True):
        values = sorted(value * 1000 for value in seconds)
        ratio = statistics.median(seconds) / statistics.median(times[0])
        print(
            f"{name:28}{statistics.median(values):>9.2f}{values[int(len(values) * 0.95)]:>9.2f}{values[-1]:>9.2f}"
            f"{ratio:>8.2f}{used:>8.1f} %"
        )
    print(f"{'':28}{'messages':>9}{'a second':>9}{'most/s':>9}   (a server lets {LIMIT} a second through)")
    for name, found, seconds in (("making them", birth, took), ("while they run", sent, end - begin)):
        print(f"{name:28}{len(found):>9}{len(found) / seconds:>9.1f}{densest(found):>9.0f}")
    print(f"making a run and its card took {took / args.live * 1000:.0f} ms\n")


def round_trips(kernels, count):
    """In turns, so that the machine is the same for all, and spread out, to meet whatever the cards do now and then."""
    times = [[] for _ in kernels]
    for _ in range(count):
        for fresh, took in zip(kernels, times, strict=True):
            took.append(fresh.run("1+1")[1])
            time.sleep(0.1)
    return times


def densest(messages):
    """The most messages within the server's window, by the second."""
    times = [message.at for message in messages]
    first, most = 0, 0
    for last, at in enumerate(times):
        while at - times[first] > WINDOW_S:
            first += 1
        most = max(most, last - first + 1)
    return most / WINDOW_S


if __name__ == "__main__":
    parts = {"load": load, "card": card, "cards": cards}
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=tuple(parts), help="one part instead of all")
    parser.add_argument("--kernels", type=int, default=7, help="fresh kernels for each way of `load`")
    parser.add_argument("--seconds", type=float, default=8.0, help="duration of a task of `card`")
    parser.add_argument("--live", type=int, default=200, help="live runs of `cards`")
    parser.add_argument("--cells", type=int, default=50, help="round trips of `cards`")
    parser.add_argument("--settle", type=float, default=5.0, help="seconds before `cards` measures")
    parser.add_argument("--serve", type=float, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve is not None:
        serve(chosen.serve)
    else:
        for key, part in parts.items():
            if chosen.only in {None, key}:
                part(chosen)
