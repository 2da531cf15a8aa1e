"""Any picture → bytes that the service takes, and an identity. What people see in their viewer is what is sent."""

from __future__ import annotations

import hashlib
import io
import ipaddress
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from ..catalogue import ImageIdentity
from ..errors import BadImage
from ..video.bounds import TooManyPixels, open_picture
from ..video.sniff import HEAD_BYTES, describe_head, ending_of
from .metadata import without_personal
from .pixels import as_shown, encode, fitted, shown_size
from .sources import MOST_READ, held_in

MAX_BYTES = 10_000_000  # kie-api §11.2: at most 10 MB, of which kind of MB is not said
MIMES = {"JPEG": "image/jpeg", "MPO": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}
SEND_FILE = "download the picture and pass the file; it is uploaded"
FIT = "scale it: --fit on the line, fit=True in Python"
CONVERT = "send it as PNG: --fit on the line, fit=True in Python"
_CODEC = "kie_nb reads it where the package pillow-heif is installed; or save it as JPEG"
_USUAL_SIDES, _USUAL_RATIO = (256, 4096), 3.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A picture ready to be sent: bytes to upload, or an address to name.

    Attributes:
        remarks: What was done to it, and what may come out otherwise than meant.
    """

    identity: ImageIdentity
    content: bytes | None = None
    remarks: tuple[str, ...] = field(default=(), compare=False)


def read_picture(source: Any, *, fit: bool = False, keep_metadata: bool = False) -> Picture:
    """Read and check a picture that is at hand (everything but a URL).

    Args:
        source: A path, bytes, an open file, a picture of Pillow, an array, a matplotlib figure, or a display or widget of one.
        fit: Scale and convert it to what the service takes, where it is not.
        keep_metadata: Send what a file says of place, time and person too.

    Raises:
        BadImage: saying what is wrong with it and what to do.
    """
    held = held_in(source)
    label = held.name or f"image ({held.what})"
    if held.content is None:
        shown = as_shown(held.image)
        content, done = _made_of(shown, label, fit=fit)
    else:
        content = held.content if keep_metadata else without_personal(held.content)
        content, done = _sendable(content, label, fit=fit)
    identity, remarks = _looked_at(content, label)
    if held.name is None:  # cells of a grid are told apart by it
        identity = replace(identity, label=f"image ({held.what} {identity.sha256[:6]})")
    return Picture(identity=identity, content=content, remarks=(*done, *remarks))


def check_picture(content: bytes, label: str, *, url: str | None = None) -> ImageIdentity:
    """What *content* is, if it is a picture that the service takes.

    Raises:
        BadImage: for anything else.
    """
    return _looked_at(content, label, url=url)[0]


def remarks_on(content: bytes, label: str) -> tuple[str, ...]:
    """What may come out otherwise than meant, of a picture that `check_picture` took."""
    return _looked_at(content, label)[1]


def check_url(url: str, *, own: Sequence[str] = ()) -> str:
    """*url* if the service could fetch it.

    Args:
        own: Addresses of the service itself: what it handed out is taken as it is.

    Raises:
        BadImage: for `data:` URLs and addresses that only this machine or network can reach.
    """
    url = url.strip()
    if any(url.startswith(f"{base.rstrip('/')}/") for base in own if base):
        return url
    try:
        parts = urlsplit(url if url.isprintable() else "")
    except ValueError:
        parts = urlsplit("")
    if parts.scheme.lower() == "data":
        raise BadImage(
            "a data: URL cannot be fetched by the service.",
            hint="pass the bytes instead: image=b'...'; they are uploaded",
        )
    if parts.scheme.lower() not in {"http", "https"} or not parts.hostname:
        raise BadImage(
            f"{url[:80]!r} is not an http(s) address.", hint="pass a local file as a path; it is uploaded"
        )
    if _is_private(parts.hostname):
        raise BadImage(
            f"{parts.hostname} can be reached from your network only, not by the service.",
            hint=SEND_FILE,
        )
    return url


def upload_name(identity: ImageIdentity) -> str:
    """A name that holds the hash: the same name would serve old bytes (kie-api §9)."""
    return f"{identity.sha256[:32]}.{EXTENSIONS.get(identity.mime, 'png')}"


def _is_private(host: str) -> bool:
    host = host.lower().rstrip(".")
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal", ".lan", ".home.arpa")):
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host


def _sendable(content: bytes, label: str, *, fit: bool) -> tuple[bytes, tuple[str, ...]]:
    """A file as it is sent, and what was done to it; HEIC and AVIF, which phones make, are never sent as they are."""
    is_phones = ending_of(content[:HEAD_BYTES]) in {"heic", "avif"}
    if len(content) > MOST_READ or not (fit or is_phones):
        return content, ()
    with _opened(content, label) as image:
        kind = image.format or ""
        if kind in MIMES and len(content) <= MAX_BYTES and max(shown_size(image)) <= _USUAL_SIDES[1]:
            return content, ()
        return _made_of(as_shown(image), label, fit=fit, kind=kind)


def _made_of(shown: Any, label: str, *, fit: bool, kind: str = "") -> tuple[bytes, tuple[str, ...]]:
    content = (fitted if fit else encode)(shown, most=MAX_BYTES)
    with open_picture(io.BytesIO(content)) as image:
        size, now = image.size, image.format
    done = [f"{label} is {kind} and is sent as {now}"] if kind and now != kind else []
    if size != shown.size:
        done += [f"{label} is scaled from {shown.width} × {shown.height} to {size[0]} × {size[1]} pixels"]
    return content, tuple(f"{one}." for one in done)


def _looked_at(
    content: bytes, label: str, *, url: str | None = None
) -> tuple[ImageIdentity, tuple[str, ...]]:
    if not content:
        raise BadImage(f"{label} is empty: there is no picture in it.")
    if len(content) > MAX_BYTES:
        raise BadImage(
            f"{label} has {len(content) / 1e6:.1f} MB; the service takes pictures of at most 10 MB.",
            hint=FIT if url is None else SEND_FILE,
        )
    with _opened(content, label) as image:
        kind = image.format or ""
        if kind not in MIMES:
            raise BadImage(
                f"{label} is {kind or 'of an unknown kind'}; the service takes jpeg, png and webp.",
                hint=CONVERT if url is None else SEND_FILE,
            )
        image.load()
        width, height = shown_size(image)
        remarks = tuple(f"{label} {one}." for one in _odd(image, width, height))
    identity = ImageIdentity(
        sha256=hashlib.sha256(content).hexdigest(),
        label=label,
        mime=MIMES[kind],
        bytes=len(content),
        width=width,
        height=height,
        url=url,
    )
    return identity, remarks


def _odd(image: Any, width: int, height: int) -> Iterator[str]:
    """What Kie's page says nothing of (kie-api §11.2), or says of a sister of the model."""
    least, most = _USUAL_SIDES
    if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
        yield "moves; the service takes one picture, and which of its frames is not known"
    if _is_transparent(image):
        yield "has transparent parts; what the service shows there is not known"
    if min(width, height) < least:
        yield f"is small ({width} × {height}); Wan 2.6 refuses less than {least} pixels a side, of 2.5 that is not known"
    if max(width, height) > most:
        yield f"is large ({width} × {height}); up to {most} pixels a side are usual, and --fit scales it"
    if max(width, height) > _USUAL_RATIO * min(width, height):
        yield f"is long and narrow ({width} × {height}); the service may cut or stretch it"


