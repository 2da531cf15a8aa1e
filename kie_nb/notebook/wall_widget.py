"""The wall in a live notebook: an anywidget whose videos come when they are looked at, and whose marks go into the ledger.

With the widget goes a page with everything inside: that is what a saved notebook keeps and an export shows. Where nobody watches
it stands alone, for headless runners store the widget's state, and a widget would then win over the page, and stay blank offline.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from .. import frontend
from ..errors import KieError
from ..experiment.wall import Wall
from ..experiment.wall_media import Clip, for_notebook, is_ready, make_clip, make_still
from ..experiment.wall_page import marks, script, style, wall_data, wall_part
from ..experiment.wall_tiles import Tiles
from ..handles import Run, get_session
from ..presence import has_widgets
from ..text import say, visible
from ..video import read_media
from .live_output import LiveOutput

log = logging.getLogger("kie_nb")
REFRESH_S = 3.0  # after the last mark; where both share one output a new page makes the live view anew
MOST_WANTED = 200  # in one message


@functools.cache
def widget_class() -> Any:
    """The widget, made when there is a wall to show: its package costs `%load_ext` nothing."""
    import anywidget
    import traitlets

    class WallWidget(anywidget.AnyWidget):
        """What the front end knows of a wall; no video is in its state."""

        _esm = script()
        _css = style()
        data = traitlets.Dict().tag(sync=True)
        marks = traitlets.Dict().tag(sync=True)
        live = traitlets.Bool(default_value=True).tag(sync=True)

    return WallWidget


def show_wall(wall: Wall) -> None:
    """Show *wall* in the current cell: with its widget where somebody watches."""
    from IPython.display import display

    if not frontend.has_kernel():
        say(repr(wall))
    elif has_widgets():
        LiveWall(wall).show()
    else:
        display(page_of(wall), raw=True)


def page_of(wall: Tiles, *, make: bool = True) -> dict[str, str]:
    """What is left of a wall without a kernel.

    Args:
        make: False takes only small copies that are there already.
    """
    return {"text/html": wall_part(wall, for_notebook(make=make)).html, "text/plain": repr(wall)}


class LiveWall:
    """One wall in one cell, or in another widget."""

    def __init__(self, wall: Tiles) -> None:
        self.wall = wall
        self.widget = widget_class()(data=wall_data(wall))
        self.widget.on_msg(self._hear)
        self._output: LiveOutput | None = None
        self._refreshing: asyncio.TimerHandle | None = None

    def show(self) -> None:
        """Put it into the current cell; from the cell's own thread."""
        videos = [tile.video for tile in self.wall.tiles if tile.video is not None]
        self._output = LiveOutput(self.widget, page_of(self.wall, make=False))
        if not all(map(is_ready, videos)):
            get_session().dispatcher.call_soon(self._refresh)

    def close(self) -> None:
        """Let go of its widget, which a kernel would keep as long as it lives."""
        self.widget.close()

    # --- on the main thread or a subshell's: look at it and hand it over, nothing else -----------------------------

    def _hear(self, _widget: Any, content: Any, _buffers: Any) -> None:
        wish = content if isinstance(content, dict) else {}
        if wish.get("kind") == "want":
            numbers = wish["tiles"] if isinstance(wish.get("tiles"), list) else []
            get_session().dispatcher.start(self._send(list(filter(self._is_tile, numbers))[:MOST_WANTED]))
        elif wish.get("kind") in {"rate", "tag"} and self._is_tile(wish.get("tile")):
            get_session().dispatcher.start(self._mark(wish))

    def _is_tile(self, number: object) -> bool:
        return isinstance(number, int) and not isinstance(number, bool) and 0 <= number < len(self.wall.tiles)

    # --- on the dispatcher's thread --------------------------------------------------------------------------------

    async def _send(self, numbers: list[int]) -> None:
        """Stills first, they are quick; then the videos, one by one."""
        videos = {number: video for number in numbers if (video := self.wall.tiles[number].video) is not None}
        previews = get_session().previews
        try:
            for number, video in videos.items():
                still = await asyncio.wrap_future(previews.submit(make_still, video))
                self.widget.send({"kind": "still", "tile": number}, buffers=[still or b""])
            for number, video in videos.items():
                clip, still, content = await asyncio.wrap_future(previews.submit(_read, video))
                facts = {"fps": clip.fps, "frames": clip.frames, "aspect": clip.aspect} if clip else {}
                self.widget.send({"kind": "media", "tile": number, **facts}, buffers=[still, content])
        except Exception as exc:  # the front end must say it, for no cell will
            log.exception("the videos of a wall could not be sent")
            self._complain(None, f"The videos cannot be read: {exc}")

    async def _mark(self, wish: Mapping[str, Any]) -> None:
        number = wish["tile"]
        run = self.wall.tiles[number].run
        try:
            if run is None:
                self._complain(number, "There is no run here to say anything of.")
                return
            await get_session().dispatcher.ledger(_keep, run, wish)
            said = marks(run)
            self.widget.marks = {**self.widget.marks, str(number): said}
            self.widget.send({"kind": "marked", "tile": number, **said})
            self._refresh_later()
        except KieError as exc:
            self._complain(number, " ".join(line.strip() for line in exc.lines()))
        except Exception as exc:
            log.exception("a mark could not be kept")
            self._complain(number, f"This was not saved: {exc}")

    def _complain(self, number: int | None, text: str) -> None:
        self.widget.send({"kind": "trouble", "tile": number, "text": visible(text)})

    def _refresh_later(self) -> None:
        if self._output is None:  # its widget stands inside another one: there is no page beside it
            return
        if self._refreshing is not None:
            self._refreshing.cancel()
        self._refreshing = get_session().dispatcher.loop.call_later(REFRESH_S, self._refresh)

    def _refresh(self) -> None:
        """Write the page anew, with all copies and marks, as a notebook saved now should keep it."""
        made = get_session().previews.submit(page_of, self.wall)
        made.add_done_callback(lambda done: get_session().dispatcher.call_soon(lambda: self._replace(done)))

    def _replace(self, made: Future[dict[str, str]]) -> None:
        try:
            if self._output is not None:
                self._output.update(made.result())
        except Exception:  # a page less is no reason to stop the dispatcher
            log.exception("the page of a wall could not be written")


def _keep(run: Run, wish: Mapping[str, Any]) -> None:
    if wish["kind"] == "rate":
        run.rate(wish.get("stars"))
    else:
        run.tag(str(wish.get("tag", "")))


def _read(video: Path) -> tuple[Clip | None, bytes, bytes]:
    """The small copy, its still and its bytes; without a copy, the still alone. In a worker."""
    clip = make_clip(video)
    if clip is None:
        return None, make_still(video) or b"", b""
    return clip, clip.still or b"", read_media(clip.path)
