"""Video files: what one is, a picture of it, and a small copy a browser can play.

Everything here works on files alone and knows nothing of the rest of `kie_nb`. PyAV, Pillow and numpy are loaded
by the first call that needs them, so importing this room costs next to nothing.

    sniff.py     what the first bytes say, without decoding anything
    facts.py     the values handed out: `VideoFacts`, `Likeness`, and the refusal `NotAVideo`
    reading.py   open, probe and decode a file
    inspection.py  what a file that came is, and what is wrong with it
    poster.py    one good frame as a JPEG
    preview.py   a small H.264 copy for embedding in a notebook
    tags.py      the request inside a file, written without touching a frame
    likeness.py  how alike two videos are; pairing.py, metrics.py and hearing.py measure it
    strip.py     the same moments of several videos above each other
    files.py     finished files appear under their name in one step
"""

from .facts import Likeness, NotAVideo, Side, SoundLikeness, VideoFacts
from .inspection import Look, inspect
from .likeness import compare_videos
from .poster import make_poster, write_jpeg
from .preview import make_preview
from .reading import probe, said_size
from .sniff import ENDINGS, MEDIA, PAGES, PICTURES, PLAYED, SOUNDS, true_ending
from .strip import make_strip
from .tags import CannotTag, read_request, write_request

__all__ = [
    "ENDINGS",
    "MEDIA",
    "PAGES",
    "PICTURES",
    "PLAYED",
    "SOUNDS",
    "CannotTag",
    "Likeness",
    "Look",
    "NotAVideo",
    "Side",
    "SoundLikeness",
    "VideoFacts",
    "compare_videos",
    "inspect",
    "make_poster",
    "make_preview",
    "make_strip",
    "probe",
    "read_request",
    "said_size",
    "true_ending",
    "write_jpeg",
    "write_request",
]
