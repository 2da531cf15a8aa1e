"""What all routes share: settings, store, drawing pool, faults and counters.

Also what more than one route needs: counting, naming a video, signing a link. The store is called on the loop itself:
a call takes a fraction of a millisecond, which is less than handing it to a thread costs while videos are drawn.
"""

import collections
import hashlib
import hmac
import re
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .faults import FaultBox
from .store import Store
from .studio import Studio
from .tasks import Task

FRESH_LINK_S = 20 * 60  # what `download-url` hands out is good for twenty minutes
ACCOUNT = "183207"  # the account's number in the path of an upload


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """How this service behaves."""

    speed: float
    keys: frozenset[str] | None
    creates_per_window: int
    window_s: float
    link_life_s: float
    webhook_hmac_key: str | None
    states: tuple[str, ...]
    duration_s: Callable[[dict[str, Any]], float] | None
    private_callbacks: bool


@dataclass(kw_only=True)
class World:
    """The state of the service, as its routes see it."""

    settings: Settings
    store: Store
    studio: Studio
    faults: FaultBox
    owner: str  # who draws: this process, as the database knows it
    made: set[str] = field(default_factory=set)  # the tasks that this process was asked for
    callbacks: dict[str, str] = field(default_factory=dict)  # task id -> URL, until it is called
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32))  # signs fresh links
    counts: collections.Counter[str] = field(default_factory=collections.Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, name: str, number: int = 1) -> None:
        """Add to a counter."""
        with self._lock:
            self.counts[name] += number

    @property
    def is_open(self) -> bool:
        """Whether any key is good."""
        return self.settings.keys is None

    def opens(self, authorization: str) -> bool:
        """Whether a request with this header bears a good key."""
        scheme, _, key = authorization.partition(" ")
        key, keys = key.strip(), self.settings.keys
        is_good = keys is None or any(hmac.compare_digest(key.encode(), one.encode()) for one in keys)
        return scheme.lower() == "bearer" and bool(key) and is_good

    def close(self) -> None:
        """Stop drawing and close the database."""
        self.studio.close()
        self.store.close()

    def media_name(self, task: Task, number: int = 0) -> str:
        """The name of a task's video in its link."""
        return f"{task.id}_{number}.mp4"

    def signature(self, name: str, expires: int) -> str:
        """The signature of a fresh link."""
        return hmac.new(self.secret, f"{name}.{expires}".encode(), hashlib.sha256).hexdigest()[:40]

    def fresh_query(self, name: str) -> str:
        """What makes a link to this video good for another twenty minutes."""
        expires = int(time.time()) + FRESH_LINK_S
        return f"expires={expires}&signature={self.signature(name, expires)}"

    def is_fresh(self, name: str, expires: str, signature: str) -> bool:
        """Whether a link carries a signature of ours that still holds."""
        if not re.fullmatch("[0-9]{1,12}", expires) or int(expires) < time.time():
            return False
        return hmac.compare_digest(self.signature(name, int(expires)).encode(), signature.encode())
