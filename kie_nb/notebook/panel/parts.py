"""The controls that ipywidgets does not have. Bytes go by custom messages: no picture or video is in a widget's state."""

from __future__ import annotations

from pathlib import Path

import anywidget
import traitlets as t

from ...engine.images import EXTENSIONS

HERE = Path(__file__).parent
MOST_BYTES = 100_000_000  # a video that is dropped for its settings may be larger than a picture


class PicturePlace(anywidget.AnyWidget):  # type: ignore[misc, unused-ignore]
    """Takes a file by drop, paste or dialog. `revision` changes with the picture: pages then ask for a small one."""

    _esm = HERE / "picture.js"
    _css = HERE / "panel.css"
    facts = t.Unicode().tag(sync=True)
    revision = t.Int().tag(sync=True)
    limit = t.Int(MOST_BYTES).tag(sync=True)
    accept = t.Unicode(",".join((*EXTENSIONS, "video/mp4"))).tag(sync=True)


class MessageLine(anywidget.AnyWidget):  # type: ignore[misc, unused-ignore]
    """What happened last; read out by a screen reader."""

    _esm = HERE / "line.js"
    text = t.Unicode().tag(sync=True)
    is_bad = t.Bool(False).tag(sync=True)


class Player(anywidget.AnyWidget):  # type: ignore[misc, unused-ignore]
    """Plays the video of the run that `showing` names; its bytes are asked for by the page."""

    _esm = HERE / "player.js"
    showing = t.Unicode().tag(sync=True)
    label = t.Unicode().tag(sync=True)


class CopyButton(anywidget.AnyWidget):  # type: ignore[misc, unused-ignore]
    """Copies `text` in the browser; hidden while there is none."""

    _esm = HERE / "copy.js"
    text = t.Unicode().tag(sync=True)
