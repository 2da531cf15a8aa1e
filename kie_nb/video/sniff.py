"""What a file is, by its first bytes, whatever its name says; only videos, pictures and sounds are handed out.

A failed download is an error page, a JSON refusal, a picture, or the first half of a video; the message names it. Only the
kind is named: the text of a reply may hold anything, and is never quoted.
"""

import contextlib
import errno
import io
import os
import re
import shutil
import struct
from pathlib import Path
from typing import BinaryIO

from ..home import open_plain
from .facts import AnyPath

HEAD_BYTES = 4096  # enough for every rule below
PICTURES = frozenset({"png", "jpg", "webp", "gif", "avif", "heic", "bmp"})
SOUNDS = frozenset({"mp3", "wav", "m4a", "flac", "ogg", "aac"})
VIDEOS = frozenset({"mp4", "m4v", "mov", "webm", "mkv", "ts", "flv", "avi", "mpg", "wmv", "ogv"})
MEDIA = VIDEOS | PICTURES | SOUNDS
PAGES = frozenset({"html", "json", "xml", "txt"})  # an answer in words, which no model makes
OTHER = "bin"
ENDINGS = (*sorted(VIDEOS | PICTURES | SOUNDS | PAGES), "svg", OTHER)
PLAYED = frozenset({"mp4", "m4v", "webm"})  # what is given to a browser as it is; the others as a preview

# Python's own table reads the machine's, where `.ts` may be a translation and `.mkv` nothing.
_KINDS = {"video": VIDEOS, "image": PICTURES, "audio": SOUNDS}
_TYPES = {ending: f"{kind}/{ending}" for kind, endings in _KINDS.items() for ending in endings}
_TYPES |= {"m4v": "video/mp4", "mov": "video/quicktime", "mkv": "video/x-matroska", "ts": "video/mp2t"}
_TYPES |= {"flv": "video/x-flv", "avi": "video/x-msvideo", "mpg": "video/mpeg", "wmv": "video/x-ms-wmv"}
_TYPES |= {"ogv": "video/ogg", "jpg": "image/jpeg", "mp3": "audio/mpeg", "m4a": "audio/mp4"}

_EBML = b"\x1a\x45\xdf\xa3"
# ISO "ftyp" also opens pictures and sound.
_BRANDS = {b"qt  ": "mov", b"M4V ": "m4v", b"M4VH": "m4v", b"M4VP": "m4v", b"M4A ": "m4a", b"M4B ": "m4a"}
_BRANDS |= dict.fromkeys((b"avif", b"avis"), "avif")
_BRANDS |= dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "heic")
_STILL_OR_SOUND = {brand for brand, ending in _BRANDS.items() if ending in PICTURES | SOUNDS} | {b"crx "}
_NAMED = {
    "heic": "a HEIC picture",
    "avif": "an AVIF picture",
    "mp4": "an MP4 video",
    "mov": "a QuickTime movie",
}
_BOXES_OF_OLD_MOVIES = {b"moov", b"mdat", b"wide", b"skip"}
_TS_PACKETS = ((0, 188), (4, 192))  # the latter with a time before each packet
# How a file begins, its ending, and what it is called where it is not a video.
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "png", "a PNG picture"),
    (b"\xff\xd8\xff", "jpg", "a JPEG picture"),
    (b"GIF8", "gif", "a GIF picture"),
    (b"BM", "bmp", "a BMP picture"),
    (b"II*\0", OTHER, "a TIFF picture"),
    (b"MM\0*", OTHER, "a TIFF picture"),
    (b"\xff\x0a", OTHER, "a JPEG XL picture"),
    (b"\0\0\0\x0cJXL ", OTHER, "a JPEG XL picture"),
    (b"\0\0\0\x0cjP  ", OTHER, "a JPEG 2000 picture"),
    (b"8BPS", OTHER, "a Photoshop picture"),
    (b"%PDF", OTHER, "a PDF document"),
    (b"PK\x03\x04", OTHER, "a ZIP archive"),
    (b"\x1f\x8b", OTHER, "gzip-compressed data"),
    (b"ID3", "mp3", "an MP3 sound file"),
    (b"OggS", "ogg", "an Ogg file"),
    (b"fLaC", "flac", "a FLAC sound file"),
    (b"RIFF", OTHER, "a RIFF file (AVI or WAV)"),
    (_EBML, "mkv", "a damaged WebM or Matroska file"),
    (b"#EXTM3U", OTHER, "a playlist (M3U8), not the video itself"),
    (b"version https://git-lfs", OTHER, "a Git LFS pointer"),
    (b"FLV\x01", "flv", ""),
    (b"\0\0\1\xba", "mpg", ""),
    (b"\0\0\1\xb3", "mpg", ""),
    (b"0&\xb2u\x8ef\xcf\x11", "wmv", ""),
)
_MPEG_SOUND = re.compile(rb"\xff[\xe0-\xfe][^\xf0-\xff]", re.DOTALL)
_TEXT_ENDINGS = {"an HTML page": "html", "JSON": "json", "an XML message": "xml", "an SVG drawing": "svg"}
_PAGE_OPENINGS = ("<!doctype html", "<html", "<head", "<body", "<?xml")
# Boxes that are trusted to tell where the file should end; what follows an unknown one is not judged.
_KNOWN_BOXES = set(b"ftyp moov mdat moof free skip wide uuid sidx mfra styp".split())
_BOX_HEADER = 8


