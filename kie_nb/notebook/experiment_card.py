"""The live card of an experiment: one widget for all its cells, a static page in its place at the end."""

from __future__ import annotations

import asyncio
import functools
import logging
import re
from collections.abc import Callable
from typing import Any, TypeVar
from weakref import WeakSet

from .. import frontend, tables
from ..errors import KieError
from ..experiment.experiment import Experiment
from ..handles import get_session
from ..markup import NOTHING, ROOT, Html, html
from ..presence import has_widgets, must_wait
from ..settings import start_folder
from ..text import say
from ..wording import Experiment as Words
from . import page
from .card import shared_layout, widgets
from .experiment_grid import ExperimentGrid
from .experiment_page import Parts, experiment_parts
from .experiment_saved import saved_page, show_saved
from .live_output import LIVE, LiveOutput
from .ticker import ticker
from .wall_widget import LiveWall

T = TypeVar("T")
log = logging.getLogger("kie_nb")
MOST_FAILURES = 10  # ticks in a row; a ledger that is locked for a moment passes
HIDDEN = "position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap"


def show_experiment(exp: Experiment) -> None:
    """Show *exp* in the current cell; live if it runs and somebody watches."""
    if not frontend.has_kernel():
        say(repr(exp))
        return
    if exp.is_running and must_wait(None):
        exp.wait()
    if exp.is_running and has_widgets():
        ExperimentCard(exp).show()
        return
    show_saved(exp)


_live: WeakSet[ExperimentCard] = WeakSet()


def is_live(name: str) -> bool:
    """Whether a card of the experiment *name* goes on in some cell."""
    return any(card.exp.name == name and not card.is_over for card in _live)


