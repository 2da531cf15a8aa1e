"""Where a run was asked for: versions, notebook, cell, and the commit of the notebook's folder.

It serves to repeat a run later, and must never delay or fail one: git is asked in a thread, with a timeout, and its answer is
recorded when it comes. A folder from somebody else must not get anything executed this way.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import platform
import re
import stat
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import Context
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import programs
from ..bounds import MAX_WORD, can_be_kept
from ..frontend import notebook_folder, running_cell
from ..home import full_name, name_beside
from ..settings import notebook_name, start_folder
from ..version import __version__

if TYPE_CHECKING:
    from ..catalogue import Request
    from ..ledger import Ledger, RunRow

log = logging.getLogger("kie_nb")
GIT_S = 3.0  # a large repository on a slow disk; who waits is a thread of its own
FRESH_S = 5.0
MOST_BYTES = 256 << 20  # of files whose time is new; more than that counts as a change

NAMES = (
    *("kie_nb", "python", "os", "notebook", "execution_count", "git_commit", "git_dirty"),
    *("image_sha256", "image_width", "image_height", "made_of"),
)  # of what `facts` gives

Git = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Where it was asked for; `git` may still be under way."""

    notebook: str | None  # the file's name, without folders
    execution_count: int | None  # of the cell
    # {"commit", "dirty"} of the notebook's folder; None where that is in no repository.
    git: Future[Git | None]

    def known(self) -> dict[str, Any]:
        """What is known now, as the ledger keeps it."""
        found: dict[str, Any] = {"notebook": self.notebook, "execution_count": self.execution_count}
        return found | ({"git": self.git.result()} if self.git.done() else {})

    def tell_later(self, ledger: Ledger, run_id: str) -> None:
        """Record git's answer when it comes."""

        def write(said: Future[Git | None]) -> None:
            try:
                ledger.add_origin(run_id, git=said.result())
            except Exception:
                log.exception("the origin of run %s could not be recorded", run_id)

        self.git.add_done_callback(write)


def here() -> Origin:
    """The place that asks now; returns at once. From the thread of whoever asks."""
    notebook, count = running_cell()
    if notebook is not None and not can_be_kept(notebook, MAX_WORD):
        notebook = None
    return Origin(notebook=notebook, execution_count=count, git=_asked(start_folder(), notebook))


def notebook(home: Path, *, is_shared: bool) -> str:
    """Which notebook (or script) a budget of the ledger in *home* counts this as: as the user calls it, else by machine and folder.

    A ledger of one machine leaves out what changes when the folder moves.
    """
    if given := notebook_name():
        return given
    name, _cell = running_cell()
    folder = (notebook_folder() or start_folder()).resolve()
    full = full_name(f"./{name or folder.name or 'python'}", folder / "home")
    return full if is_shared else name_beside(full, home)


def notebook_of(ledger: Ledger) -> str:
    """The same of a ledger that is open."""
    return notebook(ledger.home, is_shared=ledger.database.is_shared)


def facts(row: RunRow, request: Request) -> dict[str, Any]:
    """Everything that is kept of a run's origin, in one flat row; None for what is not known."""
    made_by, origin, image = row.made_by or {}, row.origin or {}, request.image
    git: Any = origin.get("git") or {}
    is_known = image is not None and not image.by_url
    size = (image.width or None, image.height or None) if image is not None else (None, None)
    told = (
        *(made_by.get(name) for name in ("kie_nb", "python", "os")),
        *(origin.get(name) for name in ("notebook", "execution_count")),
        *(git.get(name) for name in ("commit", "dirty")),
        *(image.sha256 if image is not None and is_known else None, *size),
        made_of(row) or None,
    )
    return dict(zip(NAMES, told, strict=True))


def made_of(row: RunRow) -> str:
    """The clips that a film was joined of, or the frames and videos of other runs that a run was made from, in words."""
    origin: dict[str, Any] = dict(row.origin or {})
    told = []
    for link in (*(origin.get("parts") or ()), *(origin.get("sources") or ())):
        whose = f"run {link['run'][:8]}" if link.get("run") else str(link.get("name", ""))
        told.append(f"frame {link['frame']} of {whose}" if "frame" in link else whose)
    return ", ".join(one for one in told if one)


def in_words(row: RunRow) -> str:
    """Notebook, cell and commit, as far as they are known: `in cats.ipynb [3] at commit 1a2b3c4, with changes`."""
    origin = row.origin or {}
    name, count, git = origin.get("notebook"), origin.get("execution_count"), origin.get("git")
    cell = f"[{count}]" if count is not None else ""
    where = " ".join(part for part in (name, cell) if part)
    at = f"at commit {git['commit'][:7]}{', with changes' if git['dirty'] else ''}" if git else ""
    return " ".join(part for part in (f"in {where}" if where else "", at) if part)


@cache
def made_by() -> dict[str, str]:
    """What runs here. `platform.platform()` would start `uname -p`, by the user's path and with the key in its environment."""
    system = f"{platform.system()}-{platform.release()}-{platform.machine()}"
    return {"kie_nb": __version__, "python": platform.python_version(), "os": system}


