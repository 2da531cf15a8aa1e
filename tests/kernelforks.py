"""Kernels and programs that start in milliseconds: forks of one process that has imported what they import anyway.

All workers of a test run and the Jupyter servers that they start share it. A kernel is a process of its own, started by
jupyter_client with its own variables, folder and files; a program is one that shows its command line, as who looks for the
runner of a kernel reads it, and its kernels are forks of it; a script has the pipes, the end and the signals of any child.
Imports alone cost a second of computing otherwise.
What watches the start itself, and the runners that are to be recognised, start Python as ever.
"""

import atexit
import contextlib
import ctypes
import functools
import gc
import importlib
import json
import os
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import types
from pathlib import Path

NUMBER_BYTES = 4
ANSWER_S = 60.0
LONGEST = 1 << 20  # bytes of an order
FOLDER = "FORKED_KERNELS"  # the variable with its name
NAME = "parent"
PRELOADED = (
    "ipykernel.kernelapp", "ipykernel.ipkernel", "IPython.core.completer", "IPython.core.magics.extension", "anywidget",
    "ipywidgets", "PIL.Image", "PIL.ImageOps", "av.subtitles.stream", "anyio._backends._asyncio", "dotenv", "numpy", "psutil",
    "sqlalchemy.dialects.sqlite", "kie_nb.api", "kie_nb.handles.session", "kie_nb.notebook.card", "kie_nb.notebook.extension",
    "kie_nb.notebook.kie_magic", "kie_nb.notebook.wan_magic", "kie_nb.service.client", "kie_nb.service.reach", "kie_nb.video",
    # What front ends ask for, and the embedded simulator.
    "IPython.extensions.storemagic", "PIL.ImageDraw", "PIL.ImageFont", "encodings.idna", "ipykernel.debugger",
    "kie_nb.notebook.gallery", "kie_nb.notebook.panel", "kie_nb.simulator.draw", "kie_nb.simulator.server", "pdb",
    "tornado.platform.asyncio", "uvicorn.lifespan.off", "uvicorn.protocols.http.h11_impl", "kernelprovisioner", "warmed",
)  # fmt: skip
OF_PROGRAMS = (
    "jupytext.cli",
    "nbclient",
    "nbconvert.nbconvertapp",
    "papermill.cli",
)  # imported with the first of them
ROOM = 4000  # bytes of a command line


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
    """A line to the process that is forked. It is one for all processes that have this folder: the first of them starts it."""

    def __init__(self, folder):
        self._channel = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with _alone(folder):
            try:
                self._channel.connect(str(folder / NAME))
            except (FileNotFoundError, ConnectionRefusedError):
                _start(folder)
                self._channel.connect(str(folder / NAME))
        self._channel.settimeout(ANSWER_S)
        atexit.register(self.close)

    def fork(self, command, *, env, cwd=None, stdout=None, stderr=None, status=None, **_):
        """Start `python -m MODULE …` in a fork; it is killed when this process is gone.

        A program has a *status*, where its exit code is written at its end.
        """
        files = [number if file is None else file.fileno() for number, file in ((1, stdout), (2, stderr))]
        kind = "kernel" if status is None else "program"
        return Forked(self.order(kind, command, files + [status] * (status is not None), cwd=cwd, env=env))

    def order(self, kind, command, files, *, cwd, env):
        """The process number of a fork that has these files: input (of a script), output, errors, and where its end is told."""
        order = {"kind": kind, "command": command[1:], "cwd": str(cwd or Path.cwd()), "nice": os.nice(0)}
        socket.send_fds(self._channel, [json.dumps(order | {"env": dict(env)}).encode()], files)
        return int.from_bytes(self._channel.recv(NUMBER_BYTES), "big")

    def close(self):
        """Order no more: the forks of this process are killed."""
        self._channel.close()


@functools.cache
def parent():
    """The line of this process."""
    return Parent(share())


def share():
    """The folder by which the processes that this one starts find the same parent."""
    if FOLDER not in os.environ:
        os.environ[FOLDER] = made = tempfile.mkdtemp(prefix="forks-")
        atexit.register(shutil.rmtree, made, ignore_errors=True)
    return Path(os.environ[FOLDER])


