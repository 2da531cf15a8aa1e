"""Posters and previews of videos, made by the session's workers for a caller that is in a worker thread itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..engine.workers import Piece
from ..video import is_media
from ..video import make_poster as _poster
from ..video import make_preview as _preview
from .session import get_session


def make_poster(video: Path, target: Path) -> Path:
    """As `video.make_poster`."""
    return get_session().previews.do(_POSTER, video, target)


def make_preview(video: Path, target: Path) -> Path:
    """As `video.make_preview`."""
    return get_session().previews.do(_PREVIEW, video, target)


def _written(_answer: Any, _video: Path, target: Path) -> Path:
    if not is_media(target):
        raise ValueError("its workers do not write to the folder of the videos")
    return target


_POSTER, _PREVIEW = Piece(_poster, _written), Piece(_preview, _written)
