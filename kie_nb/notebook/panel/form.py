"""The form: a draft, as the page holds it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...catalogue import describe, find
from ...catalogue.models import DEFAULT_MODEL
from .callbacks import Callbacks
from .draft import CALLBACK, MOST_SEEDS, Draft
from .picture import PictureControl
from .view import PanelView

FIELDS = ("chosen", "values", "path", "seed", "count")


class Form:
    """Shows and takes a draft.

    Args:
        video: Is given the bytes and the name of a video that was dropped.
    """

    def __init__(self, view: PanelView, callbacks: Callbacks, *, video: Any) -> None:
        self._view, self._callbacks = view, callbacks
        self.picture = PictureControl(view, callbacks, video=video)
        self._kept: dict[str, Any] = {}
        self._is_ours = False
        view.observe(callbacks.guard(self._told), ["chosen", "values", "seed", "count"])

    def read(self, pressed: Mapping[str, Any] | None = None) -> Draft:
        """The draft as the page has it now; or as it was *pressed*, which can overtake the last changes of the fields."""
        held = {name: getattr(self._view, name) for name in FIELDS}
        held |= {name: value for name, value in (pressed or {}).items() if name in FIELDS}
        if pressed is not None:
            self.picture.take_path(str(held["path"]))
        values = held["values"] if isinstance(held["values"], dict) else {}
        model = held["chosen"] if find(str(held["chosen"])) else DEFAULT_MODEL
        count = held["count"] if isinstance(held["count"], int) else 1
        return Draft(
            model=model,
            values={name: value for name, value in values.items() if isinstance(value, str | bool | int)},
            kept=self._kept,
            source=self.picture.source,
            seed=_seed(str(held["seed"])),
            count=min(max(count, 1), MOST_SEEDS),
        )

    def mistakes(self, draft: Draft) -> dict[str, str]:
        """What is wrong with *draft*, by field; its picture as the form has read it."""
        wrong = self.picture.wrong
        return draft.errors() | ({draft.image_field: wrong} if wrong and draft.image_field else {})

    def show(self, draft: Draft, *, keep_seed: bool) -> None:
        """Fill the form; without *keep_seed* the next seed is random."""
        self._is_ours = True
        try:
            self._kept = dict(draft.kept)
            with self._view.hold_sync():
                self._view.chosen = draft.model
                own = {CALLBACK: self._view.values.get(CALLBACK)}  # of the user, whatever is filled in
                given = {entry.name: draft.values.get(entry.name) for entry in describe(draft.model)} | own
                self._view.values = {name: value for name, value in given.items() if value is not None}
                self._view.seed = str(draft.seed) if keep_seed and draft.seed is not None else ""
                self._view.count = draft.count
            self.picture.show(draft.source, is_found=draft.is_found)
        finally:
            self._is_ours = False
        self._callbacks.changed()

    def mark(self, errors: Mapping[str, str]) -> None:
        """Say at each field what is wrong with it, and what would mend it."""
        image = self.read().image_field
        told: dict[str, dict[str, Any]] = {
            name: {"text": words, "fixes": []} for name, words in errors.items() if words
        }
        if image:
            words = errors.get(image) or self.picture.wrong or self.picture.warning
            told[image] = {
                "text": words,
                "fixes": self.picture.fixes,
                "isHint": not self.picture.wrong and image not in errors,
            }
        self._view.errors = {name: one for name, one in told.items() if one["text"] or one["fixes"]}

    def _told(self, _change: Any) -> None:
        if not self._is_ours:
            self._callbacks.changed()


def _seed(text: str) -> Any:
    """The number, or the text that is none; None for a random one."""
    text = text.strip()
    try:
        return int(text)
    except ValueError:
        return text or None
