"""Deadlines for the service and media hosts: a timeout per read has no end where bytes trickle in."""

from __future__ import annotations

import time
from dataclasses import dataclass

import httpcore


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """The longest waits for whole replies and files, in seconds, and the least that a download brings.

    Attributes:
        create_s: For the whole answer to a create.
        question_s: For the whole answer to a question that costs nothing.
        upload_s: For an upload with its answer; a slow line needs minutes for 10 MB.
        picture_s: For a picture by its address, which somebody waits for.
        file_s: For a file, however it comes.
        retry_s: Before a file is tried a second time; doubled before each later try.
        stretch_s: In each stretch of this length, `stretch_bytes` of a file come at least.
    """

    create_s: float = 60.0
    question_s: float = 30.0
    upload_s: float = 600.0
    picture_s: float = 20.0
    file_s: float = 3600.0
    retry_s: float = 1.0
    stretch_s: float = 60.0
    stretch_bytes: int = 1 << 18


USUAL = Patience()


class TooSlow(httpcore.ReadTimeout):
    """The bytes do not come in time."""


class Pace:
    """The deadlines of one download.

    Args:
        whole_s: For all of it, every redirect and try included.
        stretch_s: After which it must have brought *stretch_bytes* more.
    """

    def __init__(self, whole_s: float, *, stretch_s: float | None = None, stretch_bytes: int = 0) -> None:
        now = time.monotonic()
        self._end = now + whole_s
        self._stretch_s = stretch_s or whole_s
        self._least = stretch_bytes
        self._stretch_end, self._came = now + self._stretch_s, 0

    def start(self) -> None:
        """A new try begins a new stretch."""
        self._stretch_end, self._came = time.monotonic() + self._stretch_s, 0

    def came(self, size: int) -> None:
        """*size* more bytes are here."""
        self._came += size

    def left_s(self) -> float:
        """Seconds for which the next bytes are waited for; TooSlow when none are left."""
        now = time.monotonic()
        if now >= self._stretch_end:
            if self._came < self._least:
                raise TooSlow(f"{self._came} bytes in {self._stretch_s:g} s")
            self.start()
        if now >= self._end:
            raise TooSlow("it took too long in all")
        return min(self._end, self._stretch_end) - now