def ending_of(head: bytes) -> str:  # noqa: PLR0911 - one line a family
    """The true ending of a file that begins with *head*, of `HEAD_BYTES`; "bin" for what no rule knows, and for an empty one."""
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "mp4")
    if head[4:8] in _BOXES_OF_OLD_MOVIES:
        return "mov"
    if head.startswith(_EBML):
        return "webm" if b"webm" in head[:64] else "mkv"
    if head.startswith(b"RIFF"):
        return {b"AVI ": "avi", b"WAVE": "wav", b"WEBP": "webp"}.get(head[8:12], OTHER)
    if head.startswith(b"OggS"):
        return "ogv" if b"\x80theora" in head else "ogg"
    if head and (words := _describe_text(head)) is not None:
        return _TEXT_ENDINGS.get(words, "txt")
    known = next((ending for magic, ending, _ in _MAGIC if head.startswith(magic)), None)
    return known or _sync_ending(head) or OTHER


def mime_of(name: str) -> str:
    """The MIME type of a video, a picture or a sound whose name has its true ending; "" for another."""
    return _TYPES.get(name.rpartition(".")[2].lower(), "")


def ending_for(mime: str) -> str:
    """The ending of files of a MIME type of videos, pictures or sounds; "bin" for another."""
    own = mime.rpartition("/")[2]  # "video/mp4" is of M4V files, too
    endings = (
        [own] if _TYPES.get(own) == mime else sorted(name for name, kind in _TYPES.items() if kind == mime)
    )
    return endings[0] if endings else OTHER


def _sync_ending(head: bytes) -> str | None:
    """Streams of packets have no header: they are told by the marks at which a player finds a packet."""
    for first, step in _TS_PACKETS:
        marks = head[first::step][:3]
        if len(marks) > 1 and marks == b"G" * len(marks):
            return "ts"
    found = _MPEG_SOUND.match(head)
    return None if found is None else "mp3" if head[1] & 0x06 else "aac"


def looks_like_video(head: bytes) -> bool:
    """Whether the first bytes of a file open an MP4, MOV, WebM or Matroska video."""
    if head[:4] == _EBML:
        return True
    return head[4:8] == b"ftyp" and head[8:12] not in _STILL_OR_SOUND


def is_sound(head: bytes) -> bool:
    """Whether the first bytes of a file open a sound."""
    return ending_of(head) in SOUNDS


def describe(path: AnyPath) -> str:
    """Say in a few words what the file seems to be: "an HTML page", "an empty file", ..."""
    with Path(path).open("rb") as file:
        head = file.read(HEAD_BYTES)
        size = file.seek(0, os.SEEK_END)
        if head[4:8] == b"ftyp" and looks_like_video(head):
            return missing_part(file, size) or "a damaged MP4"
    return describe_head(head)


def describe_head(head: bytes) -> str:
    """Say what data beginning like *head* seems to be."""
    if not head:
        return "an empty file"
    if not any(head):
        return "zero bytes only (a download that was reserved and never filled)"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "a WebP picture"
    if head[4:8] == b"ftyp":
        return _NAMED.get(ending_of(head), "a picture or sound in an MP4-like file")
    known = next((words for magic, _, words in _MAGIC if head.startswith(magic)), None)
    return known or _describe_text(head) or "unknown data"


def _describe_text(head: bytes) -> str | None:  # noqa: PLR0911 - one line a kind
    code = "utf-16" if head[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    try:
        # The cut may split a character: the last bytes are not judged.
        text = (head if len(head) < HEAD_BYTES else head[:-4]).decode(code).strip()
    except UnicodeDecodeError:
        text = head.decode("latin-1").strip()
        if not text.lower().startswith(_PAGE_OPENINGS):  # an old page in another code
            return None
    if not text.isprintable() and any(ord(c) < ord(" ") and c not in "\t\r\n\f" for c in text):
        return None
    opening = text.lower()
    if opening.startswith(_PAGE_OPENINGS[:-1]) or (opening.startswith("<?xml") and "<html" in opening):
        return "an HTML page"
    if opening.startswith("<") and re.search(r"<svg[\s>/]", opening):
        return "an SVG drawing"
    if opening.startswith("<?xml"):
        return "an XML message"
    if opening.startswith(("{", "[")):
        return "JSON"
    return "text" if text else "blank text"


def missing_part(file: BinaryIO, size: int) -> str | None:
    """What an MP4 lacks when it was cut short, or None when its boxes are all there.

    An MP4 is a row of boxes that each state their length, so a download that stopped early shows without decoding.
    """
    position, seen = 0, set()
    while position + _BOX_HEADER <= size:
        file.seek(position)
        length, kind, long_length = struct.unpack(">I4sQ", file.read(16).ljust(16, b"\0"))
        if kind not in _KNOWN_BOXES:
            return None
        seen.add(kind)
        if length == 0:  # "until the end of the file"
            break
        position += max(long_length if length == 1 else length, _BOX_HEADER)
        if position > size:
            return f"an MP4 cut short: {size} bytes are there, its parts reach to byte {position}"
    return None if b"moov" in seen else f"an MP4 cut short: {size} bytes are there, its index is missing"


def is_media(path: Path) -> bool:
    """Whether a plain file is at *path* that begins as a video or a picture does."""
    try:
        open_media(path).close()
    except OSError:
        return False
    return True


def open_media(path: Path) -> io.BufferedReader:
    """Open a plain file that is a video or a picture by its bytes, whatever its name says; OSError for anything else."""
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(open_plain(path))
        if ending_of(file.read(HEAD_BYTES)) not in MEDIA:
            raise OSError(errno.EINVAL, "it is neither a video nor a picture", path.name)
        file.seek(0)
        stack.pop_all()  # it stays open
    return file


def read_media(path: Path) -> bytes:
    """The bytes of a video or a picture; OSError as `open_media`."""
    with open_media(path) as file:
        return file.read()


def copy_media(source: Path, target: Path) -> None:
    """Copy a video or a picture; OSError as `open_media`."""
    with open_media(source) as file, target.open("wb") as copy:
        shutil.copyfileobj(file, copy)
