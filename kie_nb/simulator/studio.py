"""The drawing pool: takes a task, fetches its picture, draws its video, and writes the result down.

Drawing starts when a task is created and runs in a few threads, never on the server's loop. Videos are kept under
the name of their plan, so the same request is drawn once, unless the model drifts. Late imports keep numpy and the encoder out until needed.
"""

import logging
import os
import queue
import threading
import uuid
from pathlib import Path
from typing import Any

import httpx

from .models import is_public_url, own_upload
from .store import Store, Task

_log = logging.getLogger("kie_nb.simulator")
MAX_IMAGE_BYTES = 10 * 1024 * 1024
_FETCH_TIMEOUT_S = 30.0
_JOIN_S = 5.0


class ImageFetchError(Exception):
    """The picture is not there, too big, or not a picture."""


class Studio:
    """Draws the videos of tasks. `draw` returns at once."""

    def __init__(self, store: Store, folder: Path, *, tiny: bool, drift: float = 0.0) -> None:
        self._store = store
        self._tiny = tiny
        self.drift = drift  # for what is drawn from now on
        self.videos = folder / "videos"
        self.uploads = folder / "uploads"
        for place in (self.videos, self.uploads):
            place.mkdir(parents=True, exist_ok=True)
        # One encoder per core at most, and never so many that the kernel we live in starves.
        workers = max(1, min(3, (os.cpu_count() or 2) - 1))
        # Daemon threads and not an executor: that one would hold up the end of the process until all is drawn.
        self._queue: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._draw_all, name=f"kie-simulator-draw-{number}", daemon=True)
            for number in range(workers)
        ]
        self._lock = threading.Lock()
        self._in_hand: set[str] = set()
        self._closing = False
        for thread in self._threads:
            thread.start()

    def draw(self, task: Task) -> None:
        """See to it that this task gets its video, soon."""
        with self._lock:
            if task.id in self._in_hand or task.fate or task.video or self._closing:
                return
            self._in_hand.add(task.id)
            self._queue.put(task)

    def close(self) -> None:
        """Call off what is being drawn and what waits. Another process, or the next start, draws it."""
        with self._lock:
            self._closing = True
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join(_JOIN_S)

    def write_upload(self, path: str, data: bytes) -> None:
        """Keep an uploaded file. The same name overwrites, as with the service."""
        target = self.upload_file(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{uuid.uuid4().hex}.part")
        part.write_bytes(data)
        part.replace(target)

    def upload_file(self, path: str) -> Path:
        """Where the upload with this public path lies."""
        target = (self.uploads / path).resolve()
        if not target.is_relative_to(self.uploads.resolve()):
            raise ValueError(f"not a place for uploads: {path!r}")
        return target

    def _draw_all(self) -> None:
        while (task := self._queue.get()) is not None and not self._closing:
            self._work(task)

    def _work(self, task: Task) -> None:
        try:
            self._store.set_video(task.id, self._drawn(task))
        except ImageFetchError:
            self._doom(task, "fail_image")
        except Exception:  # noqa: BLE001 - whatever it is, the task must end
            if not self._closing:
                _log.exception("could not draw the video of task %s", task.id)
                self._doom(task, "fail")
        finally:
            with self._lock:
                self._in_hand.discard(task.id)

    def _doom(self, task: Task, fate: str) -> None:
        try:
            self._store.doom(task.id, fate)
        except Exception:  # noqa: BLE001 - a pool thread has nobody to tell but the log
            _log.exception("could not write down how task %s ended", task.id)

    def _drawn(self, task: Task) -> str:
        from .draw import Plan, draw
        from .scene import UnreadableImageError

        order: dict[str, Any] = task.plan
        drift = self.drift
        image = self._picture(order["image_url"]) if order.get("image_url") else None
        plan = Plan(
            prompt=task.prompt,
            seed=task.seed,
            seconds=order["seconds"],
            short_side=order["short_side"],
            aspect=order["aspect"],
            model=task.model,
            image=image,
            tiny=self._tiny,
            drift=drift,
            task=self._store.number(task.id) if drift else 0,
        )
        name = f"{plan.digest()}.mp4"
        if not (self.videos / name).exists():
            part = self.videos / f".{uuid.uuid4().hex}.part"
            try:
                draw(plan, part, is_off=lambda: self._closing)
                part.replace(self.videos / name)
            except UnreadableImageError as exc:
                raise ImageFetchError(str(exc)) from exc
            finally:
                part.unlink(missing_ok=True)
        return name

    def _picture(self, url: str) -> bytes:
        own = own_upload(url)
        try:
            if own is not None:
                from urllib.parse import unquote

                data = self.upload_file(unquote(own)).read_bytes()
            elif is_public_url(url):
                data = fetch(url, most=MAX_IMAGE_BYTES)
            else:
                raise ImageFetchError(url)
        except (OSError, ValueError, httpx.HTTPError, httpx.InvalidURL) as exc:
            raise ImageFetchError(str(exc)) from exc
        if not 0 < len(data) <= MAX_IMAGE_BYTES:
            raise ImageFetchError("the picture is empty or larger than 10 MB")
        return data


def fetch(url: str, *, most: int, timeout_s: float = _FETCH_TIMEOUT_S) -> bytes:
    """The bytes behind a URL, not more than *most* and one (so that the caller sees the excess)."""
    data = bytearray()
    with (
        httpx.Client(timeout=timeout_s, follow_redirects=True) as client,
        client.stream("GET", url) as reply,
    ):
        reply.raise_for_status()
        for piece in reply.iter_bytes():
            data += piece
            if len(data) > most:
                break
    return bytes(data)
