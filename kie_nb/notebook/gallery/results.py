"""What is shown under the tiles: a wall, or a comparison of two runs. In the widget itself: displays from callbacks get lost."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import ipywidgets as kit

from ...engine.dispatcher import Threads
from ...errors import InvalidRequest, KieError
from ...handles import Run, get_session
from ...markup import ROOT, Html, html, joined
from ...operations.exporting import export
from ...tables import counted
from ...wording import Gallery as Words
from .. import page
from . import media

if TYPE_CHECKING:
    from ...experiment.comparison import Comparison
    from ...experiment.wall_tiles import Tiles
    from ..wall_widget import LiveWall

T = TypeVar("T")
TWO = 2


class Results:
    """The place for one result at a time; on the dispatcher's thread but for the button that empties it.

    Attributes:
        box: The widget.
    """

    def __init__(self) -> None:
        self._number = 0
        self._wall: LiveWall | None = None
        self.box = kit.VBox([], layout={"display": "none", "margin": "12px 2px 0"})

    @functools.cached_property
    def _parts(self) -> tuple[Any, Any, Any]:
        """The head, its title and the body; made when there is something to show, for each costs messages."""
        title, body = kit.HTML(), kit.HTML()
        close = kit.Button(description=Words.CLOSE, layout={"width": "auto", "margin": "0 0 0 auto"})
        close.on_click(lambda _button: self.clear())
        return kit.HBox([title, close], layout={"align_items": "center"}), title, body

    def clear(self) -> None:
        """Empty it; what is still being measured is not shown any more. Sets traits and closes a wall: nothing else."""
        self._number += 1
        self.box.layout.display = "none"
        self.box.children = ()
        self._close_wall()
        if "_parts" in vars(self):
            self._parts[2].value = ""

    async def compare(self, runs: list[Run]) -> str:
        """Measure how alike two runs are, and show it; gives what it means, or nothing if the place was emptied meanwhile."""
        if len(runs) != TWO:
            raise InvalidRequest("Exactly two runs can be compared.", charged="")
        names = " · ".join(run.label for run in runs)
        number = self._begin(names, Words.MEASURING)
        found = await self._made(number, media.measuring(), _compared, runs)
        return found.sentence if self._play(number, found.pair, found.said()) else ""

    async def wall(self, runs: list[Run]) -> str:
        """Show runs side by side; gives what is shown, in a line."""
        title = Words.WALL_OF.format(runs=counted(len(runs), "video"))
        number = self._begin(title, "")
        self._play(number, await self._made(number, media.workers(), _wall_of, runs))
        return title

    async def export(self, runs: list[Run], *, folder: str) -> str:
        """Copy runs into *folder*; gives what was written, in a line."""
        number = self._begin(Words.EXPORTING, "")
        session = get_session()
        found = await self._made(number, media.workers(), lambda some: export(session, folder, some), runs)
        if number == self._number:
            self._parts[2].value = found.html()
        return repr(found)

    def _play(self, number: int, tiles: Tiles, *below: Html) -> bool:
        """Whether the place is still wanted, and then has the videos of *tiles*, and what is said below them."""
        from ..wall_widget import LiveWall

        if number != self._number:
            return False
        self._wall = LiveWall(tiles)
        self._parts[2].value = joined(below)
        self.box.children = (self._parts[0], self._wall.widget, *([self._parts[2]] if below else []))
        return True

    async def _made(
        self, number: int, workers: Threads, make: Callable[[list[Run]], T], runs: list[Run]
    ) -> T:
        """What *make* gives, in a worker; an error is shown in its place, and raised."""
        try:
            return await asyncio.wrap_future(workers.submit(make, runs))
        except Exception as exc:
            if number == self._number:
                why = (
                    " ".join(exc.lines()) if isinstance(exc, KieError) else Words.FAILED.format(why=repr(exc))
                )
                self._parts[2].value = _text(why)
            raise

    def _begin(self, title: str, text: str) -> int:
        self._number += 1
        head, name, body = self._parts
        name.value = html('<b {} style="{}">{}</b>', ROOT, page.FONT, title)
        body.value = _text(text)
        self.box.children = (head, body)
        self._close_wall()
        self.box.layout.display = ""
        return self._number

    def _close_wall(self) -> None:
        if self._wall is not None:
            self._wall.close()
        self._wall = None


def _wall_of(runs: list[Run]) -> Tiles:
    from ...experiment.wall import wall_of

    return wall_of(runs)


def _compared(runs: list[Run]) -> Comparison:
    from ...experiment.comparison import compare

    return compare(*runs)


def _text(text: str) -> Html:
    return html('<div {} role="status" style="{}">{}</div>', ROOT, page.FONT, text)
