"""Video files: what one is, a picture of it, and a small copy a browser can play.

Everything here works on files alone and knows of `kie_nb` only how files are opened and written (`home`, `fileops`). PyAV, Pillow and numpy are loaded
by the first call that needs them, so importing this package is cheap.

    sniff.py       what the first bytes say, without decoding anything; only videos, pictures and sounds are handed out
    bounds.py      how much is decoded at most
    facts.py       the values: `VideoFacts`, `Likeness`, and the error `NotAVideo`
    reading.py     open, probe and decode a file, its frames as they are meant to be shown
    inspection.py  what a downloaded file is, and what is wrong with it
    packing.py     whether packets are all there, without decoding them
    preview.py     what is shown of a video: one good frame, a strip of several videos, a small H.264 copy for a notebook
    tags.py        the request inside a file, written without touching a frame
    likeness.py    how alike two videos are
    frames.py      one frame, by its number or its moment
    parts.py       a clip as a part of a film: its frames and its ends
    tracks.py      the tracks of a film that is being made
    joining.py     one film of several clips
    glances.py     the same by small pictures: since when they go together, framing and colours
    colour.py      CIELAB and CIEDE2000
"""

from .facts import Appearance, Framing, Likeness, NotAVideo, Side, SoundLikeness, VideoFacts
from .frames import NoSuchFrame, frame_at
from .inspection import Look, inspect
from .joining import CannotJoin, Film, join_videos
from .likeness import compare_videos
from .preview import make_poster, make_preview, make_strip
from .reading import probe, why_not_played
from .sniff import (
    ENDINGS,
    MEDIA,
    PAGES,
    PICTURES,
    PLAYED,
    SOUNDS,
    copy_media,
    is_media,
    looks_like_video,
    mime_of,
    open_media,
    read_media,
)
from .tags import CannotTag, read_request, write_request

__all__ = [
    "ENDINGS",
    "MEDIA",
    "PAGES",
    "PICTURES",
    "PLAYED",
    "SOUNDS",
    "Appearance",
    "CannotJoin",
    "CannotTag",
    "Film",
    "Framing",
    "Likeness",
    "Look",
    "NoSuchFrame",
    "NotAVideo",
    "Side",
    "SoundLikeness",
    "VideoFacts",
    "compare_videos",
    "copy_media",
    "frame_at",
    "inspect",
    "is_media",
    "join_videos",
    "looks_like_video",
    "make_poster",
    "make_preview",
    "make_strip",
    "mime_of",
    "open_media",
    "probe",
    "read_media",
    "read_request",
    "why_not_played",
    "write_request",
]