class ExperimentCard:
    """Shows one experiment in one cell, and changes at most once a second, however many cells it has.

    When all has ended it stays while its kernel lives: wall and report are asked for then.
    """

    def __init__(self, exp: Experiment) -> None:
        self.exp = exp
        self.is_over = self._busy = False
        self._failures = 0
        self._output: LiveOutput | None = None
        kit = widgets()
        self.head, self.squares, self.foot, self.note = (
            kit.HTML(layout=shared_layout("wide")) for _ in range(4)
        )
        self.said = kit.HTML(layout=kit.Layout(height="0", margin="0", overflow="hidden"))
        self.grid = ExperimentGrid(exp)
        self.button = self._button(Words.STOP_BUYING, Words.STOP_BUYING_TIP, self._stop)
        self._write(experiment_parts(exp))
        self.wall = self._button(Words.SHOW_WALL, Words.SHOW_WALL_TIP, self._show_wall)
        self.report = self._button(Words.WRITE_REPORT, Words.WRITE_REPORT_TIP, self._write_report)
        self.row = kit.HBox(
            [self.button, self.wall, self.report], layout=kit.Layout(flex_flow="row wrap", margin="6px 0 0 0")
        )
        self.below = kit.VBox([], layout=kit.Layout(margin="8px 0 0 0"))
        self._wall: LiveWall | None = None
        parts = [
            self.head,
            self.squares,
            self.grid.widget,
            self.foot,
            self.said,
            self.row,
            self.note,
            self.below,
        ]
        self.box = kit.VBox(parts, layout=shared_layout("box"))
        for name in (page.LIVE_CLASS, LIVE, "kie"):
            self.box.add_class(name)

    def _button(self, text: str, tip: str, act: Callable[[Any], None]) -> Any:
        kit = widgets()
        made = kit.Button(description=text, tooltip=tip, layout=kit.Layout(width="auto", margin="0 8px 0 0"))
        made.on_click(act)
        return made

    def show(self) -> None:
        """Put it into the current cell; from the cell's own thread."""
        self._output = LiveOutput(self.box, saved_page(self.exp, stills=False))
        _live.add(self)
        ticker().add(self)

    def _write(self, parts: Parts) -> None:
        """Each part by itself: what has not changed is not sent, and only `said` is read out."""
        self.grid.widget.cells = list(map(list, parts.cells))
        squares = NOTHING if parts.cells else parts.squares  # the stills stand in their place
        for widget, text in (
            (self.head, page.ROUNDED + parts.head),
            (self.squares, squares),
            (self.foot, parts.foot),
        ):
            widget.value = html('<div {} style="{}">{}</div>', ROOT, page.FONT, text) if text else ""
        self.button.disabled = parts.is_stopped  # by whatever stopped it, this button or ■
        self.said.value = html('<div role="status" style="{}">{}</div>', HIDDEN, parts.said)

    def tick(self) -> None:
        """A second has passed; on the dispatcher's thread, which must not wait for the ledger."""
        if not self._busy and not self.is_over:
            self._busy = True
            get_session().dispatcher.start(self._refresh())

    async def _refresh(self) -> None:
        try:
            is_over = not self.exp.is_running
            self._write(await get_session().dispatcher.ledger(experiment_parts, self.exp))
            if is_over:
                static = await get_session().dispatcher.ledger(saved_page, self.exp)
                self.is_over = True
                ticker().discard(self)
                self.row.children = (self.wall, self.report)
                if self._output is not None:
                    self._output.update(static)
            self._failures = 0
        except Exception as exc:  # a display that fails must never stop a paid run
            log.exception("the card of the experiment %s failed", self.exp.name)
            self._failures += 1
            if self._failures >= MOST_FAILURES:
                self._give_up(exc)
        finally:
            self._busy = False

    def _give_up(self, exc: Exception) -> None:
        """An old state must not look like the one of now."""
        self.is_over = True
        ticker().discard(self)
        words = exc.message if isinstance(exc, KieError) else f"{type(exc).__name__}: {exc}"
        self._write(
            Parts(
                head=html("<b>{}</b>", self.exp.name),
                squares=NOTHING,
                foot=html(
                    "This card cannot be kept up to date: {}<br>The experiment goes on; run this cell again to see it.",
                    words,
                ),
                said="This card cannot be kept up to date.",
            )
        )

    def _stop(self, _button: Any) -> None:
        """On the main thread or a subshell's: set traits and hand over, nothing else."""
        self.button.disabled = True
        self.exp.stop()

    def _show_wall(self, _button: Any) -> None:
        get_session().dispatcher.start(self._put_wall())

    async def _put_wall(self) -> None:
        """Below, or away again."""
        if self._wall is not None:
            self.below.children = ()
            self._wall.close()
            self._wall = None
            self.wall.description = Words.SHOW_WALL
            return
        wall = await self._made(self.wall, self.exp.wall)
        if wall is not None:
            self._wall = LiveWall(wall)
            self.below.children = (self._wall.widget,)
            self.wall.description = Words.HIDE_WALL

    def _write_report(self, _button: Any) -> None:
        get_session().dispatcher.start(self._put_report())

    async def _put_report(self) -> None:
        name = re.sub(r"[^\w-]+", "-", self.exp.name)[:60] + "-report.html"
        path = await self._made(self.report, functools.partial(self.exp.report, start_folder() / name))
        if path is not None:
            size = Words.REPORT_SIZE.format(megabytes=f"{path.stat().st_size / 1e6:.1f}")
            self._tell(
                html("{} {} {}", Words.REPORT_WRITTEN, tables.link(name, html("<u>{}</u>", name)), size)
            )

    async def _made(self, button: Any, make: Callable[[], T]) -> T | None:
        """What *make* gives, in a worker; its button is off meanwhile, and an error stands below it."""
        button.disabled = True
        self._tell(html("{}", Words.WORKING))
        try:
            made = await asyncio.wrap_future(get_session().previews.submit(make))
            self._tell(NOTHING)
        except KieError as exc:
            self._tell(page.wrong(" ".join(line.strip() for line in exc.lines())))
            return None
        except Exception as exc:
            log.exception("the experiment %s could not be shown so", self.exp.name)
            self._tell(page.wrong(f"{type(exc).__name__}: {exc}"))
            return None
        finally:
            button.disabled = False
        return made

    def _tell(self, text: Html) -> None:
        self.note.value = (
            html('<div role="status" {} style="{}">{}</div>', ROOT, page.FONT, text) if text else ""
        )
