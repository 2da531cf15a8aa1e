"""Whether a packet of H.264 or H.265 is all there, without decoding it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.stream import VideoStream

_SIZED = {
    "h264": 4,
    "hevc": 21,
}  # where the header of a track (`avcC`, `hvcC`) says how long the lengths of units are
_NEVER = b"\0\0\0"  # in a unit: the encoder escapes it, so it is a hole in the file


def checker_of(stream: "VideoStream") -> "Callable[[Packet[Any]], bool] | None":
    """Says of each packet of *stream* whether its units fill it exactly and have no hole; None for another codec."""
    header, at = stream.codec_context.extradata or b"", _SIZED.get(stream.codec_context.name)
    if at is None or len(header) <= at or header[0] != 1:
        return None
    length = (header[at] & 3) + 1

    def is_whole(packet: "Packet[Any]") -> bool:
        data = bytes(packet)
        begin = 0
        while begin < len(data):
            end = begin + length + int.from_bytes(data[begin : begin + length], "big")
            begin += length
            if not begin < end <= len(data) or data.find(_NEVER, begin, end) >= 0:
                return False
            begin = end
        return True

    return is_whole
