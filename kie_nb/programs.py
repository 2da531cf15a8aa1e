"""Child processes: programs found outside of the current folder, started without our settings, with a timeout.

Every child process is started here. A folder from somebody else may hold a program of any name, and the environment of this process holds the key.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_OURS = "KIE_"


def environment() -> dict[str, str]:
    """The environment of a child: that of this process without `KIE_*`."""
    return {name: value for name, value in os.environ.items() if not name.upper().startswith(_OURS)}


def find(name: str, *, outside: Path) -> Path | None:
    """The program *name* by `PATH`, if it is neither in *outside*, its repository or the current folder, nor below them."""
    return _find(name, os.environ.get("PATH", os.defpath), (_root(outside), _root(Path.cwd())))


@functools.lru_cache(maxsize=8)
def _find(name: str, path: str, shunned: tuple[Path, ...]) -> Path | None:
    for entry in path.split(os.pathsep):
        if not Path(entry).is_absolute():  # an empty one stands for the current folder
            continue
        told = shutil.which(name, path=entry)
        # Windows looks into the current folder first, whatever the path is.
        if told is None or Path(told).parent != Path(entry):
            continue
        real = Path(told).resolve()
        if not any(place.is_relative_to(folder) for place in (Path(told), real) for folder in shunned):
            return Path(told)
    return None


def _root(folder: Path) -> Path:
    """The repository that *folder* is in, or the folder itself; one at the root of the disk does not count."""
    here = folder.resolve()
    tops = (each for each in (here, *here.parents[:-1]) if os.path.lexists(each / ".git"))
    return next(tops, here)


def ask(
    program: Path, words: Sequence[str], *, cwd: Path, variables: Mapping[str, str], timeout_s: float
) -> bytes | None:
    """What *program* prints, with *variables* as its whole environment; None if it fails or takes longer."""
    pipes: Any = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    command = [str(program), *words]  # a program that `find` gave, with words of our own
    try:
        # In a session of its own an interrupt does not reach it, and its own children end with it.
        child = subprocess.Popen(command, cwd=cwd, env=dict(variables), start_new_session=True, **pipes)  # noqa: S603
    except (OSError, ValueError):
        return None
    with child:
        try:
            said, _ = child.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(OSError):  # with its children, which would hold the pipe open
                os.killpg(child.pid, signal.SIGKILL) if hasattr(os, "killpg") else child.kill()
            return None
    return said if child.returncode == 0 else None


def run_module(module: str, words: Sequence[str]) -> int:
    """Run a module of this Python as the user asked for by word, with the user's own settings; the exit code at its end.

    Neither the current folder nor the one that it is about may bring a module of that name, or settings in Python.
    """
    command = [sys.executable, "-P", "-m", module, *words]
    return subprocess.run(command, cwd=Path(__file__).parent, check=False).returncode  # noqa: S603
