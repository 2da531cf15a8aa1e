"""The widget: its code and its few synced words. Runs, posters and videos travel in messages and are never part of its state."""

from __future__ import annotations

from importlib.resources import files

import anywidget
import traitlets

from ... import design
from ...markup import script_json
from ...wording import Gallery, strings

# One module of several files, joined here: the browser gets it as text and could not follow imports between them.
PARTS = ("store.js", "tile.js", "stage.js", "bar.js", "view.js")
_CODE = files(__package__) / "browser"


class GalleryWidget(anywidget.AnyWidget):
    """What Lab, Notebook and Voilà show.

    Attributes:
        asked: The question on screen, as `question.parse` reads it: what a reloaded page begins with.
        chosen: Ids of the runs that are chosen.
        reuses_seed: Whether the settings of a run can be taken over with its seed.
    """

    _esm = "\n".join(
        (
            f"const WORDS = {script_json(strings(Gallery))};",
            design.script(),
            *((_CODE / part).read_text(encoding="utf-8") for part in PARTS),
        )
    )
    _css = design.style((_CODE / "gallery.css").read_text(encoding="utf-8"))
    asked = traitlets.Dict().tag(sync=True)
    chosen = traitlets.List(traitlets.Unicode()).tag(sync=True)
    reuses_seed = traitlets.Bool(default_value=False).tag(sync=True)
