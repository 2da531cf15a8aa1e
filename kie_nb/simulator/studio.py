"""The drawing pool: takes a task, fetches its picture, draws its video, and records the result.

Drawing starts when a task is created and runs in a few threads, never on the server's loop. Videos are kept under
the name of their plan, so the same request is drawn once, unless the model drifts. Late imports keep numpy and the encoder out until needed.
"""

import contextlib
import errno
import hashlib
import logging
import os
import queue
import threading
import uuid
from pathlib import Path
from urllib.parse import unquote

from ..catalogue import rows
from ..home import open_plain
from ..video import looks_like_video
from ..video.sniff import HEAD_BYTES, SOUNDS, ending_of
from ..video.sniff import mime_of as mime_of_name
from .models import is_public_url, own_upload
from .reach import ERRORS, fetch
from .store import Store, Task

_log = logging.getLogger("kie_nb.simulator")
MAX_IMAGE_BYTES = 10 * 1024 * 1024
MOST_UPLOADS, _MOST_UPLOAD_BYTES = 10_000, 2 << 30  # of all files that are kept
_JOIN_S = 5.0
_MOST_FILE_BYTES = 256 << 20
_MIMES = {"png": "image/png", "jpg": "image/jpeg", "gif": "image/gif", "webp": "image/webp"}
_MIMES |= {ending: mime_of_name(f"sound.{ending}") for ending in SOUNDS}
_MIMES |= {"webm": "video/webm", "mkv": "video/webm"} | dict.fromkeys(("mp4", "m4v", "mov"), "video/mp4")


class ImageFetchError(Exception):
    """The picture is not there, too big, or not a picture."""


class UploadsFullError(Exception):
    """There is no room for another uploaded file."""


