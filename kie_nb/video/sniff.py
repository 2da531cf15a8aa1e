"""What a file seems to be, judged by its first bytes.

A download that went wrong is rarely random: it is an error page, a JSON refusal, a picture, or the first half of a
video. These rules name it, so that the message a user reads says what happened rather than "invalid data". They name the
kind only: the text of an answer may hold anything, and is never quoted. Standard library only.
"""

import os
import struct
from pathlib import Path
from typing import BinaryIO

HEAD_BYTES = 4096  # enough for every rule below

_EBML = b"\x1a\x45\xdf\xa3"
# ISO "ftyp" also opens pictures and sound; these brands are not something to watch.
_STILL_OR_SOUND = {
    b"avif",
    b"avis",
    b"heic",
    b"heix",
    b"heim",
    b"heis",
    b"mif1",
    b"msf1",
    b"M4A ",
    b"M4B ",
    b"crx ",
}
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"BM", "a BMP picture"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "gzip-compressed data"),
    (b"ID3", "an MP3 sound file"),
    (b"OggS", "an Ogg file"),
    (b"fLaC", "a FLAC sound file"),
    (b"RIFF", "a RIFF file (AVI or WAV)"),
    (_EBML, "a damaged WebM or Matroska file"),
    (b"#EXTM3U", "a playlist (M3U8), not the video itself"),
    (b"version https://git-lfs", "a Git LFS pointer"),
)
# How they begin: PNG, JPEG and GIF; FLV, MPEG-PS, Ogg and ASF.
_MEDIA = (
    *(b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a"),
    *(b"FLV\x01", b"\x00\x00\x01\xba", b"OggS", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),
)
_PACKET = 188  # of MPEG-TS; each begins with a "G"
# Boxes that are trusted to tell where the file should end; what follows an unknown one is not judged.
_KNOWN_BOXES = {
    b"ftyp",
    b"moov",
    b"mdat",
    b"moof",
    b"free",
    b"skip",
    b"wide",
    b"uuid",
    b"sidx",
    b"mfra",
    b"styp",
}
_BOX_HEADER = 8


def looks_like_video(head: bytes) -> bool:
    """Whether the first bytes of a file open an MP4, MOV, WebM or Matroska video."""
    if head[:4] == _EBML:
        return True
    return head[4:8] == b"ftyp" and head[8:12] not in _STILL_OR_SOUND


def looks_like_media(head: bytes) -> bool:
    """Whether the first bytes of a file open a video or a picture."""
    is_riff = head.startswith(b"RIFF") and head[8:12] in {b"AVI ", b"WEBP"}
    is_stream = head[:1] == b"G" and head[_PACKET : _PACKET + 1] == b"G"
    return looks_like_video(head) or head.startswith(_MEDIA) or is_riff or is_stream


def describe(path: str | os.PathLike[str]) -> str:
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
        return "a picture or sound in an MP4-like file"
    known = next((words for magic, words in _MAGIC if head.startswith(magic)), None)
    return known or _describe_text(head) or "unknown data"


def _describe_text(head: bytes) -> str | None:
    try:
        # The cut may split a character: the last three bytes are not judged.
        text = (head if len(head) < HEAD_BYTES else head[:-3]).decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        return None
    if not text.isprintable() and any(ord(c) < ord(" ") and c not in "\t\r\n\f" for c in text):
        return None
    opening = text[:200].lower()
    if opening.startswith("<?xml") and "<html" not in opening:
        return "an XML message"
    if opening.startswith(("<!doctype html", "<html", "<head", "<body", "<?xml")):
        return "an HTML page"
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
