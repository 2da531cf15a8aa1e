"""What is shown under the tiles: a wall, or a comparison of two runs. In the widget itself, for displays from callbacks get lost."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from ...errors import InvalidRequest, KieError
from ...handles import Run
from ...markup import ROOT, Html, html
from ...tables import counted
from .. import page
from ..card import widgets
from . import media

if TYPE_CHECKING:
    from ...experiments.wall import Wall
    from ..wall_widget import LiveWall

TWO = 2


class Results:
    """The place for one result at a time; on the dispatcher's thread but for the button that empties it.

    Attributes:
        box: The widget.
    """

    def __init__(self) -> None:
        kit = widgets()
        self._number = 0
        self._parts: Any = None
        self._wall: LiveWall | None = None
        self.box = kit.VBox([], layout=kit.Layout(display="none", margin="12px 2px 0"))

    def _made(self) -> Any:
        """The head, its title and the body; made when there is something to show, for each costs messages."""
        if self._parts is None:
            kit = widgets()
            title, body = kit.HTML(), kit.HTML()
            close = kit.Button(
                description="Close",
                tooltip="take this away",
                layout=kit.Layout(width="auto", margin="0 0 0 auto"),
            )
            close.on_click(lambda _button: self.clear())
            head = kit.HBox([title, close], layout=kit.Layout(align_items="center"))
            self._parts = head, title, body
        return self._parts

    def clear(self) -> None:
        """Empty it; what is still being measured is not shown any more. Sets traits, and lets go of a wall: nothing else."""
        self._number += 1
        self.box.layout.display = "none"
        self.box.children = ()
        self._let_go()
        if self._parts is not None:
            self._parts[2].value = ""

    async def compare(self, runs: list[Run]) -> str:
        """Measure how alike two runs are, and show it.

        Raises:
            InvalidRequest: there are not two, or a video is missing or damaged.

        Returns:
            The verdict in a line; nothing if the place was emptied meanwhile.
        """
        if len(runs) != TWO:
            raise InvalidRequest("exactly two runs can be compared.", charged="")
        first, second = runs
        names = f"{first.label} and {second.label}"
        number = self._begin(f"Compare {names}", f"measuring {names}…")
        try:
            shown, verdict = await asyncio.wrap_future(media.measuring().submit(_measure, first, second))
        except Exception as exc:
            self._trouble(number, exc)
            raise
        if number != self._number:
            return ""
        self._made()[2].value = html('<div style="{};overflow-x:auto">{}</div>', page.FONT, shown)
        return verdict

    async def wall(self, runs: list[Run]) -> str:
        """Show runs side by side.

        Raises:
            InvalidRequest: there are none.

        Returns:
            What is shown, in a line.
        """
        from ..wall_widget import LiveWall

        words = f"Wall of {counted(len(runs), 'run')}"
        number = self._begin(words, "")
        try:
            wall = await asyncio.wrap_future(media.workers().submit(_wall_of, runs))
        except Exception as exc:
            self._trouble(number, exc)
            raise
        if number == self._number:
            self._wall = LiveWall(wall)
            self.box.children = (self._made()[0], self._wall.widget)
        return words

    def _let_go(self) -> None:
        """The wall that was shown is gone from the page."""
        if self._wall is not None:
            self._wall.close()
        self._wall = None

    def _trouble(self, number: int, exc: Exception) -> None:
        """It must not say for ever that it is at work; the caller tells the rest."""
        if number == self._number:
            words = " ".join(exc.lines()) if isinstance(exc, KieError) else f"This did not work: {exc!r}."
            self._made()[2].value = _text(words)

    def _begin(self, title: str, text: str) -> int:
        self._number += 1
        head, name, body = self._made()
        name.value = html('<b {} style="{}">{}</b>', ROOT, page.FONT, title)
        body.value = _text(text)
        self.box.children = (head, body)
        self._let_go()
        self.box.layout.display = ""
        return self._number


def _wall_of(runs: list[Run]) -> Wall:
    from ...experiments.wall import wall_of

    return wall_of(runs)


def _measure(first: Run, second: Run) -> tuple[Html, str]:
    from ...experiments.comparison import compare

    found = compare(first, second)
    return found.html(), f"{found.verdict}: {found.first} and {found.second}"


def _text(text: str) -> Html:
    return html('<div {} role="status" style="{}">{}</div>', ROOT, page.FONT, text)