class Studio:
    """Draws the videos of tasks. `draw` returns at once."""

    def __init__(self, store: Store, folder: Path, *, tiny: bool, drift: float = 0.0) -> None:
        self._store, self._tiny = store, tiny
        self.drift = drift  # for what is drawn from now on
        self.videos, self._uploads = folder / "videos", folder / "uploads"
        # At most one encoder per core, and one core is left to the kernel.
        workers = max(1, min(3, (os.cpu_count() or 2) - 1))
        # Daemon threads: an executor would delay the end of the process until all is drawn.
        self._queue: queue.SimpleQueue[tuple[Task, bool] | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._draw_all, name=f"kie-simulator-draw-{number}", daemon=True)
            for number in range(workers)
        ]
        self._lock = threading.Lock()
        self._in_hand: set[str] = set()
        self._closing = False
        for thread in self._threads:
            thread.start()

    def draw(self, task: Task, *, may_fetch: bool) -> None:
        """Queue the video of this task; *may_fetch* its picture from an address: not for what a database alone says."""
        with self._lock:
            if task.id in self._in_hand or task.fate or task.video or self._closing:
                return
            self._in_hand.add(task.id)
            self._queue.put((task, may_fetch))

    def close(self) -> None:
        """Cancel what is being drawn and what is queued. Another process, or the next start, draws it."""
        with self._lock:
            self._closing = True
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join(_JOIN_S)

    def write_upload(self, path: str, data: bytes) -> None:
        """Keep an uploaded file; one with the same public path is replaced. UploadsFullError where the disk would fill."""
        sizes = []
        with os.scandir(self._uploads) as found:
            for entry in found:
                with contextlib.suppress(FileNotFoundError):  # another upload has just got its name
                    sizes.append(entry.stat(follow_symlinks=False).st_size)
        if len(sizes) >= MOST_UPLOADS or sum(sizes) + len(data) > _MOST_UPLOAD_BYTES:
            raise UploadsFullError
        part = self._uploads / f".{uuid.uuid4().hex}.part"
        part.write_bytes(data)
        part.replace(self._place_of(path))

    def read_video(self, name: str) -> bytes:
        """The video of this name; OSError where it is not there."""
        return _read(self.videos / name)

    def read_upload(self, path: str) -> bytes:
        """The upload with this public path; OSError where it is not there."""
        return _read(self._place_of(path))

    def bytes_at(self, url: str, *, most: int) -> bytes:
        """At most *most* bytes and one of what *url* serves; an upload of our own is read where it lies."""
        own = own_upload(url)
        return self.read_upload(unquote(own)) if own is not None else fetch(url, most=most)

    def _place_of(self, path: str) -> Path:
        # The public path is untrusted: the name on disk is its hash, in one folder.
        return self._uploads / hashlib.sha256(path.encode("utf-8", "replace")).hexdigest()

    def _draw_all(self) -> None:
        while (order := self._queue.get()) is not None and not self._closing:
            task, may_fetch = order
            try:
                self._end(task, may_fetch)
            except Exception:  # noqa: BLE001 - a pool thread has nobody to tell but the log
                _log.exception("could not write down how task %s ended", task.id)
            with self._lock:
                self._in_hand.discard(task.id)

    def _end(self, task: Task, may_fetch: bool) -> None:
        try:
            video = self._drawn(task, may_fetch)
        except ImageFetchError:
            self._store.doom(task.id, "fail_image")
        except Exception as exc:  # noqa: BLE001 - whatever it is, the task must end
            if getattr(exc, "errno", None) in {errno.ENOSPC, getattr(errno, "EDQUOT", None)}:
                self._store.doom(task.id, "fail_disk")
            elif not self._closing:
                _log.exception("could not draw the video of task %s", task.id)
                self._store.doom(task.id, "fail")
        else:
            self._store.set_video(task.id, video)

    def _drawn(self, task: Task, may_fetch: bool) -> str:
        from .draw import Plan, UnreadableImageError, draw
        from .given import UnreadableMediaError, length_of

        shot, drift = task.plan, self.drift
        image, last, video, audio = (
            self._fetched(url, may_fetch, most=most) if url else None
            for url, most in (
                *((shot.image_url, MAX_IMAGE_BYTES), (shot.last_url, MAX_IMAGE_BYTES)),
                *((shot.video_url, _MOST_FILE_BYTES), (shot.audio_url, _MOST_FILE_BYTES)),
            )
        )
        seconds = shot.seconds
        try:
            if shot.is_as_long and (video or audio):
                seconds = max(1.0, length_of(video or audio or b"", is_video=video is not None))
        except UnreadableMediaError as exc:
            raise ImageFetchError(str(exc)) from exc
        plan = Plan(
            **{name: getattr(task, name) for name in ("prompt", "seed", "model")},
            **{name: getattr(shot, name) for name in ("short_side", "aspect")},
            seconds=seconds,
            image=image,
            last=last,
            video=video,
            audio=audio,
            tiny=self._tiny,
            drift=drift,
            task=self._store.number(task.id) if drift else 0,
        )
        row = rows().get(task.model)
        is_picture = row is not None and row.makes == "image"
        name = f"{plan.digest()}.{'png' if is_picture else 'mp4'}"
        if not _is_made(self.videos / name):
            part = self.videos / f".{uuid.uuid4().hex}.part"
            try:
                draw(plan, part, is_off=lambda: self._closing)
                if is_picture:
                    _keep_first_frame(part)
                part.replace(self.videos / name)
            except (UnreadableImageError, UnreadableMediaError) as exc:
                raise ImageFetchError(str(exc)) from exc
            finally:
                part.unlink(missing_ok=True)
        return name

    def _fetched(self, url: str, may_fetch: bool, *, most: int) -> bytes:
        if own_upload(url) is None and not (may_fetch and is_public_url(url)):
            raise ImageFetchError(url)
        try:
            data = self.bytes_at(url, most=most)
        except ERRORS as exc:
            raise ImageFetchError(str(exc)) from exc
        if not 0 < len(data) <= most:
            raise ImageFetchError(f"it is empty or larger than {most >> 20} MB")
        return data


def _read(path: Path) -> bytes:
    """What is in a plain file; OSError for anything else, such as a link: the folder may be somebody else's."""
    with open_plain(path) as file:
        if os.fstat(file.fileno()).st_size > _MOST_FILE_BYTES:
            raise OSError("it is too large")
        return file.read(_MOST_FILE_BYTES)


def _is_made(path: Path) -> bool:
    try:
        with open_plain(path) as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        return False
    return ending_of(head) == "png" if path.suffix == ".png" else looks_like_video(head)


def _keep_first_frame(video: Path) -> None:
    """Make of a drawn video its first picture, for a model that draws pictures."""
    from .given import frames_at

    picture = next(frames_at(video.read_bytes(), [0.0]))
    with video.open("wb") as file:
        picture.save(file, "PNG")


def mime_of(data: bytes) -> str | None:
    """The MIME type of a picture, a video or a sound, by its bytes alone; None for anything else."""
    return _MIMES.get(ending_of(data[:HEAD_BYTES]))
