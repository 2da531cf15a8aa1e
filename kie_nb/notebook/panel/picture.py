"""The form's picture: taken in pieces from the page, or by its path or address; shown small, with its pixels and size."""

from __future__ import annotations

import contextlib
import io
import re
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ... import settings as settings_
from ...addresses import shareable
from ...catalogue import ImageIdentity
from ...engine.waiting import wait_blocking
from ...errors import BadImage, InvalidRequest, KieError
from ...handles import get_session
from ...requests.image_urls import seen_at
from ...requests.images import CONVERT, FIT, Picture, read_picture
from ...requests.pixels import small_jpeg
from ...requests.sources import is_url
from ...text import visible
from ...video import looks_like_video
from ...video.sniff import HEAD_BYTES, is_sound
from ...wording import Panel as Words
from .callbacks import Callbacks, lines_of
from .view import PanelView

STILL = 720  # pixels; it stands in the video's place too, while that is made
MOST_SHOWN = 300  # characters of an address
READ_S = 30.0  # a file on a slow share
_NEAR = re.compile(r"did you mean (.+)\?")


class PictureControl:
    """Where the picture comes from; `source` is what the session is asked for.

    Args:
        recording: Is given the bytes and the name of a video or a sound that was dropped.
        medium: Is given those of a file for another field, and the field's name.

    Attributes:
        fixes: What mends it at a press: the button's words, and what its message says.
    """

    def __init__(
        self,
        view: PanelView,
        callbacks: Callbacks,
        *,
        recording: Callable[[bytes, str], None],
        medium: Callable[[bytes, str, str], None],
    ) -> None:
        self._view, self._callbacks, self._recording, self._medium = view, callbacks, recording, medium
        self.source: str | Picture | None = None
        self.picture: Picture | None = None  # as far as it is known without asking anybody
        self.wrong = self.warning = ""
        self.fixes: list[dict[str, str]] = []
        self.still: bytes | None = None
        self._fitted: Picture | None = None
        self._proposed: str | None = None
        self._path = ""  # as it was taken last
        self._pieces: dict[str, list[bytes]] = {}
        self._reading: Future[Any] | None = None
        self._turn = 0
        self._lock = threading.RLock()
        view.observe(callbacks.guard(lambda change: self.take_path(change["new"])), "path")

    def show(self, source: str | Picture | None, *, is_found: bool = False) -> None:
        """Take *source* as if it had been given by hand.

        Args:
            source: The picture.
            is_found: It is an address found in a file: it is shown, and loaded only if the user agrees.
        """
        proposed = source if is_found and isinstance(source, str) else None
        source = None if proposed else source
        self._take(source, path=source if isinstance(source, str) else "")
        if proposed:
            self._propose(proposed)

    def take_path(self, path: str) -> None:
        """Take what stands in the field for a path or an address, if it is another one by now."""
        if path.strip() != self._path:
            self._take(path.strip() or None, path=path.strip())

    def _propose(self, url: str) -> None:
        self._proposed = url
        try:
            parts = urlsplit(url)
            where = f"{parts.hostname}{parts.path}"
        except ValueError:  # no address at all: shown as it is
            where = url
        self.warning = Words.PICTURE_AT.format(where=visible(where[:MOST_SHOWN]))
        self.fixes = [{"label": Words.USE_THIS_ADDRESS, "fix": "address"}]
        self._callbacks.changed()

    def wait(self) -> None:
        """Until a picture that was given is read; refused where that takes too long."""
        reading = self._reading
        if reading is not None and not wait_blocking(
            reading, timeout_s=READ_S, goes_on="The picture is still being read, so nothing was sent."
        ):
            raise InvalidRequest(
                "The picture is still being read, so nothing was sent.",
                hint="press Generate when it is shown",
            )

    # --- on whatever thread the page's messages arrive ---------------------------------------------------------

    def piece(self, content: dict[str, Any], buffers: list[Any]) -> None:
        """A part of a file that is given."""
        file, last = str(content["id"]), int(content["pieces"]) - 1
        got = self._pieces.setdefault(file, [])
        if content["piece"] != len(got) or not buffers:
            self._pieces.clear()
            self._fail("a piece of the file was lost on its way: give it again.")
            return
        got.append(bytes(buffers[0]))
        if len(got) <= last:
            return
        whole, name = b"".join(got), Path(str(content["name"])).name[:120] or "pasted"
        self._pieces.clear()
        if field := str(content.get("field") or ""):
            self._medium(whole, name, field)
            return
        if looks_like_video(whole[:HEAD_BYTES]) or is_sound(whole[:HEAD_BYTES]):
            self._recording(whole, name)
            return
        self._take((whole, name), path="")

    def fail(self, content: dict[str, Any]) -> None:
        """The page could not take a file."""
        self._fail(f"{str(content['name'])[:80]} could not be taken: {str(content['failed'])[:200]}.")

    def fix(self, content: dict[str, Any]) -> None:
        """One of `fixes` was pressed."""
        how = content.get("fix")
        if how == "fit" and self._fitted is not None:
            self.show(self._fitted)
        elif how == "address" and self._proposed is not None:
            self.show(self._proposed)
        elif how == "path":
            self.show(str(content.get("path")))

    def send_still(self) -> None:
        """The small copy, to all pages that show the panel."""
        if self.still:
            self._view.send({"kind": "picture"}, [self.still])

    def _fail(self, words: str) -> None:
        self.wrong = words
        self._callbacks.changed()

    def _take(self, given: str | Picture | tuple[bytes, str] | None, *, path: str) -> None:
        with self._lock:
            self._turn += 1
            turn = self._turn
            self._path = path
            self.source = given if isinstance(given, str | Picture) else None
            self.picture = given if isinstance(given, Picture) else None
            self.wrong = self.warning = ""
            self.fixes = []
            self._reading = self._proposed = self._fitted = None
            if self._view.path.strip() != path:
                self._view.path = path
            if given is None or (isinstance(given, Picture) and given.content is None):
                self._shown(given.identity if isinstance(given, Picture) else None, None)
            elif isinstance(given, str) and is_url(given):
                self._shown(shareable(given), None)
                self._callbacks.work(self._look, given, turn)
            else:
                self._reading = self._callbacks.work(self._read, given, turn)
        self._callbacks.changed()

    # --- on a worker ---------------------------------------------------------------------------------------------

    def _read(self, given: str | Picture | tuple[bytes, str], turn: int) -> None:
        picture, still, wrong, fitted, fixes = None, None, "", None, []
        source = {"content": given[0], "name": given[1]} if isinstance(given, tuple) else given
        try:
            picture = source if isinstance(source, Picture) else read_picture(source)
            still = small_copy(picture.content) if picture.content else None
        except InvalidRequest as exc:
            can_fit = exc.hint in {FIT, CONVERT}
            near = _NEAR.match(exc.hint)
            if can_fit:
                with contextlib.suppress(InvalidRequest):
                    fitted = read_picture(source, fit=True)
            if fitted is not None:
                fixes = [{"label": Words.SCALE_TO_FIT, "fix": "fit"}]
            elif near and isinstance(given, str):
                paths = [Path(given).with_name(name).as_posix() for name in near[1].split(" or ")]
                fixes = [
                    {"label": Words.USE_FILE.format(path=path), "fix": "path", "path": path} for path in paths
                ]
            # What a button says is not said twice.
            wrong = "\n".join(
                lines_of(KieError.like(exc, charged="", hint="" if can_fit or fixes else exc.hint))
            )
        with self._lock:  # what is shown and what is sent are one picture, whatever is given meanwhile
            if turn != self._turn:
                return
            self.wrong, self._fitted, self.fixes = wrong, fitted, fixes
            if picture is not None:
                self.warning = " ".join(picture.remarks)
                # Also of a path: its file may be another one by the time that Generate is pressed, and what is shown is sent.
                self.picture = self.source = picture
            self._shown(picture.identity if picture else None, still)
        self._callbacks.changed()

    def _look(self, url: str, turn: int) -> None:
        """What *url* serves is shown; it is looked at again when it is asked for, and nobody waits for this look."""
        if turn != self._turn:
            return
        session, current = get_session(), settings_.current()
        channel = session.channel(current)
        shown: str | ImageIdentity = shareable(url)
        still = None
        try:
            picture, warnings, content = seen_at(url, session.ledger(current.home), channel=channel)
            if content is not None:
                shown, still = picture.identity, small_copy(content)
        except InvalidRequest as exc:
            warnings = (exc.message,)  # no refusal yet: a run that was made of what it served is shown for it
        with self._lock:
            if turn != self._turn:
                return
            self.warning = " ".join(warnings)
            self._shown(shown, still)
        self._callbacks.changed()

    def _shown(self, picture: ImageIdentity | str | None, still: bytes | None) -> None:
        self.still = still
        name = picture.label if isinstance(picture, ImageIdentity) else picture or ""
        about = facts(picture) if isinstance(picture, ImageIdentity) else ""
        self._view.picture = {
            "name": visible(name),
            "facts": about,
            "turn": self._turn,
            "hasStill": bool(still),
        }
        self.send_still()


def facts(identity: ImageIdentity) -> str:
    """Pixels and size."""
    pixels = f"{identity.width} × {identity.height}" if identity.width else ""
    size = f"{identity.bytes / 1000:.0f} kB" if identity.bytes else ""
    return " · ".join(part for part in (pixels, size) if part)


def small_copy(content: bytes) -> bytes | None:
    """A JPEG of the picture *content*; None where it cannot be read."""
    with contextlib.suppress(BadImage):  # it can be sent all the same
        return small_jpeg(io.BytesIO(content), STILL)
    return None
