"""Whether something has changed in a ledger, without a statement each second.

A server tells it (LISTEN and NOTIFY), on a connection of its own while somebody asks. Behind a pooler that gives each transaction
another connection, nothing is told: then, and where no further connection is to be had, one statement every twenty seconds
asks for the newest step of any run. Of a file, its time and size say it.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

log = logging.getLogger("kie_nb")
CHANNEL = "kie_nb"
TELL = sa.text(f"SELECT pg_notify('{CHANNEL}', :word)")
LOOK_S = 20.0  # between two looks where nothing is told
PROOF_S = 3.0  # for a word of our own to arrive
# Until it is tried to listen again: after an error, and where nothing arrived.
AGAIN_S, UNTOLD_S = 60.0, 600.0
UNASKED_S = 60.0  # after which nobody listens any more
_WAKE_S = 0.5
_SETTLED_S = 0.2  # clocks of file systems are coarse: a second change may have the time of the first
_NETWORK_S = 30.0  # what another machine writes is seen late in a file's time
_NEWEST = sa.text(
    "SELECT (SELECT max(id) FROM event), (SELECT count(*) FROM budget), (SELECT max(set_at) FROM budget)"
)
Connect = Callable[[], AbstractContextManager[sa.Connection]]


class ServerNews:
    """The news of a server's ledger, gathered by a thread of its own while somebody asks for them.

    Args:
        listen: Gives a connection for listening, beside those of the ledger.
        look: Gives one of the ledger's for reading.
    """

    def __init__(self, listen: Connect | None, look: Connect) -> None:
        self.is_prompt = False  # whether news arrive at once
        self._listen, self._look = listen, look
        self._number = 0
        self._asked = 0.0
        self._newest: Any = None
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._end = threading.Event()

    def number(self) -> int:
        """A number that is another one after a change; asks nothing."""
        self._asked = time.monotonic()
        with self._lock:
            if self._thread is None and not self._end.is_set():
                self._thread = threading.Thread(target=self._run, name="kie-nb-news", daemon=True)
                self._thread.start()
        return self._number

    def changed(self) -> None:
        """Something has changed, here or elsewhere."""
        self._number += 1

    def close(self) -> None:
        """Listen no longer."""
        self._end.set()

    def _is_wanted(self) -> bool:
        return not self._end.is_set() and time.monotonic() - self._asked < UNASKED_S

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._is_wanted():
                    self._thread, self.is_prompt = None, False
                    return
            again_s = UNTOLD_S
            try:
                self._hear()
            except Exception as exc:  # noqa: BLE001 - what is wrong with the server, the ledger's own statements say
                log.debug("the news of the ledger cannot be listened to: %s", type(exc).__name__)
                again_s = AGAIN_S
            if self.is_prompt:  # the line was lost: something may have been missed
                self.is_prompt = False
                self.changed()
                self._end.wait(1.0)
            else:
                self._look_for(again_s)

    def _hear(self) -> None:
        """Listen until nobody asks any more, the line is lost, or nothing arrives of what is told."""
        if self._listen is None:
            return
        word, asked = uuid.uuid4().hex, time.monotonic()
        with self._listen() as db:
            line: Any = db.connection.driver_connection
            line.execute(f"LISTEN {CHANNEL}")
            with self._look() as other:
                other.execute(TELL, {"word": word})
            while self._is_wanted():
                for told in line.notifies(timeout=_WAKE_S, stop_after=1):
                    self.is_prompt = self.is_prompt or told.payload == word
                    self.changed()
                if not self.is_prompt and time.monotonic() - asked > PROOF_S:
                    return

    def _look_for(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while self._is_wanted() and time.monotonic() < until:
            with contextlib.suppress(Exception), self._look() as db:
                newest = tuple(db.execute(_NEWEST).one())
                if newest != self._newest:
                    self._newest = newest
                    self.changed()
            pause = time.monotonic() + LOOK_S
            while self._is_wanted() and time.monotonic() < pause:
                self._end.wait(_WAKE_S)


class FileNews:
    """The same of a SQLite file: its own and its journal's time and size."""

    is_prompt = True

    def __init__(self, file: Path, *, is_remote: bool) -> None:
        self._files = (file, file.with_name(f"{file.name}-wal"))
        self._is_remote = is_remote

    def number(self) -> Any:
        """Another value after a change."""
        if self._is_remote:
            return time.monotonic() // _NETWORK_S
        found = tuple(map(_sign, self._files))
        is_fresh = any(abs(time.time() - sign[0] / 1e9) < _SETTLED_S for sign in found)
        return (found, time.monotonic() if is_fresh else 0.0)

    def changed(self) -> None:
        """The file says it."""

    def close(self) -> None:
        """Nothing is held."""


def _sign(file: Path) -> tuple[int, int, int]:
    try:
        told = file.stat()
    except OSError:
        return (0, 0, 0)
    return (told.st_mtime_ns, told.st_size, told.st_ino)
