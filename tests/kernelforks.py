"""ipykernels that start in milliseconds: forks of one process that has imported what a kernel imports anyway.

Each is a process of its own, started by jupyter_client with its own variables, folder and files; an import alone costs a
second of computing otherwise. What watches the start itself, and every runner, starts Python as ever.
"""

import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import time

NUMBER_BYTES = 4
ANSWER_S = 60.0
LONGEST = 1 << 20  # bytes of an order
PRELOADED = (
    "ipykernel.kernelapp", "ipykernel.ipkernel", "IPython.core.completer", "IPython.core.magics.extension", "anywidget",
    "ipywidgets", "PIL.Image", "PIL.ImageOps", "av.subtitles.stream", "anyio._backends._asyncio", "dotenv", "numpy", "psutil",
    "sqlalchemy.dialects.sqlite", "kie_nb.api", "kie_nb.handles.session", "kie_nb.notebook.card", "kie_nb.notebook.extension",
    "kie_nb.notebook.kie_magic", "kie_nb.notebook.wan_magic", "kie_nb.service.client", "kie_nb.service.reach", "kie_nb.video",
)  # fmt: skip


class Forked:
    """A fork, with as much of `subprocess.Popen` as jupyter_client asks of a kernel."""

    stdin = stdout = stderr = None

    def __init__(self, pid):
        self.pid = pid

    def poll(self):
        """0 if it is gone, else None."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return 0
        return None

    def wait(self, timeout=ANSWER_S):
        """Return when it is gone."""
        end = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired("a forked kernel", timeout)
            time.sleep(0.005)
        return 0

    def send_signal(self, number):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def terminate(self):
        self.send_signal(signal.SIGTERM)


class Parent:
    """The process that is forked, which imports these modules too."""

    def __init__(self, *more):
        self._channel, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno()), *more],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env=os.environ
                | {"OPENBLAS_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"},  # a fork has no other thread
                start_new_session=True,
            )
        self._channel.settimeout(ANSWER_S)
        atexit.register(self.close)

    def fork(self, command, *, cwd, env, stdout=None, stderr=None, **_):
        """Start `python -m MODULE …` in a fork."""
        order = json.dumps({"command": command[1:], "cwd": str(cwd), "env": env}).encode()
        files = [number if file is None else file.fileno() for number, file in ((1, stdout), (2, stderr))]
        socket.send_fds(self._channel, [order], files)
        return Forked(int.from_bytes(self._channel.recv(NUMBER_BYTES), "big"))

    def close(self):
        self._channel.close()
        self._process.wait(ANSWER_S)


parent = functools.cache(Parent)


@functools.cache
def manager_class(name="KernelManager", *, is_forked=True):
    """jupyter_client's class of this *name*; its kernels are forks where that is possible and wanted."""
    from jupyter_client import manager  # late: most workers start no kernel
    from kernelprovisioner import Provisioner

    class Manager(getattr(manager, name)):
        def __init__(self, **options):
            super().__init__(**options)
            self.provisioner = Provisioner(
                kernel_id=self.kernel_id, kernel_spec=self.kernel_spec, parent=self
            )

    return Manager if is_forked and sys.platform == "linux" else getattr(manager, name)


def client(notebook, folder):
    """nbclient's, in *folder*."""
    from nbclient import NotebookClient

    own = {"kernel_manager_class": manager_class("AsyncKernelManager"), "kernel_name": "python3"}
    return NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}}, **own)


# --- in the process that is forked ------------------------------------------------------------------------------------


def serve(channel, more):
    """Fork for each order, until the channel is cut."""
    gc.disable()
    for name in (*PRELOADED, *more):
        importlib.import_module(name)
    sys.modules["PIL.Image"].preinit()
    sys.modules["kie_nb.service.reach"].certificates()
    gc.freeze()  # no fork looks through it, which would copy it
    gc.enable()
    signal.signal(signal.SIGCHLD, bury)
    while True:
        order, files, *_ = socket.recv_fds(channel, LONGEST, 2)
        if not order:
            return
        pid = os.fork()
        if pid == 0:
            channel.close()
            become(json.loads(order), files)
            return  # and end as any process does
        for file in files:
            os.close(file)
        channel.sendall(pid.to_bytes(NUMBER_BYTES, "big"))


def bury(*_):
    """Wait for those that have ended; nobody asks how."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def become(order, files):
    """Be the Python process that was ordered."""
    parent_pid = os.getppid()
    os.setsid()
    for file, place in zip(files, (1, 2), strict=True):
        os.dup2(file, place)
        os.close(file)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(order["env"] | {"JPY_PARENT_PID": str(parent_pid)})  # it ends when its parent does
    if os.environ.pop("TINY_VIDEOS", ""):
        from kie_nb.simulator import Simulator

        Simulator.__init__.__kwdefaults__["tiny"] = True
    time.tzset()
    os.chdir(order["cwd"])
    assert order["command"][0] == "-m"
    sys.argv = order["command"][1:]
    sys.path[0] = order["cwd"]  # as `-m` has it
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])), sys.argv[2:])
