"""The running notebook and cell, as the front end reports them; nothing is guessed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from . import frontend


def running_cell() -> tuple[str | None, int | None]:
    """The notebook's (or script's) file name without folders, and the number of the cell that runs; None for unknown."""
    told = os.environ.get("KIE_NB_NOTEBOOK") or _from_front_end() or _script()
    name = told.replace("\\", "/").rsplit("/", 1)[-1] or None if told else None
    # `execution_count` is the next cell's from some IPython on; the display hook knows which it is.
    count = getattr(getattr(frontend.shell(), "displayhook", None), "prompt_count", None)
    return name, count if isinstance(count, int) else None


def _from_front_end() -> str | None:
    """The name from Jupyter Server or VS Code; nbclient, papermill and nbconvert set none."""
    shell = frontend.shell()
    if shell is None:
        return None
    if isinstance(told := shell.user_ns.get("__vsc_ipynb_file__"), str):
        return told
    # A kernel that a runner has started from a cell inherits the variable of that cell's notebook.
    if not frontend.has_kernel() or not frontend.is_watched() or frontend.is_run_by_a_runner():
        return None
    return os.environ.get("JPY_SESSION_NAME")


def _script() -> str | None:
    if frontend.has_kernel() or not sys.argv:
        return None
    path = Path(sys.argv[0])
    return path.name if path.suffix == ".py" and path.name != "__main__.py" else None
