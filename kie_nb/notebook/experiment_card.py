"""The live card of an experiment: one widget for all its cells, a static page in its place at the end."""

from __future__ import annotations

import logging
from typing import Any

from .. import frontend
from ..errors import KieError
from ..experiments.experiment import Experiment
from ..handles import get_session
from ..markup import NOTHING, ROOT, html
from ..settings import has_widgets, must_wait
from ..text import say
from . import page
from .card import shared_layout, widgets
from .experiment_page import Parts, experiment_page, experiment_parts
from .live_output import LIVE, LiveOutput
from .ticker import ticker

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
    from IPython.display import display

    display(_static(exp), raw=True)


def _static(exp: Experiment) -> dict[str, str]:
    return {"text/html": page.boxed(experiment_page(exp)), "text/plain": repr(exp)}


class ExperimentCard:
    """Shows one experiment in one cell, and changes at most once a second, however many cells it has."""

    def __init__(self, exp: Experiment) -> None:
        self.exp = exp
        self._over = self._busy = False
        self._failures = 0
        self._output: LiveOutput | None = None
        kit = widgets()
        self.head, self.squares, self.foot = (kit.HTML(layout=shared_layout("wide")) for _ in range(3))
        self.said = kit.HTML(layout=kit.Layout(height="0", margin="0", overflow="hidden"))
        self._write(experiment_parts(exp))
        self.button = kit.Button(
            description="Buy no more",
            tooltip="tasks that were sent go on; their videos are still fetched",
            layout=kit.Layout(width="auto", margin="6px 0 0 0", align_self="flex-start"),
        )
        self.button.on_click(self._stop)
        parts = [self.head, self.squares, self.foot, self.said, self.button]
        self.box = kit.VBox(parts, layout=shared_layout("box"))
        self.box.add_class(page.LIVE_CLASS)
        self.box.add_class(LIVE)

    def show(self) -> None:
        """Put it into the current cell; from the cell's own thread."""
        self._output = LiveOutput(self.box, _static(self.exp))
        ticker().add(self)

    def _write(self, parts: Parts) -> None:
        """Each part by itself: what has not changed is not sent, and only `said` is read out."""
        for widget, text in (
            (self.head, page.ROUNDED + parts.head),
            (self.squares, parts.squares),
            (self.foot, parts.foot),
        ):
            widget.value = html('<div {} style="{}">{}</div>', ROOT, page.FONT, text) if text else ""
        self.said.value = html('<div role="status" style="{}">{}</div>', HIDDEN, parts.said)

    def tick(self) -> None:
        """A second has passed; on the dispatcher's thread, which must not wait for the ledger."""
        if not self._busy and not self._over:
            self._busy = True
            get_session().dispatcher.start(self._refresh())

    async def _refresh(self) -> None:
        try:
            is_over = not self.exp.is_running
            self._write(await get_session().dispatcher.ledger(experiment_parts, self.exp))
            if is_over:
                static = await get_session().dispatcher.ledger(_static, self.exp)
                self._over = True
                ticker().discard(self)
                self.button.layout = shared_layout("gone")
                if self._output is not None:
                    self._output.end(static, raw=True)
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
        self._over = True
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
