"""The stills of an experiment's cells, live: what is done is shown as it comes. Bytes travel in messages, never in the state."""

from __future__ import annotations

import functools
import logging
from importlib.resources import files
from typing import Any

from .. import design
from ..experiment.experiment import Experiment
from ..handles import get_session
from .video import thumbnail

log = logging.getLogger("kie_nb")
AT_ONCE = 24  # stills in one message: the first ones are there at once


@functools.cache
def _widget_class() -> Any:
    import anywidget
    import traitlets

    class GridWidget(anywidget.AnyWidget):  # type: ignore[misc, unused-ignore]
        """What the page knows of the cells: run, tone and tooltip of each."""

        _esm = "\n".join((design.script(), _text("experiment_grid.js")))
        _css = design.style(_text("experiment_grid.css"))
        cells: Any = traitlets.List().tag(sync=True)

    return GridWidget


def _text(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")


class ExperimentGrid:
    """A place for each cell of *exp*.

    Attributes:
        widget: What is shown.
    """

    def __init__(self, exp: Experiment) -> None:
        self._exp = exp
        self.widget = _widget_class()()
        self.widget.on_msg(self._hear)

    def _hear(self, _widget: Any, message: dict[str, Any], _buffers: Any) -> None:
        if message.get("kind") == "stills":
            known = {run for run, _, _ in self.widget.cells if run}
            runs = [run for run in message.get("runs", ()) if run in known]
            get_session().previews.submit(self._send, runs)

    def _send(self, wanted: list[str]) -> None:
        """In a worker: a still is made of the video where none is there."""
        try:
            videos = {run.id: run.video for run in self._exp.runs if run.video is not None}
            for first in range(0, len(wanted), AT_ONCE):
                made = {
                    run: still
                    for run in wanted[first : first + AT_ONCE]
                    if run in videos and (still := thumbnail(videos[run], make=True))
                }
                message = {"kind": "stills", "runs": list(made)}
                get_session().dispatcher.call_soon(
                    functools.partial(self.widget.send, message, list(made.values()))
                )
        except Exception:  # a display that fails must never stop a paid run
            log.exception("the stills of the experiment %s could not be sent", self._exp.name)
