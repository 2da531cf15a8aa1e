"""The form's picture: taken in pieces from the page, or by its path or address; shown small, with its pixels and size."""

from __future__ import annotations

import contextlib
import io
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import ipywidgets as kit

from ... import settings as settings_
from ...addresses import shareable
from ...catalogue import ImageIdentity
from ...engine.waiting import wait_blocking
from ...errors import BadImage, InvalidRequest, KieError
from ...handles import get_session
from ...markup import ROOT, html
from ...requests.image_urls import seen_at
from ...requests.images import CONVERT, FIT, Picture, read_picture
from ...requests.pixels import small_jpeg
from ...requests.sources import is_url
from ...text import visible
from ...video import looks_like_video
from ...video.sniff import HEAD_BYTES
from .callbacks import Callbacks, lines_of
from .controls import LABEL
from .widgets import PicturePlace, column, error_place, mark, row, show

STILL = 360  # pixels; shown at half of it
MOST_SHOWN = 300  # characters of an address
READ_S = 30.0  # a file on a slow share


class PictureControl:
    """Where the picture comes from; `source` is what the session is asked for.

    Args:
        title: The field's.
        changed: Called when there is another one.
        video: Is given the bytes and the name of a video that was dropped.
        answered: Is told under which number the page says that nothing more of it is on its way.
    """

    def __init__(
        self,
        title: str,
        callbacks: Callbacks,
        *,
        changed: Callable[[], None],
        video: Callable[[bytes, str], None],
        answered: Callable[[int], None],
    ) -> None:
        self._callbacks, self._changed, self._video, self._answered = callbacks, changed, video, answered
        self.source: str | Picture | None = None
        self.picture: Picture | None = None  # as far as it is known without asking anybody
        self.place = PicturePlace()
        self.path = kit.Text(
            description=title, placeholder="path or URL", tooltip="a path, counted from the notebook's folder, or a URL",
            style=LABEL, layout={"width": "100%"}, continuous_update=False,
        )  # fmt: skip
        self.found = kit.HTML()
        use = callbacks.button(
            "Use this address", "load the picture from there", lambda: self.show(self._proposed)
        )
        self.question = row(self.found, use, display="none", margin="0 2px 4px 128px")
        self.fit = callbacks.button(
            "Scale to fit", "scale it to what the service takes", lambda: self.show(self._fitted),
            layout={"display": "none", "margin": "0 2px 4px 128px", "width": "max-content"},
        )  # fmt: skip
        self._fitted: Picture | None = None
        self.error = error_place()
        place = column(self.place, margin="0 0 0 126px")
        self.box = column(self.path, place, self.question, self.error, self.fit, width="100%")
        self._proposed: str | None = None
        self._still: bytes | None = None
        self._pieces: dict[str, list[bytes]] = {}
        self._reading: Future[Any] | None = None
        self._turn = 0
        self._lock = threading.RLock()
        self._is_ours = False
        self.wrong = ""
        self.warning = ""
        self.place.on_msg(callbacks.guard(self._message))
        self.path.observe(callbacks.guard(self._typed), "value")

    def show(self, source: str | Picture | None, *, is_found: bool = False) -> None:
        """Take *source* as if it had been given by hand.

        Args:
            source: The picture.
            is_found: It is an address found in a file: it is shown, and loaded only if the user agrees.
        """
        proposed = source if is_found and isinstance(source, str) else None
        source = None if proposed else source
        self._write_path(source if isinstance(source, str) else "")
        self._take(source)
        if proposed:
            self._propose(proposed)

    def _write_path(self, path: str) -> None:
        self._is_ours = True
        try:
            self.path.value = path
        finally:
            self._is_ours = False

    def _propose(self, url: str) -> None:
        self._proposed = url
        try:
            parts = urlsplit(url)
            where = f"{parts.hostname}{parts.path}"
        except ValueError:  # no address at all: shown as it is
            where = url
        words = "<span {}>The file names a picture at <b>{}</b>. Nothing was loaded from there.</span>"
        self.found.value = html(words, ROOT, where[:MOST_SHOWN])
        show(self.question, is_shown=True)

    def wait(self) -> None:
        """Until a picture that was given is read; refused where that takes too long."""
        reading = self._reading
        if reading is not None and not wait_blocking(
            reading, timeout_s=READ_S, goes_on="The picture is still being read, so nothing was sent."
        ):
            raise InvalidRequest(
                "the picture is still being read, so nothing was sent.",
                hint="press Generate when it is shown",
            )

    def mark(self, error: str) -> None:
        """Say what is wrong with it."""
        mark(self.box, self.error, error or self.wrong or self.warning)

    # --- on whatever thread the page's messages arrive ---------------------------------------------------------

    def _typed(self, change: Any) -> None:
        if not self._is_ours:
            self._take(change["new"].strip() or None)

    def _message(self, _widget: Any, content: dict[str, Any], buffers: list[Any]) -> None:
        if "answered" in content:
            self._answered(int(content["answered"]))
        elif "still" in content:
            self._send_still()
        elif "remove" in content:
            self.show(None)
        elif "failed" in content:
            self._fail(f"{str(content['name'])[:80]} could not be taken: {str(content['failed'])[:200]}.")
        elif buffers:
            self._piece(content, bytes(buffers[0]))

    def _piece(self, content: dict[str, Any], piece: bytes) -> None:
        file, last = str(content["id"]), int(content["pieces"]) - 1
        got = self._pieces.setdefault(file, [])
        if content["piece"] != len(got):
            self._pieces.clear()
            self._fail("a piece of the file was lost on its way: give it again.")
            return
        got.append(piece)
        if len(got) <= last:
            return
        whole, name = b"".join(got), Path(str(content["name"])).name[:120] or "pasted"
        self._pieces.clear()
        if looks_like_video(whole[:HEAD_BYTES]):
            self._video(whole, name)
            return
        self._write_path("")
        self._take((whole, name))

    def _fail(self, words: str) -> None:
        self.wrong = words
        self._changed()

    def _take(self, given: str | Picture | tuple[bytes, str] | None) -> None:
        with self._lock:
            self._turn += 1
            turn = self._turn
            self.source = given if isinstance(given, str | Picture) else None
            self.picture = given if isinstance(given, Picture) else None
            self.wrong = self.warning = ""
            self._reading = self._proposed = None
            show(self.question, is_shown=False)
            show(self.fit, is_shown=False)
            if given is None or (isinstance(given, Picture) and given.content is None):
                self._shown(facts(given.identity) if isinstance(given, Picture) else "", None)
            elif isinstance(given, str) and is_url(given):
                self._shown(shareable(given), None)
                self._callbacks.work(self._look, given, turn)
            else:
                self._reading = self._callbacks.work(self._read, given, turn)
        self._changed()

    # --- on a worker ---------------------------------------------------------------------------------------------

    def _read(self, given: str | Picture | tuple[bytes, str], turn: int) -> None:
        picture, still, wrong, fitted = None, None, "", None
        source = {"content": given[0], "name": given[1]} if isinstance(given, tuple) else given
        try:
            picture = source if isinstance(source, Picture) else read_picture(source)
            still = _small(picture.content) if picture.content else None
        except InvalidRequest as exc:
            can_fit = exc.hint in {FIT, CONVERT}  # a button says it here
            wrong = "\n".join(lines_of(KieError.like(exc, charged="", hint="" if can_fit else exc.hint)))
            if can_fit:
                with contextlib.suppress(InvalidRequest):
                    fitted = read_picture(source, fit=True)
        with self._lock:  # what is shown and what is sent are one picture, whatever is given meanwhile
            if turn != self._turn:
                return
            self.wrong = wrong
            self._fitted = fitted
            show(self.fit, is_shown=fitted is not None)
            if picture is not None:
                self.warning = " ".join(picture.remarks)
                # Also of a path: its file may be another one by the time that Generate is pressed, and what is shown is sent.
                self.picture = self.source = picture
            self._shown(facts(picture.identity) if picture else "", still)
        self._changed()

    def _look(self, url: str, turn: int) -> None:
        """What *url* serves is shown; it is looked at again when it is asked for, and nobody waits for this look."""
        if turn != self._turn:
            return
        session, current = get_session(), settings_.current()
        channel = session.channel(current)
        words, still = shareable(url), None
        try:
            picture, warnings, content = seen_at(url, session.ledger(current.home), channel=channel)
            if content is not None:
                words, still = facts(picture.identity), _small(content)
        except InvalidRequest as exc:
            warnings = (exc.message,)  # no refusal yet: a run that was made of what it served is shown for it
        with self._lock:
            if turn != self._turn:
                return
            self.warning = " ".join(warnings)
            self._shown(words, still)
        self._changed()

    def _shown(self, words: str, still: bytes | None) -> None:
        self._still = still
        self.place.facts = visible(words)
        self.place.revision += 1
        self._send_still()

    def _send_still(self) -> None:
        if self._still:
            self.place.send({"still": True}, [self._still])


def facts(identity: ImageIdentity) -> str:
    """Name, pixels and size."""
    pixels = f"{identity.width} × {identity.height}" if identity.width else ""
    size = f"{identity.bytes / 1000:.0f} kB" if identity.bytes else ""
    return " · ".join(part for part in (identity.label, pixels, size) if part)


def _small(content: bytes) -> bytes | None:
    with contextlib.suppress(BadImage):  # it can be sent all the same
        return small_jpeg(io.BytesIO(content), STILL)
    return None
