"""The widget of a live card, and what all cards share: code, style and words are in one model, so that a card's own state is small.

A notebook may keep the state of all widgets. So that model holds the code only while a card is open, or a page asks for it.
"""

from __future__ import annotations

import functools
import uuid
from importlib.resources import files
from typing import Any

from .. import design
from ..handles import get_session
from ..wording import Card, strings

LENT_S = 10.0
_open: set[str] = set()  # cards that are not over
# A notebook may keep the state of every card: of the code it keeps this alone.
_LOADER = """
export default { async render({ model, el }) {
  const kit = await model.widget_manager.get_model(model.get("kit"));
  const held = () => Object.keys(kit.get("parts")).length && kit.get("parts");
  kit.lent ??= new Promise((done) => {
    const look = () => held() && done(held());
    kit.on("change:parts", look);
    if (!held()) kit.send({ kind: "hello" });
    look();
  });
  const { code, sheet, words } = await kit.lent;
  let style = document.getElementById("kie-card-sheet");
  if (!style) document.head.append(style = Object.assign(document.createElement("style"), { id: "kie-card-sheet" }));
  if (style.textContent !== sheet) style.textContent = sheet;
  kit.made ??= import(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
  return (await kit.made).default.render({ model, el, kit, words });
} };
"""


@functools.cache
def _classes() -> tuple[Any, Any]:
    """Made when there is a card to show: their packages cost `%load_ext` nothing."""
    import anywidget
    import ipywidgets
    import traitlets

    class CardKit(ipywidgets.Widget):  # type: ignore[misc, unused-ignore]
        """What all cards share.

        Attributes:
            parts: Code, style sheet and words; empty while no page needs them.
        """

        parts = traitlets.Dict().tag(sync=True)

    class CardWidget(anywidget.AnyWidget):  # type: ignore[misc, unused-ignore]
        """One card. Pictures and videos are in no state.

        Attributes:
            runs: What is said of each of its runs.
            kit: The id of the `CardKit`.
            own: Its own id, by which the page finds its cell.
        """

        _esm = _LOADER
        runs: Any = traitlets.List().tag(sync=True)
        kit = traitlets.Unicode().tag(sync=True)
        own = traitlets.Unicode().tag(sync=True)

    return CardKit, CardWidget


@functools.cache
def _shared() -> tuple[Any, Any]:
    import ipywidgets

    made = _classes()[0]()
    made.on_msg(lambda *_: lend(LENT_S))
    return made, ipywidgets.Layout()


@functools.cache
def _parts() -> dict[str, Any]:
    def read(name: str) -> str:
        return (files(__package__) / name).read_text(encoding="utf-8")

    code = "\n".join((design.script("cells.js"), read("card.js")))
    return {"code": code, "sheet": design.style(read("card.css")), "words": strings(Card)}


def card_widget(runs: list[dict[str, Any]]) -> Any:
    """A widget that shows *runs*; `give_back` follows when nothing more is expected of it."""
    kit, layout = _shared()
    number = uuid.uuid4().hex
    _open.add(number)
    kit.parts = _parts()
    return _classes()[1](model_id=number, own=number, kit=kit.model_id, runs=runs, layout=layout)


def give_back(widget: Any) -> None:
    """The card is over: with the last one the code leaves the state; pages that show cards have it."""
    _open.discard(widget.own)
    _take_back()


def lend(seconds: float) -> None:
    """A page asks for the code: it has it for a moment."""
    kit = _shared()[0]
    kit.parts = _parts()
    dispatcher = get_session().dispatcher
    dispatcher.call_soon(lambda: dispatcher.loop.call_later(seconds, _take_back))


def _take_back() -> None:
    if not _open:
        _shared()[0].parts = {}
