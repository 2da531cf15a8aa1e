"""A frame of a run as a picture of Pillow that knows whose it is: given as `image=`, both runs record the link."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..video.bounds import open_picture

if TYPE_CHECKING:
    from PIL.Image import Image

_NAME = "_kie_nb_frame"  # of an attribute: copies and edits of the picture have none


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """Which frame, and the file that is sent of it: the same one each time, whatever draws it."""

    run: str
    number: int
    content: bytes

    @property
    def name(self) -> str:
        """What its file is called."""
        return f"run-{self.run[:8]}-frame-{self.number}"

    @property
    def link(self) -> dict[str, Any]:
        """It, as a record names it."""
        sha256 = hashlib.sha256(self.content).hexdigest()
        return {"run": self.run, "frame": self.number, "sha256": sha256}


def picture_of(frame: Frame) -> Image:
    """The picture in the file of *frame*, which knows it."""
    picture = _opened(frame)
    setattr(picture, _NAME, frame)
    return picture


def frame_in(picture: Any) -> Frame | None:
    """The frame that *picture* is; None for another picture, and for one that was drawn into since."""
    frame = getattr(picture, _NAME, None)
    if not isinstance(frame, Frame):
        return None
    original = _opened(frame)
    is_same = (picture.mode, picture.size) == (original.mode, original.size)
    return frame if is_same and picture.tobytes() == original.tobytes() else None


def _opened(frame: Frame) -> Image:
    with open_picture(io.BytesIO(frame.content)) as opened:
        opened.load()
        picture = opened.copy()
    picture.info = {}
    return picture
