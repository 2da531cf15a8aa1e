"""A process that buys videos and is killed for it: what it does, and where it ends itself if it is told to.

A buyer is forked from a warm server (`multiprocessing`'s own), because two hundred of them are needed and importing takes
longer than a run's life. Nothing of kie_nb is replaced: where no sign shows outside that a step is reached, Python's own
trace and audit hooks watch for it from inside, and what follows is a SIGKILL like any other.

The kinds of end: ``{"call": "ledger/runs.py:moved", "with": {"to": "accepted"}}`` before the body of a function runs,
``{"leave": ...}`` when it returns, ``{"rename": ".mp4"}`` right before a file gets such a name, ``{"line": n}`` at the
n-th executed line of kie_nb in all its threads, ``{"at": "engine/sending.py:61", "visit": 2}`` before that line comes
again. With ``"goes_on": True`` the place is told and the process lives on.
"""

import contextlib
import datetime as dt
import json
import os
import random
import resource
import signal
import sys
import threading
import time
import types
from pathlib import Path

import kie_nb as kie
from kie_nb import settings
from kie_nb.handles import get_session

PACKAGE = str(Path(kie.__file__).parent) + os.sep
PATIENCE_S = 120
# What a process of a user has loaded by its second cell: the server loads it once for all buyers.
WARM = (
    "crashbuyer", "warmed", "pytest", "concurrent.futures.thread", "dotenv", "psutil", "av.subtitles.stream", "PIL.PngImagePlugin",
    "PIL.JpegImagePlugin", "httpcore", "h11", "anyio._backends._asyncio", "sniffio", "certifi", "encodings.idna",
    "IPython.core.interactiveshell", "IPython.core.magics", "IPython.core.completer", "sqlalchemy.dialects.sqlite",
    "kie_nb.api", "kie_nb.handles.session", "kie_nb.video", "kie_nb.notebook.extension", "kie_nb.notebook.kie_magic",
    "kie_nb.notebook.wan_magic", "kie_nb.notebook.video", "kie_nb.notebook.card",
)  # fmt: skip


