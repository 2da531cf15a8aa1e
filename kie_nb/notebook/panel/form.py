"""The form: a draft, as the page holds it."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from concurrent.futures import Future
from typing import Any

from ...catalogue import Role, describe, find, has_no, rows
from ...catalogue.models import DEFAULT_MODEL
from ...engine.waiting import wait_blocking
from ...errors import InvalidRequest
from ...requests.images import Picture
from ...requests.media import read_medium
from .callbacks import Callbacks
from .draft import CALLBACK, MOST_SEEDS, Draft
from .picture import READ_S, PictureControl
from .view import PanelView

FIELDS = ("chosen", "values", "path", "seed", "count")


class Form:
    """Shows and takes a draft.

    Args:
        recording: Is given the bytes and the name of a video or a sound that was dropped.
    """

    def __init__(self, view: PanelView, callbacks: Callbacks, *, recording: Any) -> None:
        self._view, self._callbacks = view, callbacks
        self.picture = PictureControl(view, callbacks, recording=recording, medium=self._given)
        self._kept: dict[str, Any] = {}
        self._held: dict[str, Picture] = {}  # files that were given, by the line that names each
        self._taking: Future[Any] | None = None
        self._is_ours = False
        self._lock = threading.Lock()
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
            held=self._held,
            source=self.picture.source,
            seed=_seed(str(held["seed"])),
            count=min(max(count, 1), MOST_SEEDS),
        )

    def wait(self) -> None:
        """Until all files that were given are read."""
        self.picture.wait()
        if self._taking is not None:
            wait_blocking(self._taking, timeout_s=READ_S, goes_on="A file is still being read.")

    def give(self, content: bytes, name: str, role: Role) -> None:
        """Take a file for the field of its *role*; InvalidRequest where the model has none."""
        model = self.read().model
        field = next((entry.name for entry in describe(model) if entry.role == role), None)
        if field is None:
            raise has_no(model, role) or InvalidRequest(f"{model} takes no {role}.")
        self._given(content, name, field)

    def _given(self, content: bytes, name: str, field: str) -> None:
        self._taking = self._callbacks.work(self._take, content, name, field)

    def _take(self, content: bytes, name: str, field: str) -> None:
        """Name a file in a field for media: what the line names is sent, until it is changed."""
        model = self.read().model
        role = next((entry.role for entry in describe(model) if entry.name == field), None)
        slot = next((slot for slot in rows()[model].slots if slot.role == role), None)
        if slot is None:  # the model has changed meanwhile
            return
        picture = read_medium({"content": content, "name": name}, slot.kind)
        with self._lock:  # several files may come at once
            self._name(picture, name, field, is_one=slot.most == 1)

    def _name(self, picture: Picture, name: str, field: str, *, is_one: bool) -> None:
        draft = self.read()
        text = str(draft.values.get(field) or "")
        lines = [line for line in text.splitlines() if line.strip() and not is_one]
        line = free_name(name, {line for line in lines if self._held.get(line) != picture})
        named = {line for value in draft.values.values() for line in str(value).splitlines()}
        self._held = {line: picture, **{old: one for old, one in self._held.items() if old in named - {line}}}
        self._view.values = {**self._view.values, field: "\n".join(dict.fromkeys([*lines, line]))}

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


def free_name(name: str, taken: Collection[str]) -> str:
    """*name*, with a number where it is taken."""
    stem, dot, ending = name.rpartition(".")
    numbered = (f"{stem or ending} ({number}){dot}{ending if stem else ''}" for number in range(2, 100))
    return next((one for one in (name, *numbered) if one not in taken), name)


def _seed(text: str) -> Any:
    """The number, or the text that is none; None for a random one."""
    text = text.strip()
    try:
        return int(text)
    except ValueError:
        return text or None
