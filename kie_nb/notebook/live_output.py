"""A live widget in a cell, and the page that the notebook keeps of it.

JupyterLab keeps no widgets in a saved notebook: a reopened one says "model not found" in the widget's place, or
"Loading widget" where there is no kernel, whatever else is in the same output. So the page has an output of its
own below the widget's, and its style shows one of the two: the page if the widget above is missing or its kernel is dead. Front
ends whose outputs that style does not know get both in one output, where the widget wins while it lives.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import frontend
from ..markup import Html, html

VIEW = "application/vnd.jupyter.widget-view+json"
LIVE = "kie-live"  # on the root of a widget that has such a page
_PAGE = "kie-kept"
_OUTPUT = (
    ":is(.jp-OutputArea-child,.output_area)"  # Lab, Notebook 7 and their HTML export; the classic Notebook
)
_STYLE = html(
    "<style>{output}:has({live})+{output}:has(.{page}),"
    "{output}:not(:has({live})):has(+{output} .{page}){{display:none}}</style>",
    output=Html(_OUTPUT),
    live=Html(f".{LIVE}:not(.jupyter-widgets-disconnected)"),
    page=_PAGE,
)
_NOTHING = {"text/html": "", "text/plain": ""}


class LiveOutput:
    """Shows a widget and its page in the current cell; made on the cell's own thread, used from any.

    Args:
        widget: Its root has the class `LIVE` in the page.
        page: `text/html` and `text/plain`.
    """

    def __init__(self, widget: Any, page: Mapping[str, Any]) -> None:
        from IPython.display import display

        self._view = {VIEW: {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}}
        self._widget: Any = None
        if frontend.is_jupyter_page():
            self._widget = display({**self._view, **_NOTHING}, raw=True, display_id=True)
        self._page = display(self._with_view(page), raw=True, display_id=True)

    def update(self, page: Mapping[str, Any]) -> None:
        """Replace the page; a widget in the same output is redrawn with it."""
        self._page.update(self._with_view(page), raw=True)

    def keep(self, page: Mapping[str, Any]) -> None:
        """Nothing more will come: the page takes the widget's place, at once or when its kernel is gone."""
        if self._widget is None:
            self._page.update(page, raw=True)
        else:
            self.update(page)

    def end(self, shown: Any, *, raw: bool = False) -> None:
        """Put *shown* in the place of both.

        In a page that was reloaded meanwhile this reaches nothing: there the widget has to show the same.
        """
        self._page.update(shown, raw=raw)
        if self._widget is not None:
            self._widget.update(_NOTHING, raw=True)

    def _with_view(self, page: Mapping[str, str]) -> dict[str, Any]:
        if self._widget is None:
            return {**self._view, **page}
        return {**page, "text/html": html('<div class="{}">{}{}</div>', _PAGE, _STYLE, page["text/html"])}
