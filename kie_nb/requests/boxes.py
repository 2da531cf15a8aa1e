"""Removes what an MP4, MOV, M4A, MKV, WebM, MP3, AAC, WAV, FLAC or Ogg says of place, time and person; no packet moves, and the same file gives the same bytes.

Boxes are not taken out: they become empty space of the same length, so that every place that the index names stays right.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from .sound_comments import clean_flac, clean_ogg

_PERSONAL = {b"udta", b"meta", b"uuid"}  # tags: names, places, comments, pictures
_AROUND = {b"moov", b"trak", b"mdia"}  # boxes that hold boxes
_DATED = {b"mvhd", b"tkhd", b"mdhd"}  # each begins with when it was made and changed
_HEADER, _DEEPEST = 8, 4
_OF_SOUND = {b"fmt ", b"fact", b"data", b"JUNK"}
_ID3_HEADER, _ID3_BEHIND = 10, 128
_EBML = b"\x1a\x45\xdf\xa3"
_HOLDERS = {0x18538067, 0x1549A966, 0x1654AE6B, 0xAE}  # Segment, Info, Tracks, and one of these
# Tags, Attachments, Chapters; Title, DateUTC, SegmentFilename, a track's Name; and the sums of what holds them.
_SAID = {0x1254C367, 0x1941A469, 0x1043A770, 0x7BA9, 0x4461, 0x7384, 0x536E, 0xBF}
_TIMED_META = b"meta"  # a track of it: a phone's places, moment by moment


def without_personal_boxes(content: bytes) -> bytes:
    """The same film or sound without its tags and dates; the very same bytes where there are none, or where the file is odd."""
    cleaned = bytearray(content)
    try:
        if content[4:8] == b"ftyp":
            _clean(cleaned, 0, len(cleaned), 0)
        elif content[:4] == _EBML:
            _clean_matroska(cleaned, 0, len(cleaned), 0)
        elif content[:4] == b"RIFF" and content[8:12] == b"WAVE":
            _clean_wave(cleaned)
        elif content[:4] == b"OggS":
            clean_ogg(cleaned)
        elif content[:4] == b"fLaC":
            clean_flac(cleaned, 0)
        elif content[:3] == b"ID3" or content[:1] == b"\xff":  # or a frame of MP3 or AAC
            _clean_id3(cleaned)
    except (struct.error, ValueError, IndexError):
        return content
    return content if cleaned == content else bytes(cleaned)


def _clean(data: bytearray, start: int, end: int, depth: int) -> None:
    for kind, place, begins, ends in _boxes(data, start, end):
        if kind in _PERSONAL or (kind == b"trak" and _is_timed_meta(data, begins, ends)):
            data[place + 4 : place + 8] = b"free"
            data[begins:ends] = bytes(ends - begins)
        elif kind in _AROUND and depth < _DEEPEST:
            _clean(data, begins, ends, depth + 1)
        elif kind in _DATED and begins < ends:
            width = 16 if data[begins] == 1 else 8  # of both dates
            if begins + 4 + width <= ends:
                data[begins + 4 : begins + 4 + width] = bytes(width)


def _clean_wave(data: bytearray) -> None:
    place = 12
    while place + _HEADER <= len(data):
        kind, length = struct.unpack_from("<4sI", data, place)
        begins, ends = place + _HEADER, min(place + _HEADER + length, len(data))
        if kind not in _OF_SOUND:
            data[place : place + 4] = b"JUNK"
            data[begins:ends] = bytes(ends - begins)
        place = ends + length % 2  # chunks begin at even places


def _clean_id3(data: bytearray) -> None:
    """The tags of an MP3 or AAC: the frames of one before the sound become padding, the fields of one behind it are empty."""
    if (
        data[:3] == b"ID3" and len(data) > _ID3_HEADER and not data[5] & 0x10
    ):  # with a footer it is another thing
        length = sum((byte & 0x7F) << shift for byte, shift in zip(data[6:10], (21, 14, 7, 0), strict=True))
        ends = min(_ID3_HEADER + length, len(data))
        data[5] = 0
        data[_ID3_HEADER:ends] = bytes(ends - _ID3_HEADER)
        if data[ends : ends + 4] == b"fLaC":
            clean_flac(data, ends)
    if len(data) > _ID3_BEHIND and data[-_ID3_BEHIND : 3 - _ID3_BEHIND] == b"TAG":
        data[3 - _ID3_BEHIND :] = bytes(_ID3_BEHIND - 4) + b"\xff"  # no genre


def _clean_matroska(data: bytearray, start: int, end: int, depth: int) -> None:
    place = start
    while place < end:
        name, begins = _number(data, place, is_name=True)
        length, begins = _number(data, begins)
        if length is None:  # as it is streamed: it reaches to the end of what it is in
            length = end - begins
        ends = begins + length
        if ends > end:
            raise ValueError("an element reaches too far")
        if name in _SAID:
            _make_void(data, place, ends)
        elif name in _HOLDERS and depth < _DEEPEST:
            _clean_matroska(data, begins, ends, depth + 1)
        place = ends


def _number(data: bytearray, place: int, *, is_name: bool = False) -> tuple[int | None, int]:
    """The number of Matroska's that begins at *place*, which says in its first byte how long it is, and what follows it."""
    width = 9 - data[place].bit_length()
    if width > 8:  # noqa: PLR2004 - bytes
        raise ValueError("a number is too long")
    found = int.from_bytes(data[place : place + width], "big")
    value = found if is_name else found & ((1 << 7 * width) - 1)
    return (None if not is_name and value == (1 << 7 * width) - 1 else value), place + width


def _make_void(data: bytearray, place: int, ends: int) -> None:
    width = next(width for width in range(1, 9) if ends - place - 1 - width < (1 << 7 * width) - 1)
    length = ends - place - 1 - width
    data[place:ends] = b"\xec" + (length | 1 << 7 * width).to_bytes(width, "big") + bytes(length)


def _boxes(data: bytearray, start: int, end: int) -> Iterator[tuple[bytes, int, int, int]]:
    """Kind, place, and where the content begins and ends of each box; ValueError where one reaches further than what it is in."""
    place = start
    while place + _HEADER <= end:
        length, kind = struct.unpack_from(">I4s", data, place)
        begins = place + _HEADER
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, begins)
            begins += 8
        ends = end if length == 0 else place + length
        if ends < begins or ends > end:
            raise ValueError("a box reaches too far")
        yield bytes(kind), place, begins, ends
        place = ends


def _is_timed_meta(data: bytearray, begins: int, ends: int) -> bool:
    for kind, _, inner, inner_end in _boxes(data, begins, ends):
        if kind == b"mdia":
            for name, _, at, at_end in _boxes(data, inner, inner_end):
                if name == b"hdlr" and at + 12 <= at_end:
                    return bytes(data[at + 8 : at + 12]) == _TIMED_META
    return False
