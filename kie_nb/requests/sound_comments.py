"""Removes what a FLAC or an Ogg file says of place, time and person in its comments; what is heard stays, byte for byte, at its place.

A comment becomes one of the same length that says nothing: a long, empty name of the encoder, and no entries (RFC 9639, RFC 3533,
RFC 7845). A page of Ogg has a sum, which is made anew.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

_AUDIBLE = {0, 1, 3}  # blocks of FLAC that stay: the stream's facts, padding, places to seek to
_PADDING, _LAST = 1, 0x80
# How the comment of a codec begins, by how its first packet begins.
_COMMENTS = {
    b"\x01vorbis": b"\x03vorbis",
    b"OpusHead": b"OpusTags",
    b"\x80theora": b"\x81theora",
    b"Speex   ": b"",
}
_FLAC_IN_OGG = b"\x7fFLAC"
_PAGE, _FRAMING = 27, b"\x01"
Piece = tuple[int, int]  # where a part of a packet begins and ends


def clean_flac(data: bytearray, place: int) -> None:
    """Make padding of the blocks of a FLAC, which begins at *place*, that are not for playing."""
    place += 4
    while place + 4 <= len(data):
        begins, kind = place + 4, data[place]
        ends = begins + int.from_bytes(data[place + 1 : begins], "big")
        if ends > len(data):
            raise ValueError("a block reaches too far")
        if kind & ~_LAST not in _AUDIBLE:
            data[place] = _PADDING | kind & _LAST
            data[begins:ends] = bytes(ends - begins)
        if kind & _LAST:
            break
        place = ends


def clean_ogg(data: bytearray) -> None:
    """Empty the comments of each stream of an Ogg."""
    first: dict[int, bytes] = {}  # how a stream begins
    for serial, number, pieces, pages in _packets(data):
        packet = b"".join(data[begins:ends] for begins, ends in pieces)
        if number == 0:
            first[serial] = packet[:8]
            continue
        emptied = _emptied(packet, first.get(serial, b""), number)
        if emptied is None:
            continue
        for begins, ends in pieces:
            data[begins:ends], emptied = emptied[: ends - begins], emptied[ends - begins :]
        for begins, ends in pages:
            data[begins + 22 : begins + 26] = bytes(4)
            struct.pack_into("<I", data, begins + 22, _sum(data[begins:ends]))


def _emptied(packet: bytes, first: bytes, number: int) -> bytes | None:
    """A header that says nothing, in place of *packet*, the stream's of this *number*; None for one that stays."""
    if first.startswith(_FLAC_IN_OGG):
        if not packet or packet[0] == 0xFF or packet[0] & ~_LAST in _AUDIBLE:  # noqa: PLR2004 - sound begins so
            return None
        if number > 1:
            return bytes([_PADDING | packet[0] & _LAST]) + packet[1:4] + bytes(len(packet) - 4)
        return packet[:4] + _nothing(len(packet) - 4)
    magic = next((begin for start, begin in _COMMENTS.items() if first.startswith(start)), None)
    if number != 1 or magic is None or not packet.startswith(magic):
        return None
    end = _FRAMING if magic == b"\x03vorbis" else b""
    return magic + _nothing(len(packet) - len(magic) - len(end)) + end


def _nothing(length: int) -> bytes:
    if length < 8:  # noqa: PLR2004 - of two numbers
        raise ValueError("a comment is too short")
    return struct.pack("<I", length - 8) + b" " * (length - 8) + bytes(4)


def _packets(data: bytearray) -> Iterator[tuple[int, int, list[Piece], list[Piece]]]:
    """The headers of each stream: its number, the packet's, where its parts are, and in which pages; sound is passed over."""
    open_: dict[int, tuple[int, list[Piece], list[Piece]]] = {}
    place = 0
    while place + _PAGE <= len(data) and data[place : place + 4] == b"OggS":
        flags, serial, count = data[place + 5], *struct.unpack_from("<I8xB", data, place + 14)
        begins = place + _PAGE + count
        lacing = data[place + _PAGE : begins]
        page = (place, begins + sum(lacing))
        if page[1] > len(data):
            raise ValueError("a page reaches too far")
        number, pieces, pages = (0, [], []) if flags & 2 else open_.get(serial, (_MOST_HEADERS, [], []))
        for length in lacing if number < _MOST_HEADERS else ():
            if not pages or pages[-1] != page:
                pages.append(page)
            pieces.append((begins, begins + length))
            begins += length
            if length < 255:  # noqa: PLR2004 - a packet ends with a shorter part
                yield serial, number, pieces, pages
                number, pieces, pages = number + 1, [], []
        open_[serial] = (number, pieces, pages)
        place = page[1]


_MOST_HEADERS = 100  # of a stream; a FLAC has one for each block


def _table() -> list[int]:
    found = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1 ^ (0x04C11DB7 if value & 0x80000000 else 0)) & 0xFFFFFFFF
        found.append(value)
    return found


def _sum(page: bytes | bytearray) -> int:
    """The sum of a page, as Ogg makes it."""
    table, value = _table(), 0
    for byte in page:
        value = (value << 8 & 0xFFFFFFFF) ^ table[value >> 24 ^ byte]
    return value
