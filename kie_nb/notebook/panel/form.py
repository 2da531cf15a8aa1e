"""The form: a draft with a control for each of its fields, for whichever model is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ipywidgets as kit

from ...catalogue import Field, describe, find, known_models
from .callbacks import Callbacks
from .controls import LABEL, Control, SeedControl
from .draft import Draft
from .picture import PictureControl
from .widgets import close_all, column, row


class Form:
    """Shows and takes a draft. The draft is what counts; `read` brings it up to date with what the controls hold.

    Args:
        picture: The rest of `PictureControl`'s arguments.
    """

    def __init__(self, callbacks: Callbacks, **picture: Any) -> None:
        self._callbacks = callbacks
        options = [
            (f"{model.model_title} ({name})", name) for name in known_models() if (model := find(name))
        ]
        self.model = kit.Dropdown(
            options=options, description="Model", style=LABEL, layout={"width": "100%", "max_width": "560px"}
        )
        self._controls: dict[Field, Control] = {}
        self._choices = row(align_items=None)
        described = [entry for name in known_models() for entry in describe(name)]
        self.seed = SeedControl(
            next(entry for entry in described if entry.name == "seed"), callbacks, self._told
        )
        title = next((entry.title for entry in described if entry.option == "image"), "Image")
        self.picture = PictureControl(title, callbacks, changed=self._told, **picture)
        self.box = column()
        self._kept: dict[str, Any] = {}
        self._is_ours = False
        self.model.observe(callbacks.guard(self._chosen), "value")
        self._lay_out()

    def read(self) -> Draft:
        """The draft as the controls have it now."""
        values = {control.entry.name: control.value for control in self._shown()}
        return Draft(
            model=self.model.value,
            values=values,
            kept=self._kept,
            source=self.picture.source,
            seed=self.seed.seed,
            count=self.seed.count.value,
        )

    def mistakes(self, draft: Draft) -> dict[str, str]:
        """What is wrong with *draft*, by field; its picture as the form has read it."""
        wrong = self.picture.wrong
        return draft.errors() | ({draft.image_field: wrong} if wrong and draft.image_field else {})

    def show(self, draft: Draft, *, keep_seed: bool) -> None:
        """Fill the controls."""
        self._is_ours = True
        try:
            self._kept = dict(draft.kept)
            self.model.value = draft.model
            self._lay_out()
            for control in self._shown():
                control.show(draft.values.get(control.entry.name))
            self.seed.show(draft.seed, keep=keep_seed)
            self.seed.count.value = draft.count
            self.picture.show(draft.source, is_found=draft.is_found)
        finally:
            self._is_ours = False
        self._callbacks.changed()

    def close(self) -> None:
        """Close the controls, also those that are not shown."""
        for box in (self.box, self.picture.box, *(control.box for control in self._controls.values())):
            close_all(box)

    def mark(self, errors: Mapping[str, str]) -> None:
        """Say at each field what is wrong with it."""
        for control in self._shown():
            control.mark(errors.get(control.entry.name, ""))
        self.seed.mark(errors.get("seed", ""))
        image = self.read().image_field
        self.picture.mark(errors.get(image, "") if image else "")

    def _told(self) -> None:
        if not self._is_ours:
            self._callbacks.changed()

    def _chosen(self, _change: Any) -> None:
        if self._is_ours:
            return
        kept = {control.entry.name: control.value for control in self._controls.values()}
        self._lay_out()
        for control in self._shown():  # what was written for one model is not lost by a look at another
            if control.value in {None, ""} and kept.get(control.entry.name):
                control.show(kept[control.entry.name])
        self._callbacks.changed()

    def _shown(self) -> list[Control]:
        return [
            self._control(entry)
            for entry in describe(self.model.value)
            if entry.option not in {"image", "seed"}
        ]

    def _control(self, entry: Field) -> Control:
        if entry not in self._controls:
            self._controls[entry] = Control(entry, self._callbacks, self._told)
        return self._controls[entry]

    def _lay_out(self) -> None:
        """The picture first, then the texts, the choices side by side, and the seed."""
        shown = self._shown()
        has_picture = any(entry.option == "image" for entry in describe(self.model.value))
        wide = [control.box for control in shown if control.entry.kind == "str"]
        small = [control.box for control in shown if control.entry.kind != "str"]
        self._choices.children = small
        first, rest = wide[:1], wide[1:]
        picture = [self.picture.box] if has_picture else []
        self.box.children = (self.model, *picture, *first, self._choices, *rest, self.seed.box)