def _is_transparent(image: Any) -> bool:
    if "A" in image.getbands():
        return bool(image.getchannel("A").getextrema()[0] < 255)  # noqa: PLR2004
    return "transparency" in image.info


@contextmanager
def _opened(content: bytes, label: str) -> Iterator[Any]:
    """The picture in *content*, and words for what is none.

    Raises:
        BadImage: saying what it is.
    """
    from PIL import UnidentifiedImageError

    head = content[:HEAD_BYTES]
    if ending_of(head) == "heic":
        _take_heif_opener()
    try:
        with open_picture(io.BytesIO(content)) as image:
            yield image
    except BadImage:
        raise
    except UnidentifiedImageError:
        raise BadImage(
            f"{label} is not a picture that can be read; it seems to be {describe_head(head)}.",
            hint=_fix(head),
        ) from None
    except TooManyPixels as exc:
        raise BadImage(f"{label} is too large: {exc}.", hint="make it smaller in another program") from None
    except Exception as exc:  # Pillow raises many classes for broken files
        raise BadImage(f"{label} is a damaged picture: {exc}.", hint="save it anew and try again") from exc


def _fix(head: bytes) -> str:
    if ending_of(head) in {"heic", "avif"}:
        return _CODEC
    if head.startswith(b"version https://git-lfs"):
        return "`git lfs pull` brings the file itself"
    return "a jpeg, png or webp file is needed"


def _take_heif_opener() -> None:
    try:
        import pillow_heif
    except ImportError:
        return
    pillow_heif.register_heif_opener()
