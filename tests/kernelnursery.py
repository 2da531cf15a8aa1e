"""Kernels as small as they can be: real processes that do with kie_nb what they are told, and may be killed at any moment.

The nursery is a process with everything imported; it forks a kernel in a few milliseconds, so that a test can spend many.
Orders and answers are JSON, a line each, over a socket. The waits that are meant for a service far away are cut short in
the nursery; nothing else differs from a notebook's kernel.
"""

import contextlib
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path

ANSWER_S = 60.0
PRESS_AGAIN_S = 0.02
NUMBER_BYTES = 4
PRELOADED = (
    "PIL.Image", "anyio._backends._asyncio", "kie_nb.handles.session", "kie_nb.settings", "kie_nb.service.client",
    "kie_nb.video", "psutil", "sqlalchemy.dialects.sqlite", "warmed",
)  # fmt: skip


class Kernel:
    """One kernel, seen from the test."""

    def __init__(self, pid, line):
        self.pid = pid
        self._line = line
        self._talk = line.makefile("rw", encoding="utf-8")

    def tell(self, do, **order):
        """Give an order and do not wait for its answer."""
        self._talk.write(json.dumps({"do": do, **order}) + "\n")
        self._talk.flush()

    def answer(self):
        """The answer to the oldest order that has none yet; None if the kernel has ended."""
        try:
            text = self._talk.readline()
        except ConnectionError:
            text = ""
        return json.loads(text) if text.endswith("\n") else None

    def ask(self, do, **order):
        """Give an order and wait for its answer."""
        self.tell(do, **order)
        return self.answer()

    def interrupt(self):
        """Press ■."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGINT)

    def kill(self):
        """End it as a power cut would, and return when it is gone."""
        if not self._talk.closed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        self.see_out()

    def see_out(self):
        """Return when it is gone."""
        if self._talk.closed:
            return
        while self.answer() is not None:
            pass
        while _exists(self.pid):
            time.sleep(0.001)
        self._talk.close()
        self._line.close()


class Nursery:
    """Gives kernels; what they write to their standard error is in `errors`."""

    def __init__(self, folder):
        self._channel, theirs = socket.socketpair()
        self._errors = Path(folder) / "kernels-errors.txt"
        paths = [str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
        with theirs, self._errors.open("w") as errors:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                cwd=folder,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
            )
        self._channel.settimeout(ANSWER_S)

    @property
    def errors(self):
        """All that was written to the standard error."""
        return self._errors.read_text()

    def kernel(self, **environ):
        """A new kernel with these variables."""
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self._channel, [b"k"], [theirs.fileno()])
            pid = int.from_bytes(self._channel.recv(NUMBER_BYTES), "big")
        ours.settimeout(ANSWER_S)
        born = Kernel(pid, ours)
        born.ask("live", environ=environ)
        return born

    def close(self):
        """No more kernels; those that live end by themselves when their line is cut."""
        self._channel.close()
        self._process.wait(ANSWER_S)


def _exists(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


# --- in the nursery and its kernels -----------------------------------------------------------------------------------


def raise_kernels(channel):
    """Fork a kernel for each line that is handed in, until the channel is cut."""
    for name in PRELOADED:
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead are buried at once
    while True:
        word, lines, *_ = socket.recv_fds(channel, 1, 1)
        if not word:
            return
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            channel.close()
            serve(socket.socket(fileno=lines[0]))
            return  # and end as any process does
        os.close(lines[0])
        channel.sendall(pid.to_bytes(NUMBER_BYTES, "big"))


def _hurry():
    """Waits of seconds and minutes, for a simulator that takes a tenth of a second."""
    from hurry import hurry

    hurry(
        rate_pause_s=0.6,
        fetch_pauses_s=(0.1, 0.2, 0.4, 0.8),
        shortest_look_s=0.05,
        connect_pauses_s=(0.1, 0.2, 0.4),
        upload_pauses_s=(0.1, 0.2),
        accept_wait_s=0.3,
        simulator_looks=(0.05, 1.2),
        lost_after_s=0.0,
        lost_looks=3,
    )


class Switch:
    """Whether ■ means anything just now: between two orders it does not, as in an idle kernel."""

    is_on = has_order = False

    def press(self, *_):
        if self.is_on:
            self.is_on = False
            raise KeyboardInterrupt

    def press_again(self, ignored):
        """A finalizer that was running when ■ was pressed has swallowed it, as Python does: a person presses once more."""
        if ignored.exc_type is not KeyboardInterrupt:
            sys.__unraisablehook__(ignored)
        elif self.has_order:
            self.is_on = True
            threading.Timer(PRESS_AGAIN_S, os.kill, [os.getpid(), signal.SIGINT]).start()


def serve(line):
    """Do what comes in on *line*, one order after the other."""
    switch = Switch()
    signal.signal(signal.SIGINT, switch.press)
    sys.unraisablehook = switch.press_again
    with line, line.makefile("rw", encoding="utf-8") as talk, contextlib.suppress(ConnectionError):
        for text in talk:
            answer = obey(json.loads(text), switch)
            if answer is None:
                return
            talk.write(json.dumps(answer) + "\n")
            talk.flush()


def obey(order, switch):
    """The answer to an order: a run, or what was raised."""
    import kie_nb as kie

    try:
        try:
            switch.has_order = switch.is_on = True
            return ORDERS[order.pop("do")](**order)
        finally:
            switch.has_order = switch.is_on = False
    except kie.KieError as exc:
        return {
            "error": type(exc).__name__,
            "message": exc.message,
            "charged": exc.charged,
            "run": exc.run_id,
        }
    except KeyboardInterrupt as exc:
        return {"error": type(exc).__name__, "message": str(exc), "charged": "", "run": None}
    except Exception:
        return {"crash": traceback.format_exc()}


def _live(environ):
    os.environ.update(environ)
    _hurry()
    return {}


def _generate(**asked):
    import kie_nb as kie

    return _told(kie.generate(**asked))


def _resume():
    import kie_nb as kie

    return {"runs": [run.id for run in kie.resume()]}


def _budget(limit):
    import kie_nb as kie

    return {"limits": kie.budget(limit)}


def _figures():
    from kie_nb import settings
    from kie_nb.handles import get_session

    found = get_session().here.totals(settings.current().service, "notebook")
    return {name: {"spent": f.spent, "reserved": f.reserved, "at_risk": f.at_risk} for name, f in found}


def _of_a_run(act):
    def order(run, **more):
        import kie_nb as kie

        handle = kie.get(run)
        act(handle, **more)
        return _told(handle)

    return order


def _told(run):
    return {"run": run.id, "state": str(run.state), "video": str(run.video) if run.video else None}


ORDERS = {
    "live": _live,
    "generate": _generate,
    "resume": _resume,
    "budget": _budget,
    "figures": _figures,
    "wait": _of_a_run(lambda run: run.wait(30.0)),
    "stop": _of_a_run(lambda run: run.stop_waiting()),
    "adopt": _of_a_run(lambda run, task: run.adopt(task)),
    "resend": _of_a_run(lambda run, yes: run.resend(yes=yes)),
    "write_off": _of_a_run(lambda run, charged: run.write_off(charged=charged)),
    "quit": lambda: None,
}


if __name__ == "__main__":
    raise_kernels(socket.socket(fileno=int(sys.argv[1])))
