"""The panel's message line: what was said last, and whether it is an error."""

from __future__ import annotations

import threading

from ...text import visible
from .widgets import MessageLine

MOST_LINES = 9


class Messages:
    """Says one thing at a time; from any thread."""

    def __init__(self) -> None:
        self.line = MessageLine()
        self.complaint = ""  # what was said of the form's mistakes when *Generate* was pressed
        self._lock = threading.Lock()

    def say(self, text: str, *, bad: bool = False, add: bool = False) -> None:
        """As `Panel.say`."""
        text = visible(text)
        with self._lock:
            if add and self.line.is_bad and text not in self.line.text:
                bad, text = True, "\n".join([*self.line.text.split("\n"), text][-MOST_LINES:])
            elif add and self.line.is_bad:
                return
            with self.line.hold_sync():
                self.line.is_bad = bad
                self.line.text = text

    def withdraw(self) -> None:
        """Nothing of the form is wrong now: what was said of its mistakes goes, what came behind it stays."""
        with self._lock:
            said, self.complaint = self.complaint, ""
            if not said or not self.line.text.startswith(said):
                return
            rest = self.line.text.removeprefix(said).strip()
            with self.line.hold_sync():
                self.line.is_bad = bool(rest)
                self.line.text = rest
