"""Removes metadata of a picture (places, times, names, comments) without touching a pixel.

Kept are the orientation, the colour profile, and what a decoder needs.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator

from ..video.bounds import open_picture
from .pixels import orientation_of

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT = frozenset(
    b"tRNS cHRM gAMA iCCP sBIT sRGB cICP mDCV cLLI mDCv cLLi bKGD pHYs hIST sPLT acTL fcTL fdAT".split()
)
_PNG_TELLS = (b"eXIf", b"tEXt", b"zTXt", b"iTXt")  # chunks that EXIF or XMP may be in
_WEBP_KEPT = frozenset((b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF", b"ICCP"))
_WEBP_EXIF, _WEBP_XMP = 0x08, 0x04  # flags of VP8X
_SOI, _SOS, _EOI, _COM, _APP0, _APP15 = 0xD8, 0xDA, 0xD9, 0xFE, 0xE0, 0xEF
_FILL = 0xFF
_ALONE = {0x01, *range(0xD0, 0xD8)}  # markers of JPEG without a length
_JPEG_KEPT = {0xE0: b"JFIF\0", 0xE2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}


class _Odd(ValueError):
    """The file is not laid out as its format says."""


def without_personal(content: bytes) -> bytes:
    """The same picture without personal metadata; the very same bytes where there are none, or where the file is odd."""
    parts = _parts_of(content)
    if parts is None:
        return content
    try:
        return parts(content, _orientation(content))
    except Exception:  # noqa: BLE001 - a damaged file is told by whoever decodes it
        return content


def _orientation(content: bytes) -> int:
    """How the picture is to be turned; Pillow decodes all pixels of a PNG for it, so one that cannot tell is not asked."""
    if content.startswith(_PNG) and not any(kind in content for kind in _PNG_TELLS):
        return 1
    with open_picture(io.BytesIO(content)) as image:
        return orientation_of(image)


def _parts_of(content: bytes) -> Callable[[bytes, int], bytes] | None:
    if content.startswith(b"\xff\xd8\xff"):
        return _jpeg
    if content.startswith(_PNG):
        return _png
    return _webp if content[:4] == b"RIFF" and content[8:12] == b"WEBP" else None


def _exif(orientation: int) -> bytes:
    """EXIF that holds an orientation alone."""
    return struct.pack("<2sHIHHHIHHI", b"II", 42, 8, 1, 0x0112, 3, 1, orientation, 0, 0)


def _is_orientation(exif: bytes) -> bool:
    """Whether EXIF holds an orientation and nothing else: it is kept as it is."""
    tiff = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None or len(tiff) != len(_exif(1)):
        return False
    start, count, tag = struct.unpack_from(f"{order}IHH", tiff, 4)
    return bool((start, count, tag) == (8, 1, 0x0112) and not any(tiff[-4:]))


def _jpeg(content: bytes, orientation: int) -> bytes:
    kept, is_told = [content[:2]], orientation == 1
    for marker, part in _segments(content):
        is_extra = _APP0 <= marker <= _APP15 or marker == _COM
        is_exif = marker == _APP0 + 1 and _is_orientation(part[4:])
        if is_exif or not is_extra or (marker in _JPEG_KEPT and part[4:].startswith(_JPEG_KEPT[marker])):
            kept.append(part)
        is_told = is_told or is_exif
    if not is_told:
        exif = b"Exif\0\0" + _exif(orientation)
        kept.insert(1, struct.pack(">BBH", 0xFF, 0xE1, len(exif) + 2) + exif)
    return b"".join(kept)


def _segments(content: bytes) -> Iterator[tuple[int, bytes]]:
    """The marked parts of the first picture in a JPEG after its start; what follows its end is another's: a film, a second picture."""
    place = 2
    while True:
        start = place
        while content[place : place + 2] == b"\xff\xff":  # padding
            place += 1
        mark = content[place : place + 2]
        if len(mark) < 2 or mark[0] != 0xFF:  # noqa: PLR2004
            raise _Odd
        marker, place = mark[1], place + 2
        if marker not in _ALONE and marker != _EOI:
            (length,) = struct.unpack_from(">H", content, place)
            place += length
        if marker == _SOS:
            place = _end_of_scan(content, place)
        if place > len(content):
            raise _Odd
        yield marker, content[start:place]
        if marker == _EOI:
            return


def _end_of_scan(content: bytes, place: int) -> int:
    while True:
        place = content.find(b"\xff", place)
        if place < 0 or place + 1 >= len(content):
            raise _Odd
        following = content[place + 1]
        if following not in {0, _FILL, *_ALONE}:
            return place
        place += 1 if following == _FILL else 2


def _png(content: bytes, orientation: int) -> bytes:
    kept, place, is_told = [_PNG], len(_PNG), orientation == 1
    while place < len(content):
        (length,) = struct.unpack_from(">I", content, place)
        kind, end = content[place + 4 : place + 8], place + 12 + length
        if end > len(content):
            raise _Odd
        is_exif = kind == b"eXIf" and _is_orientation(content[place + 8 : end - 4])
        if kind[:1].isupper() or kind in _PNG_KEPT or is_exif:
            kept.append(content[place:end])
        is_told = is_told or is_exif
        place = end
        if kind == b"IEND":
            break
    if not is_told:
        exif = b"eXIf" + _exif(orientation)
        # After IHDR, which is the first chunk.
        kept.insert(2, struct.pack(">I", len(exif) - 4) + exif + struct.pack(">I", zlib.crc32(exif)))
    is_padding = not content[place:].strip(b"\0")  # what else lies behind the end is another's
    return b"".join([*kept, content[place:] if is_padding else b""])


def _webp(content: bytes, orientation: int) -> bytes:
    kept, place, is_told = [], 12, orientation == 1
    end = 8 + struct.unpack_from("<I", content, 4)[0]
    if end > len(content):
        raise _Odd
    while place + 8 <= end:
        kind, length = content[place : place + 4], struct.unpack_from("<I", content, place + 4)[0]
        after = place + 8 + length + length % 2
        if kind in _WEBP_KEPT:
            kept.append(content[place:after])
        elif kind == b"EXIF" and _is_orientation(content[place + 8 : place + 8 + length]):
            kept.append(content[place:after])
            is_told = True
        place = after
    if not is_told:
        exif = _exif(orientation)
        kept.append(b"EXIF" + struct.pack("<I", len(exif)) + exif)
    has_exif = any(part.startswith(b"EXIF") for part in kept)
    for number, part in enumerate(kept):
        if part.startswith(b"VP8X"):
            flags = part[8] & ~(_WEBP_EXIF | _WEBP_XMP) | (_WEBP_EXIF if has_exif else 0)
            kept[number] = part[:8] + bytes([flags]) + part[9:]
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body
