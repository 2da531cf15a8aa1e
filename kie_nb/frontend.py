"""The front end of this process: which shell runs its cells, whether a person watches, and which notebook they belong to.

IPython is used only if it is already imported: every module, also in a script, may ask.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RUNNERS = frozenset(
    {"papermill", "nbconvert", "jupyter-nbconvert", "jupyter-execute", "jupyter-run", "nbclient", "execute"}
)
_ANCESTORS = 2
_found: list[Path] = []


def shell() -> Any:
    """The running IPython, or None."""
    # Another thread may be importing IPython just now: then it is there, and not yet what it will be.
    get = getattr(sys.modules.get("IPython"), "get_ipython", None)
    return get() if get else None


def has_kernel() -> bool:
    """Whether a kernel runs us: there are displays that can be updated."""
    return getattr(shell(), "kernel", None) is not None


def is_jupyter_page() -> bool:
    """Whether a page of Jupyter Server's shows the outputs: Lab, Notebook 7 or the classic Notebook, not VS Code."""
    is_vscode = "__vsc_ipynb_file__" in getattr(shell(), "user_ns", {})
    return "JPY_SESSION_NAME" in os.environ and not is_vscode


def shows_html() -> bool:
    """Whether outputs are kept as a page shows them: in a kernel, or a runner's own shell without one."""
    is_terminal = any(kind.__name__ == "TerminalInteractiveShell" for kind in type(shell()).__mro__)
    return has_kernel() or (shell() is not None and not is_terminal)


def takes_results() -> bool:
    """Whether the result of a cell may show itself; `%%capture` and some runners keep an empty result of one that does."""
    if (found := shell()) is None:
        return True
    usual = sys.modules["IPython.core.displayhook"].DisplayHook.__call__
    return not is_captured() and type(found.displayhook).__call__ is usual


def is_captured() -> bool:
    """Whether `%%capture` keeps what the cell puts out."""
    return type(sys.displayhook).__name__ == "CapturingDisplayHook"


def is_watched() -> bool:
    """Whether the front end that asked for the running cell shows itself as one that a person sits before.

    Lab, Notebook 7 and VS Code name the cell; all of them, qtconsole and console let a cell ask for input; a runner does
    neither. Variables of the environment prove nothing: a kernel that was started from a cell inherits them.
    """
    request = _request()
    if request.get("msg_type") != "execute_request":  # a widget's message: somebody has pressed something
        return bool(request)
    return (
        "cellId" in (request.get("metadata") or {})
        or bool((request.get("content") or {}).get("allow_stdin"))
        or "__vsc_ipynb_file__" in getattr(shell(), "user_ns", {})
        or "VOILA_REQUEST_URL" in os.environ
    )


def _request() -> dict[str, Any]:
    """The message that the kernel is answering."""
    get_parent = getattr(getattr(shell(), "kernel", None), "get_parent", None)
    return (get_parent("shell") if get_parent else None) or {}


@functools.cache
def is_run_by_a_runner() -> bool:
    """Whether `jupyter run`, which lets cells ask for input, or another runner of a command line started this kernel."""
    return bool(_runner())


@functools.cache
def runners_notebook() -> Path | None:
    """The notebook that a runner's command line names; None for no runner, or one that names none.

    Of several the one that the kernel runs beside: runners that take several start each kernel in its notebook's folder.
    """
    words, folder = _runner() or ([], "")
    found = [path for word in words if word.endswith(".ipynb") and (path := Path(folder, word)).is_file()]
    beside = [path for path in found if path.resolve().parent == Path.cwd()]
    takes_one = any(Path(word).stem == "papermill" for word in words[:4])  # and a second one is its output
    return next(iter((found if takes_one else beside) or found), None)


@functools.cache
def _runner() -> tuple[list[str], str] | None:
    """The command line of the runner that started this kernel, and the folder that it was started in."""
    import psutil

    try:
        ancestors = [(each.cmdline(), each.cwd()) for each in psutil.Process().parents()[:_ANCESTORS]]
    except psutil.Error:
        return None
    # `python -m papermill`, `…/bin/jupyter-nbconvert`, `jupyter nbconvert`; not a folder of that name on the way to Lab.
    return next((each for each in ancestors if any(Path(word).stem in RUNNERS for word in each[0][:4])), None)


def is_session() -> bool:
    """Whether a person may type the next line: in a kernel, or at a prompt; `ipython file` and `ipython -c` have none."""
    if (found := shell()) is None:
        return hasattr(sys, "ps1")
    return has_kernel() or bool(getattr(getattr(found, "parent", None), "interact", True))


def notebook_folder() -> Path | None:
    """The folder of the notebook that runs, where it can be known; the first answer stands for the life of the process."""
    if not _found and shows_html():
        _found.extend(path.parent for path in _notebooks() if path.is_file())
    return _found[0] if _found else None


def _notebooks() -> Iterator[Path]:
    """Where the front end, papermill's parameters or a runner's command line say that the notebook is."""
    variables = getattr(shell(), "user_ns", {})
    told = [variables.get("__vsc_ipynb_file__")]
    if is_watched() and not is_run_by_a_runner():
        told.append(os.environ.get("JPY_SESSION_NAME"))
    # Relative to where papermill was started, as is the kernel.
    for path in (*told, variables.get("PAPERMILL_INPUT_PATH")):
        if isinstance(path, str) and path:
            with contextlib.suppress(OSError, ValueError):
                yield Path(path).resolve()
    if (path := runners_notebook()) is not None:
        yield path


def running_cell() -> tuple[str | None, int | None]:
    """The notebook's (or script's) file name without folders, and the number of the cell that runs; None for unknown."""
    told = os.environ.get("KIE_NB_NOTEBOOK") or _from_front_end() or _script()
    name = told.replace("\\", "/").rsplit("/", 1)[-1] or None if told else None
    # `execution_count` is the next cell's from some IPython on; the display hook knows which it is.
    count = getattr(getattr(shell(), "displayhook", None), "prompt_count", None)
    return name, count if isinstance(count, int) else None


def _from_front_end() -> str | None:
    """The name from Jupyter Server or VS Code; nbclient, papermill and nbconvert set none."""
    found = shell()
    if found is None:
        return None
    if isinstance(told := found.user_ns.get("__vsc_ipynb_file__"), str):
        return told
    # A kernel that a runner has started from a cell inherits the variable of that cell's notebook.
    if not has_kernel() or not is_watched() or is_run_by_a_runner():
        return None
    return os.environ.get("JPY_SESSION_NAME")


def _script() -> str | None:
    if has_kernel() or not sys.argv:
        return None
    path = Path(sys.argv[0])
    return path.name if path.suffix == ".py" and path.name != "__main__.py" else None