def buy(order):
    """One life: the steps of *order* one after the other; what came of them is written down at the end, if it is reached."""
    log = os.open(order["log"], os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    for name in [name for name in os.environ if name.startswith("KIE_")]:
        del os.environ[name]
    os.environ.update(order["env"])
    os.chdir(order["folder"])
    watch = Watch(order.get("end"), Path(order["place"]))
    watch.begin()
    report = {}
    for step in order["steps"]:
        report[step["do"]] = STEPS[step["do"]](
            **{name: value for name, value in step.items() if name != "do"}
        )
    report["watched"] = watch.end()
    part = Path(f"{order['report']}.part")
    part.write_text(json.dumps(report))
    part.replace(order["report"])


def resume():
    """`%kie resume`, as a person types it after a restart; gives what it prints."""
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output
    from traitlets.config import Config

    shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
    shell.extension_manager.load_extension("kie_nb")
    with capture_output(display=False) as said:
        shell.run_line_magic("kie", "resume")
    return said.stdout


def ask(cells):
    """Run the notebook's cells; gives for each the id, the end and the error of its run."""
    asked = []
    for cell in cells:
        try:
            asked.append(kie.generate(**cell, wait=False))
        except kie.KieError as exc:
            asked.append(exc)
    return [_outcome(run) for run in asked]


def _outcome(run):
    error = run if isinstance(run, kie.KieError) else None
    if error is None:
        try:
            run.wait(PATIENCE_S)
        except kie.KieError as exc:
            error = exc
    else:
        run = kie.get(error.run_id)
    return {"run": run.id, "state": run.state, "error": type(error).__name__ if error else None}


def adopt(tasks):
    """Settle unknown runs with the tasks that were found for them at the service."""
    for run_id, task_id in tasks.items():
        run = kie.get(run_id)
        while run.state == "unknown":
            with contextlib.suppress(kie.ServiceTrouble):  # "asking again is safe"
                run.adopt(task_id)
        run.wait(PATIENCE_S)


def write_off(runs):
    """Give up runs of which the service shows no task."""
    for run_id in runs:
        kie.get(run_id).write_off(charged=False)


def books():
    """What the runs cost, have reserved and may have cost, as `%kie spend` adds it up."""
    found = [figures for _, figures in get_session().here.totals(settings.current().service, "model")]
    return {
        name: sum(getattr(figures, name) for figures in found) for name in ("spent", "reserved", "at_risk")
    }


def open_ledger():
    """The first thing that any call does: open the ledger, and bring it up to date."""
    return [run.id for run in kie.runs(limit=None)]


def grid(seeds, prompts, image):
    """Run an experiment to the end of what can be done without its owner's word; gives its cells by state."""
    exp = kie.Experiment("grid", image=image, prompt=prompts, seed=range(seeds))
    exp.run(parallel=4, stop_after_unknowns=1000, stop_after_failures=1000).wait(PATIENCE_S)
    return exp.status().counts


def settle(tasks):
    """Bring home what tasks of which nothing is known have made, by their evidence; give up what made none."""
    for task in tasks:
        done = False
        while not done:
            with contextlib.suppress(kie.ServiceTrouble):  # "asking again is safe"
                kie.settle(task)
                done = True
    left = [run for run in kie.runs(state="unknown", limit=None) if run.evidence()]
    for run in left:
        run.write_off(charged=False)
    return [run.id for run in left]


def fill_at_times(seed):
    """From now on the disk is full now and then, for some tenths of a second: no file may grow beyond 300 bytes."""
    chance = random.Random(seed)  # noqa: S311

    def fill():
        while True:
            for most in (resource.RLIM_INFINITY, 300):
                resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
                time.sleep(chance.uniform(0.1, 0.8) * (1 if most == 300 else 4))

    threading.Thread(target=fill, daemon=True).start()


def follow_clock(file):
    """From now on the clock is wrong by the seconds that *file* holds at the moment.

    libfaketime shifts the moments that sleeps end at as well.
    """
    from kie_nb.ledger import schema

    right, offset = time.time, Path(file)

    class Wrong(dt.datetime):
        @classmethod
        def now(cls, tz=None):
            return dt.datetime.now(tz) + dt.timedelta(seconds=int(offset.read_text()))

    schema.dt = types.SimpleNamespace(**vars(dt) | {"datetime": Wrong})
    time.time = lambda: right() + int(offset.read_text())


STEPS = {
    step.__name__: step
    for step in (resume, ask, adopt, write_off, books, open_ledger, grid, settle, fill_at_times, follow_clock)
}


class Watch:
    """Waits for the moment that an order names, writes down where that was, and kills this process."""

    def __init__(self, moment, place):
        self._moment, self._place = moment or {}, place
        self._lines = 0
        self._seen = {}
        self._file, _, self._name = (self._moment.get("call") or self._moment.get("leave") or "").partition(
            ":"
        )

    def begin(self):
        """Watch from now on, in every thread."""
        if "rename" in self._moment:
            sys.addaudithook(self._audit)
        elif self._moment:
            tracer = self._function if self._name else self._any
            threading.settrace(tracer)
            sys.settrace(tracer)

    def end(self):
        """Watch no more; how many lines there were, and which."""
        threading.settrace(None)
        sys.settrace(None)
        return {"lines": self._lines, "places": self._seen}

    def _audit(self, event, args):
        if event == "os.rename" and str(args[1]).endswith(self._moment["rename"]):
            self._die(f"rename to {Path(args[1]).name}")

    def _function(self, frame, _event, _arg):
        code = frame.f_code
        if code.co_name != self._name or code.co_filename != PACKAGE + self._file:
            return None
        wanted = self._moment.get("with", {})
        if any(frame.f_locals.get(name) != value for name, value in wanted.items()):
            return None
        if "call" in self._moment:
            self._die(f"{self._file}:{self._name}")
        return self._left

    def _left(self, _frame, event, _arg):
        if event == "return":
            self._die(f"end of {self._file}:{self._name}")
        return self._left

    def _any(self, frame, _event, _arg):
        return self._line if frame.f_code.co_filename.startswith(PACKAGE) else None

    def _line(self, frame, event, _arg):
        if event == "line":
            self._lines += 1
            place = f"{frame.f_code.co_filename.removeprefix(PACKAGE)}:{frame.f_lineno}"
            self._seen[place] = self._seen.get(place, 0) + 1
            is_there = place == self._moment.get("at") and self._seen[place] == self._moment.get("visit", 1)
            if is_there or self._lines == self._moment.get("line"):
                self._die(f"{place} {frame.f_code.co_name}")
        return self._line

    def _die(self, where):
        with contextlib.suppress(OSError):
            self._place.write_text(where)
        if not self._moment.get("goes_on"):
            os.kill(os.getpid(), signal.SIGKILL)