@contextlib.contextmanager
def _alone(folder):
    """No other process starts a parent now, and none ends."""
    import fcntl  # here, for Windows has none

    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


@contextlib.contextmanager
def _listening(folder):
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        (folder / NAME).unlink(missing_ok=True)  # of one that was killed
        listener.bind(str(folder / NAME))
        listener.listen()
        yield listener


def _start(folder):
    with _listening(folder) as listener:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("KIE_")}
        # A fork has no thread but its own.
        given = {"OPENBLAS_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1", "JUPYTER_PLATFORM_DIRS": "1"}
        given["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # its advice about starting Python
        listener.set_inheritable(True)
        # No `Popen`: it may stay longer than this process, which nobody need be told.
        os.posix_spawn(
            sys.executable,
            [sys.executable, __file__, str(listener.fileno()), str(folder), ROOM * " "],
            kept | given,
            file_actions=[(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)],
            setsid=True,
        )


def run(arguments, *, cwd, env, timeout=170):
    """Run Python with `-m MODULE …` or `-c CODE` to its end: what `subprocess.run` gives."""
    if sys.platform != "linux":
        return subprocess.run(
            [sys.executable, *arguments], cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=timeout, check=False,
        )  # fmt: skip
    command = [sys.executable, *arguments]
    env = {**env, "JUPYTER_DEFAULT_PROVISIONER_NAME": "forked"}
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        ended, status = os.pipe()
        program = parent().fork(command, cwd=cwd, env=env, stdout=out, stderr=err, status=status)
        os.close(status)
        with os.fdopen(ended) as ended:
            if not _is_told(ended, timeout):
                program.kill()
                raise subprocess.TimeoutExpired(command, timeout)
            code = int(ended.read())
        said = [file.seek(0) or file.read() for file in (out, err)]
    return subprocess.CompletedProcess(command, code, *said)


def _is_told(end, timeout):
    """Whether it can be read how a process has ended, in so many seconds; `select` knows no file above 1023."""
    watch = select.poll()
    watch.register(end, select.POLLIN)
    return bool(watch.poll(None if timeout is None else max(0, timeout) * 1000))


class Script(subprocess.Popen):
    """As `subprocess.Popen` of `[sys.executable, "-c", CODE, …]` or of a file of Python; kie_nb is imported there."""

    if sys.platform == "linux":

        def _execute_child(self, args, _executable, _preexec, _close, _pass, cwd, env, *more):
            handles = more[3:9]  # input, output and errors, a pipe's two ends each
            files = [
                handle if handle >= 0 else number
                for number, handle in enumerate((handles[0], handles[3], handles[5]))
            ]
            self._end, status = os.pipe()
            env = os.environ if env is None else env
            self.pid = parent().order("script", [*map(str, args)], [*files, status], cwd=cwd, env=env)
            os.close(status)
            self._close_pipe_fds(*handles)
            self._child_created = True

        def _internal_poll(self, **_):
            if self.returncode is None and _is_told(self._end, 0):
                self._wait(None)
            return self.returncode

        def _wait(self, timeout):
            if self.returncode is None:
                if not _is_told(self._end, timeout):
                    raise subprocess.TimeoutExpired(self.args, timeout)
                with os.fdopen(self._end) as end:
                    self.returncode = int(end.read())
            return self.returncode


def script(*arguments, given="", check=False, timeout=170, **options):
    """`subprocess.run` of a `Script` with these arguments, of which its output and errors are kept."""
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with Script([sys.executable, *arguments], **{"text": True} | pipes | options) as process:
        try:
            said = process.communicate(given, timeout)
        finally:
            process.kill()
    done = subprocess.CompletedProcess(process.args, process.returncode, *said)
    if check:
        done.check_returncode()
    return done


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


def serve(listener, folder):
    """Fork for each order, until no process is left to give one."""
    preload(PRELOADED)
    sys.modules["PIL.Image"].preinit()
    sys.modules["kie_nb.service.reach"].certificates()
    forks = {}  # by the line that they were ordered on
    ends = {}  # where a program's exit code is written
    signal.signal(signal.SIGCHLD, lambda *_: bury(ends))
    while forks or not is_over(listener, folder):
        for line in select.select([listener, *forks], [], [])[0]:
            if line is listener:
                forks[listener.accept()[0]] = []
                continue
            order, (*files,), *_ = socket.recv_fds(line, LONGEST, 4)
            if not order:
                with line:
                    kill(forks.pop(line))
                continue
            order = json.loads(order)
            status = [] if order["kind"] == "kernel" else [files.pop()]
            if order["kind"] == "program":
                preload(OF_PROGRAMS)
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])  # it may end at once
            pid = os.fork()
            if pid == 0:
                for each in (listener, *forks):
                    each.close()
                for each in (*ends.values(), *status):
                    os.close(each)
                become(order, files)
                return  # and end as any process does
            forks[line].append(pid)
            ends |= dict.fromkeys([pid], *status) if status else {}
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
            for file in files:
                os.close(file)
            line.sendall(pid.to_bytes(NUMBER_BYTES, "big"))


