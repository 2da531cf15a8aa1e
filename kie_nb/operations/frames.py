"""A frame of a run's video as a picture: the first one of the next clip, say."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..bounds import as_scalar
from ..errors import InvalidRequest
from ..fileops import hash_of
from ..home import is_plain_file, read_plain
from ..ledger import is_picture
from ..requests.frames import Frame, picture_of
from ..requests.images import MAX_BYTES
from ..requests.pixels import encode
from ..stores import bring
from ..video import NoSuchFrame, NotAVideo, frame_at

if TYPE_CHECKING:
    from PIL.Image import Image

    from ..engine.record import Record


def frame_of(run: Record, at: float) -> Image:
    """The frame of *run*, whose video is on disk: by its number, or by its moment where *at* is a float."""
    number = as_scalar(at)
    if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
        words = f"frame({at!r}): use a whole number for a frame, or a float for seconds."
        raise InvalidRequest(words, hint="run.frame(-1) is the last frame", charged="")
    video = run.video
    if video is None or bring(video) or not is_plain_file(video):
        words, hint = f"The video of {run.label} is not on this machine.", "`%kie doctor` may fetch it again"
        raise InvalidRequest(words, hint=hint, charged="")
    try:
        if is_picture(video):
            return _of_picture(run, number, read_plain(video))
        found, picture = frame_at(video, number)
    except (NoSuchFrame, NotAVideo) as exc:
        words = f"{run.label} has no frame {at!r}: {str(exc).rstrip('.')}."
        raise InvalidRequest(words, charged="") from None
    except OSError as exc:
        words = f"The video of {run.label} cannot be read: {exc.strerror or exc}."
        raise InvalidRequest(words, charged="") from exc
    content = _sent_before(run, found) or encode(picture, most=MAX_BYTES)
    return picture_of(Frame(run=run.id, number=found, content=content))


def _of_picture(run: Record, at: float, content: bytes) -> Image:
    """What a model for pictures has made, which has one frame."""
    if at not in {0, -1}:
        raise NoSuchFrame("it is a picture")
    return picture_of(Frame(run=run.id, number=0, content=content))


def _sent_before(run: Record, number: int) -> bytes | None:
    """The file of that frame that a clip was made from: another decoder might draw it a little otherwise, and it would be paid for again."""
    files = run.ledger.files
    for step in reversed(run.history()):
        link = (step["evidence"] or {}).get("continued by")
        sha256 = link.get("sha256") if isinstance(link, dict) and link.get("frame") == number else None
        kept = files.find_input(sha256) if isinstance(sha256, str) else None
        if kept is not None and hash_of(kept) == sha256:
            return read_plain(kept)
    return None
