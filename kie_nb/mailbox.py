"""Callbacks that are expected, and those that have come: small files in the user's state folder, for all processes of the user.

A file ``<run>.<hash of the token>`` says that a run expects one; ``<run>.<hash>.<hash of the task's id>`` beside it that one has come, with the
id inside. Whoever reads a file here learns no token: its hash alone is kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .fileops import part_of
from .home import open_plain
from .paths import make_private, open_private

FOLDER = "callbacks"
PATH = "kie-nb/callback/"  # of the receiver, below the address of its server; the token follows
TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_NAME = re.compile(r"([0-9a-f]{8,64})\.([0-9a-f]{64})(?:\.([0-9a-f]{16}))?")
_MOST_TASKS = 4  # that one token can name: the service names one
_KEPT_S = 14 * 86_400.0  # no task takes so long
_MOST_ID = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrival:
    """A callback that has come."""

    run_id: str
    task_id: str
    stamp: int  # another number when one has come again


class Mailbox:
    """The callbacks of one user on one machine."""

    def __init__(self, state_home: Path) -> None:
        self.folder = state_home / FOLDER

    def expect(self, run_id: str) -> str:
        """A new token for a callback of this run; OSError where that cannot be written down."""
        make_private(self.folder)
        self._remove_old()
        token = secrets.token_urlsafe(32)
        os.close(open_private(self.folder / f"{run_id}.{_digest(token)}", os.O_WRONLY | os.O_EXCL))
        return token

    def is_expected(self, run_id: str) -> bool:
        """Whether a callback of this run may come, or has come."""
        return any(name[0] == run_id for name in self._names())

    def take(self, token: str, task_id: str) -> bool:
        """Record that a callback with *token* has named a task; False, and nothing is recorded, for a token that is not expected."""
        names = self._names_of(token)
        if not names:
            return False
        (run_id, digest, _), task = (
            names[0],
            hashlib.sha256(task_id.encode("utf-8", "replace")).hexdigest()[:16],
        )
        tasks = {name[2] for name in names if name[2]}
        if task in tasks or len(tasks) < _MOST_TASKS:
            self._write(self.folder / f"{run_id}.{digest}.{task}", task_id[:_MOST_ID])
        return True

    def knows(self, token: str) -> bool:
        """Whether a callback with *token* is expected."""
        return bool(self._names_of(token))

    def arrivals(self) -> list[Arrival]:
        """All that have come, of runs that have not ended."""
        found = []
        for run_id, digest, task in self._names():
            path = self.folder / f"{run_id}.{digest}.{task}"
            with contextlib.suppress(OSError):
                if task:
                    with open_plain(path) as file:
                        text, stamp = file.read(4 * _MOST_ID), os.fstat(file.fileno()).st_mtime_ns
                    found.append(Arrival(run_id=run_id, task_id=text.decode("utf-8", "replace"), stamp=stamp))
        return found

    def forget(self, run_id: str) -> None:
        """Expect nothing more of a run, which has ended."""
        for run, digest, task in self._names():
            if run == run_id:
                with contextlib.suppress(OSError):
                    (self.folder / ".".join(filter(None, (run, digest, task)))).unlink()

    def stamp(self) -> int:
        """Another number when something has come."""
        try:
            return self.folder.stat().st_mtime_ns
        except OSError:
            return 0

    def _names_of(self, token: str) -> list[tuple[str, str, str]]:
        """The files of a token that is expected; a callback that came while its run was forgotten is none."""
        if not TOKEN.fullmatch(token):
            return []
        digest = _digest(token)
        names = [name for name in self._names() if name[1] == digest]
        return names if any(not name[2] for name in names) else []

    def _names(self) -> Iterator[tuple[str, str, str]]:
        with contextlib.suppress(OSError):
            for name in os.listdir(self.folder):  # noqa: PTH208 - names are enough
                if found := _NAME.fullmatch(name):
                    yield found[1], found[2], found[3] or ""

    def _remove_old(self) -> None:
        for parts in list(self._names()):  # what has another name is not ours
            with contextlib.suppress(OSError):
                path = self.folder / ".".join(filter(None, parts))
                if time.time() - path.lstat().st_mtime > _KEPT_S:
                    path.unlink()

    def _write(self, path: Path, text: str) -> None:
        """In one step, so that the folder's own time tells that something has come."""
        part = part_of(path)
        try:
            with os.fdopen(open_private(part, os.O_WRONLY | os.O_EXCL), "w", encoding="utf-8") as file:
                file.write(text)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