def preload(names):
    """Import what is not there yet, and hide it from the collector of garbage: no fork looks through it, which would copy it."""
    gc.disable()
    for name in names:
        importlib.import_module(name)
    gc.freeze()
    gc.enable()


def is_over(listener, folder):
    """Whether nobody waits to be heard; then the next one starts another parent."""
    with contextlib.suppress(FileNotFoundError), _alone(folder):
        if select.select([listener], [], [], 0)[0]:
            return False
        (folder / NAME).unlink()
    return True


def kill(pids):
    """Kill those that live yet: whoever ordered them is gone."""
    for pid in pids:
        with contextlib.suppress(ChildProcessError):
            if not os.waitpid(pid, os.WNOHANG)[0]:
                os.kill(pid, signal.SIGKILL)


def bury(ends):
    """Wait for those that have ended; of programs it is told how."""
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if (end := ends.pop(ended[0], None)) is not None:
                with contextlib.suppress(BrokenPipeError), os.fdopen(end, "w") as told:
                    told.write(str(os.waitstatus_to_exitcode(ended[1])))


def become(order, files):
    """Be the Python process that was ordered."""
    parent_pid = os.getppid()
    parent.cache_clear()
    os.setsid()
    os.nice(max(0, order["nice"] - os.nice(0)))
    for file, place in zip(files, range(3 - len(files), 3), strict=True):
        os.dup2(file, place)
        os.close(file)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    rename(order["command"])
    os.environ.clear()
    os.environ.update(order["env"])
    if order["kind"] == "kernel":
        os.environ["JPY_PARENT_PID"] = str(parent_pid)  # it ends when its parent does
    if os.environ.pop("TINY_VIDEOS", ""):
        from kie_nb.simulator import Simulator

        Simulator.__init__.__kwdefaults__["tiny"] = True
    time.tzset()
    os.chdir(order["cwd"])
    if order["kind"] == "program" and not has_line_to_own_forks():
        return
    how, *sys.argv = order["command"]
    sys.path[0] = order["cwd"]  # as `-m` has it
    if how == "-m":
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    elif how == "-c":
        sys.modules["__main__"] = module = types.ModuleType("__main__")
        code, sys.argv[0] = sys.argv[0], how
        exec(code, vars(module))  # noqa: S102
    else:
        sys.argv = order["command"]
        sys.path[0] = str(Path(how).parent)
        runpy.run_path(how, run_name="__main__")


def has_line_to_own_forks():
    """Become two processes: the one that is told so is the parent of the other, which is forked for the first one's kernels."""
    folder = Path(tempfile.mkdtemp(prefix="forks-"))
    os.environ[FOLDER] = str(folder)
    with _listening(folder) as listener:
        line = parent()
        if os.fork():
            return True
        line.close()
        serve(listener, folder)
    shutil.rmtree(folder, ignore_errors=True)
    return False


def rename(command):
    """Be seen with this command line."""
    places = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    begin, end = (int(place) for place in places[45:47])  # of the arguments, see proc(5)
    words = "\0".join([sys.executable, *command]).encode()[: end - begin - 1]
    ctypes.memmove(begin, words.ljust(end - begin, b"\0"), end - begin)


if __name__ == "__main__":
    sys.modules["kernelforks"] = sys.modules["__main__"]
    serve(socket.socket(fileno=int(sys.argv[1])), Path(sys.argv[2]))
