"""The widget of a live card, and what all cards share: code, style and words are in one model, so that a card's own state is small."""

from __future__ import annotations

import functools
import uuid
from importlib.resources import files
from typing import Any

from .. import design
from ..wording import Card, strings

# A notebook may keep the state of every card: of the code it keeps this alone.
_LOADER = """
export default { async render({ model, el }) {
  const kit = await model.widget_manager.get_model(model.get("kit"));
  let sheet = document.getElementById("kie-card-sheet");
  if (!sheet) document.head.append(sheet = Object.assign(document.createElement("style"), { id: "kie-card-sheet" }));
  if (sheet.textContent !== kit.get("sheet")) sheet.textContent = kit.get("sheet");
  kit.made ??= import(URL.createObjectURL(new Blob([kit.get("code")], { type: "text/javascript" })));
  return (await kit.made).default.render({ model, el, kit });
} };
"""


@functools.cache
def _classes() -> tuple[Any, Any]:
    """Made when there is a card to show: their packages cost `%load_ext` nothing."""
    import anywidget
    import ipywidgets
    import traitlets

    class CardKit(ipywidgets.Widget):  # type: ignore[misc, unused-ignore]
        """Code, style sheet and words of all cards."""

        code = traitlets.Unicode().tag(sync=True)
        sheet = traitlets.Unicode().tag(sync=True)
        words = traitlets.Dict().tag(sync=True)

    class CardWidget(anywidget.AnyWidget):  # type: ignore[misc, unused-ignore]
        """One card. Pictures and videos are in no state.

        Attributes:
            faces: What is said of each of its runs.
            kit: The id of the `CardKit`.
            own: Its own id, by which the page finds its cell.
        """

        _esm = _LOADER
        faces: Any = traitlets.List().tag(sync=True)
        kit = traitlets.Unicode().tag(sync=True)
        own = traitlets.Unicode().tag(sync=True)

    return CardKit, CardWidget


@functools.cache
def _shared() -> tuple[Any, Any]:
    import ipywidgets

    def read(name: str) -> str:
        return (files(__package__) / name).read_text(encoding="utf-8")

    kit, _ = _classes()
    code = "\n".join((design.script("cells.js"), read("card.js")))
    return kit(code=code, sheet=design.style(read("card.css")), words=strings(Card)), ipywidgets.Layout()


def card_widget(faces: list[dict[str, Any]]) -> Any:
    """A widget that shows *faces*."""
    kit, layout = _shared()
    number = uuid.uuid4().hex
    return _classes()[1](model_id=number, own=number, kit=kit.model_id, faces=faces, layout=layout)
