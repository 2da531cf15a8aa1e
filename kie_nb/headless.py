"""Headless detection: where nobody watches, every cell waits, so that the executed notebook holds its videos.

IPython is only looked up in `sys.modules`, never imported, so scripts can call this too.
"""

from __future__ import annotations

import functools
import os
import sys
from pathlib import Path
from typing import Any

from . import settings as settings_

RUNNERS = frozenset(
    {"papermill", "nbconvert", "jupyter-nbconvert", "jupyter-execute", "jupyter-run", "nbclient", "execute"}
)
_ANCESTORS = 2


def must_wait(asked: bool | None) -> bool:
    """Whether a cell waits for its video: as asked, else as configured, else as detected."""
    if asked is not None:
        return asked
    configured = settings_.current().wait
    return configured if configured is not None else _nobody_watches()


def shell() -> Any:
    """The running IPython, or None."""
    # Another thread may be importing IPython just now: then the module is there without its names.
    get = getattr(sys.modules.get("IPython"), "get_ipython", None)
    return get() if get else None


def has_kernel() -> bool:
    """Whether this process is a kernel, with displays that can be updated."""
    return getattr(shell(), "kernel", None) is not None


def is_jupyter_page() -> bool:
    """Whether a page of Jupyter Server's shows the outputs: Lab, Notebook 7 or the classic Notebook, not VS Code."""
    is_vscode = "__vsc_ipynb_file__" in getattr(shell(), "user_ns", {})
    return "JPY_SESSION_NAME" in os.environ and not is_vscode


def has_widgets() -> bool:
    """Whether a live card can be shown: in a kernel that is not headless."""
    return has_kernel() and not _nobody_watches() and not settings_.env_wait()


@functools.cache
def _nobody_watches() -> bool:
    if not has_kernel():
        return False
    # Colab shows a thread's updates only when the next cell runs (colabtools issue 3373).
    return "google.colab" in sys.modules or is_run_by_a_runner()


@functools.cache
def is_run_by_a_runner() -> bool:
    """Whether papermill, nbconvert or the like started this kernel."""
    import psutil

    try:
        ancestors = psutil.Process().parents()[:_ANCESTORS]
        lines = [process.cmdline() for process in ancestors]
    except psutil.Error:
        return False
    # `python -m papermill`, `…/bin/jupyter-nbconvert`, `jupyter nbconvert`; not a folder of that name on the way to Lab.
    return any(Path(word).stem in RUNNERS for line in lines for word in line[:4])
