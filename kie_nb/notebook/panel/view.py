"""The panel's widget: what the page shows and takes, as JSON. Pictures and videos travel in messages alone."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import anywidget
import traitlets as t

from ... import design
from ...catalogue import NO_SEED, Field, Row, describe, rows
from ...catalogue.models import DEFAULT_MODEL
from ...catalogue.request import length_in_words
from ...requests.images import EXTENSIONS
from ...wording import Panel as Words
from ...wording import strings
from .draft import CALLBACK

# One module of several files, joined here: the browser gets it as text and could not follow imports between them.
PARTS = ("picture.js", "form.js", "result.js", "queue.js", "view.js")
MOST_BYTES = 100_000_000  # a video that is dropped for its settings may be larger than a picture
_CODE = files(__package__) / "browser"
_FIRST = (
    "prompt",
    "image",
    "last-image",
    "duration",
    "resolution",
    "aspect",
)  # what is in view; the rest folds away


def described(chosen: str) -> dict[str, Any]:
    """The titles of every model by its id, and the controls of the *chosen* one: those of all would be a page of data."""
    callback = _control(
        Field(name=CALLBACK, option="", title=Words.CALLBACK, help=Words.CALLBACK_TIP, kind="str")
    )
    return {
        row.id: {"title": row.title}
        | (
            {
                "fields": [*(_control(entry) | _taking(row, entry) for entry in describe(row.id)), callback],
                "noSeed": "" if row.has_seed else NO_SEED,
                "seeds": [row.seeds.start, len(row.seeds)],
            }
            if row.id == chosen
            else {}
        )
        for row in rows().values()
    }


def _taking(row: Row, entry: Field) -> dict[str, Any]:
    """Which files a medium's field takes."""
    slot = next((slot for slot in row.slots if slot.role == entry.role), None)
    return {"accept": f"{slot.kind}/*"} if slot else {}


def _control(entry: Field) -> dict[str, Any]:
    unit = f" {entry.unit}" if entry.unit else ""
    choices: list[tuple[Any, str]] = [(choice, f"{choice}{unit}") for choice in entry.choices]
    if entry.kind == "bool":
        choices = [(True, Words.ON), (False, Words.OFF)]
    if entry.kind == "int" and entry.unit == "s" and entry.maximum is not None and entry.minimum is not None:
        numbers = [*entry.also, *range(int(entry.minimum), int(entry.maximum) + 1)]
        choices = [(one, length_in_words(one)) for one in numbers]
    if choices and entry.default is None:
        choices.insert(0, ("", Words.SERVICE_DEFAULT))
    return {
        "name": entry.name,
        "option": entry.option, "title": entry.title, "help": entry.help, "choices": choices,
        "default": "" if entry.default is None or entry.kind == "json" else entry.default,
        "most": entry.max_length, "isJson": entry.kind == "json", "isFirst": entry.option in _FIRST or (entry.required and bool(entry.role)),
        "lines": entry.most if entry.role else 0,
        "placeholder": (Words.FILE_LINES if entry.most > 1 else Words.FILE_LINE) if entry.role else entry.help,
    }  # fmt: skip


class PanelView(anywidget.AnyWidget):  # type: ignore[misc, unused-ignore]
    """What Lab, Notebook and Voilà show.

    Attributes:
        chosen, values, path, seed, count: What the form holds; written by the page, and here only where somebody asks for it.
        models, words: What the form is made of.
        offer: The price on the button, under a number that a press names.
        clocks: Of runs that somebody drives, by their id.
        cell: The text of the shown run's cell; `panel` is the model's id by which the page finds its own cell.
    """

    _esm = "\n".join(
        (design.script("cells.js"), *((_CODE / part).read_text(encoding="utf-8") for part in PARTS))
    )
    _css = design.style((_CODE / "panel.css").read_text(encoding="utf-8"))
    chosen = t.Unicode(DEFAULT_MODEL).tag(sync=True)
    values = t.Dict().tag(sync=True)
    path = t.Unicode().tag(sync=True)
    seed = t.Unicode().tag(sync=True)
    count = t.Int(1).tag(sync=True)
    models = t.Dict().tag(sync=True)
    words = t.Dict().tag(sync=True)
    accept = t.Unicode(",".join((*EXTENSIONS, "video/mp4"))).tag(sync=True)
    limit = t.Int(MOST_BYTES).tag(sync=True)
    head = t.Dict().tag(sync=True)
    picture = t.Dict().tag(sync=True)
    offer = t.Dict().tag(sync=True)
    errors = t.Dict().tag(sync=True)
    line: Any = t.Dict({"text": "", "isBad": False}).tag(sync=True)
    queue: Any = t.Dict({"rows": [], "note": "", "hasMore": False}).tag(sync=True)
    clocks = t.Dict().tag(sync=True)
    result = t.Dict().tag(sync=True)
    film: Any = t.List().tag(sync=True)
    cell = t.Unicode().tag(sync=True)
    panel = t.Unicode().tag(sync=True)

    def __init__(self) -> None:
        super().__init__(models=described(DEFAULT_MODEL), words=strings(Words))
        self.observe(lambda change: setattr(self, "models", described(str(change["new"]))), "chosen")
