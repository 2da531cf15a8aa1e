"""The selected run: its facts, live while it is running, its video, and its cell to copy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as kit

from ...handles import Run
from ...ledger.states import State
from ...text import visible
from .. import page
from ..card import FLUSH_S
from ..run_cell import cell_of, promise_of
from ..video import make_assets
from .callbacks import Callbacks, lines_of
from .widgets import CopyButton, Player, row, section, show


class RunView:
    """Shows one run at a time.

    Args:
        use: Called with the run by *Use these settings*.
    """

    def __init__(self, callbacks: Callbacks, use: Callable[[Run], object]) -> None:
        self._callbacks = callbacks
        self._listener = callbacks.guard(self._changed)
        self.run: Run | None = None
        self._note = ""
        self._dirty = False
        self.player, self.facts, self.copy = Player(), kit.HTML(), CopyButton()
        self.use = callbacks.button(
            "Use these settings", "fill the form as for this run", lambda: (run := self.run) and use(run)
        )
        self.box = section(
            self.player, self.facts, row(self.use, self.copy, align_items=None), display="none"
        )
        self.player.on_msg(callbacks.guard(self._message))
        self.copy.on_msg(callbacks.guard(self._copied))

    def show(self, run: Run, note: str = "") -> None:
        """Show *run*; from any thread."""
        is_new = self.run is not run
        if is_new:
            self.close()
        self.run, self._note = run, note
        if is_new:
            run.listen(self._listener)
            self._callbacks.work(self._write_cell, run)
        show(self.box, is_shown=True)
        self._callbacks.soon(self._flush)

    def close(self) -> None:
        """Release the run."""
        run, self.run = self.run, None
        if run is not None:
            run.unlisten(self._listener)

    def _write_cell(self, run: Run) -> None:
        text = cell_of(run)
        if self.run is run:
            self.copy.text = text

    # --- on the dispatcher's thread ------------------------------------------------------------------------------

    def _changed(self, _run: Run) -> None:
        if not self._dirty:
            self._dirty = True
            self._callbacks.later(FLUSH_S, self._flush)

    def _flush(self) -> None:
        self._dirty = False
        run = self.run
        if run is None:
            return
        facts = page.live_card(run, note=self._note, lines=lines_of)
        self.facts.value = facts + (page.file_line(run) if run.is_final else "")
        is_there = run.state is State.FETCHED and run.is_here
        is_new = is_there and self.player.showing != run.id
        with self.player.hold_sync():
            self.player.label = visible(f"video: {' '.join(run.prompt.split())[:120]}") if is_there else ""
            self.player.showing = run.id if is_there else ""
        if is_new:
            self._callbacks.work(self._send, run)

    # --- on whatever thread the page's messages arrive -----------------------------------------------------------

    def _message(self, _widget: Any, content: dict[str, Any], _buffers: Any) -> None:
        run = self.run
        if run is not None and content.get("want") == run.id:
            self._callbacks.work(self._send, run)

    def _copied(self, _widget: Any, content: dict[str, Any], _buffers: Any) -> None:
        run = self.run
        if run is not None and (content.get("inserted") or content.get("copied")):
            words = "The cell stands below." if content.get("inserted") else "The cell is copied."
            self._callbacks.work(self._tell_cell, run, words)
        elif not content.get("inserted"):
            self._callbacks.say(
                "The browser gave no access to its clipboard: the cell stands below the buttons, selected."
            )

    # --- on a worker ---------------------------------------------------------------------------------------------

    def _tell_cell(self, run: Run, words: str) -> None:
        """What running the cell does, as it is now; it was written when the run was shown."""
        text, written = cell_of(run), self.copy.text
        if self.run is run and text != written:
            self.copy.text = text
            self._callbacks.say(
                "The cell is another one by now, for its picture's file was replaced or another run is shown: "
                "take the cell once more.",
                bad=True,
            )
            return
        self._callbacks.say(f"{words} {promise_of(run)}")

    def _send(self, run: Run) -> None:
        """The bytes, as large as a notebook would hold them."""
        if run.video is None:
            return
        assets = make_assets(run.video, "preview")
        if assets.content is not None:
            self.player.send({"showing": run.id, "mime": assets.mime}, [assets.content])