# --- git ---------------------------------------------------------------------------------------------------------

_lock = threading.Lock()
_said: dict[
    tuple[int, Path, str | None], tuple[float, Future[Git | None]]
] = {}  # there is one folder at a time


def _asked(folder: Path, notebook: str | None) -> Future[Git | None]:
    """Git's answer for *folder*, asked anew after a few seconds; a fork has its own."""
    key = (os.getpid(), folder, notebook)
    with _lock:
        at, said = _said.get(key, (-FRESH_S, None))
        if said is None or time.monotonic() - at > FRESH_S:
            try:
                said = _threads(os.getpid()).submit(Context().run, ask_git, folder, notebook)
            except RuntimeError:  # the process is ending
                said = Future()
                said.set_result(None)
            _said.clear()
            _said[key] = (time.monotonic(), said)
        return said


@cache
def _threads(_pid: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="kie-nb-git")


def ask_git(folder: Path, notebook: str | None = None) -> Git | None:
    """The commit of the repository that *folder* is in, and whether its files have changed since; None without one.

    A notebook that is in no commit counts as a change; other new files, such as videos, do not. A file that git keeps in another
    form (filters, line ends) counts as one where it is newer than git's index: telling would mean to run the filter.
    Nothing is written, no remote is looked at, and nothing that the repository names is run.
    """
    program = programs.find("git", outside=folder)
    if program is None:
        return None
    git = functools.partial(_git, program, folder)
    top, _, commit = (git("rev-parse", "--show-toplevel", "HEAD") or "").rstrip("\n").rpartition("\n")
    if not top or not re.fullmatch(r"[0-9a-f]{40,64}", commit):
        return None  # no commit yet, or no files (a bare repository)
    off = _filters_off(git("config", "--null", "--name-only", "--list"))
    changed = None if off is None else git(*off, *CHANGED)
    is_dirty = changed is None or _has_changed(Path(top), changed)
    if not is_dirty and notebook is not None and (folder / notebook).is_file():
        is_dirty = git("ls-files", "--error-unmatch", "--", notebook) is None
    return {"commit": commit, "dirty": is_dirty}


# What a repository's own files may not decide: they name programs (hooks, monitors, filters, transports, pagers).
_GIT = (
    *("--no-pager", "--no-optional-locks", "--literal-pathspecs"),
    *("-c", "safe.bareRepository=explicit", "-c", "core.fsmonitor=false", "-c"),
    f"core.hooksPath={os.devnull}",
)
_GIT_VARIABLES = {
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",  # a partial clone would fetch what it lacks, by a program of its remote's
    "GIT_ALLOW_PROTOCOL": "none",  # the same for a git of before 2.44, which does not know the line above
}


CHANGED = ("diff-index", "--raw", "-z", "--no-abbrev", "--ignore-submodules=dirty", "HEAD", "--")


def _filters_off(names: str | None) -> list[str] | None:
    """Options that switch every filter of the configuration off; None if one cannot be.

    `diff-index` looks into a file that was written in the same moment as git's index, and then by way of its filter.
    """
    if names is None:
        return None
    found = {name for name in names.split("\0") if name.startswith("filter.")}
    if any("=" in name for name in found):  # of `-c name=value` it would be another name
        return None
    return [word for name in sorted(found) for word in ("-c", f"{name}=")]


def _git(program: Path, folder: Path, *words: str) -> str | None:
    # A variable of an outer git (a hook, say) would lead it to another repository.
    mine = {name: value for name, value in programs.environment().items() if not name.startswith("GIT_")}
    mine |= _GIT_VARIABLES
    said = programs.ask(program, [*_GIT, *words], cwd=folder, variables=mine, timeout_s=GIT_S)
    return None if said is None else os.fsdecode(said)


def _has_changed(top: Path, said: str) -> bool:
    """Whether one of the files that `diff-index --raw -z` lists has another content than in the commit.

    It lists those whose time alone is new, too (after a copy of the folder). `git status` and `git diff` would look into them
    by way of the filters that the repository names; so it is done here.
    """
    budget = MOST_BYTES
    words = iter(said.split("\0"))
    for entry, name in zip(words, words, strict=False):
        old_mode, mode, old, new, status = entry.removeprefix(":").split(" ")
        if status != "M" or mode != old_mode or not mode.startswith("100") or new.strip("0"):
            return True
        file = top / name
        try:
            size = file.lstat().st_size if stat.S_ISREG(file.lstat().st_mode) else -1
            budget -= size
            if size < 0 or budget < 0 or _hash(file, size, old) != old:
                return True
        except OSError:
            return True
    return False


def _hash(file: Path, size: int, like: str) -> str:
    """The name that git gives to the content of *file*, in the algorithm of *like*."""
    digest = hashlib.new("sha1" if len(like) == 40 else "sha256", usedforsecurity=False)  # noqa: PLR2004
    digest.update(b"blob %d\0" % size)
    with file.open("rb") as content:
        return hashlib.file_digest(content, lambda: digest).hexdigest()
