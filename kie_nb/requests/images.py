"""Any picture → bytes that the service takes, and an identity. What people see in their viewer is what is sent."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from ..addresses import is_public_name, literal, shareable, why_not_public
from ..catalogue import ImageIdentity
from ..errors import BadImage
from ..video.bounds import MOST_PIXELS, TooManyPixels, open_picture, open_shrunk
from ..video.sniff import HEAD_BYTES, describe_head, ending_for, ending_of
from .metadata import without_personal
from .pixels import as_shown, encode, fitted, is_dark, orientation_of, refuse_mask, shown_size
from .sources import MOST_READ, held_in

MAX_BYTES = 10_000_000  # kie-api §11.2: at most 10 MB, of which kind of MB is not said
MIMES = {"JPEG": "image/jpeg", "MPO": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}
SEND_FILE = "download it and pass the file; it is uploaded"
FIT = "scale it: --fit on the line, fit=True in Python"
CONVERT = "send it as PNG: --fit on the line, fit=True in Python"
_NEEDED = "use a jpeg, png or webp file"
_FIXES = {
    "heic": "kie_nb reads it where the package pillow-heif is installed: %pip install pillow-heif; or save it as JPEG",
    "avif": "the Pillow that is installed here cannot read it: %pip install --upgrade pillow; or save it as JPEG",
    "svg": "export it as PNG from the program that shows it",
}
_SHRINK = (
    "shrink it with Pillow: Image.MAX_IMAGE_PIXELS = None; image = Image.open(...); image.thumbnail((4096, 4096)); "
    "and pass image"
)
_KINDS = {"png": "PNG", "jpg": "JPEG", "webp": "WebP"}
_USUAL_SIDES, _USUAL_RATIO = (256, 4096), 3.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A picture ready to be sent: bytes to upload, or an address to name."""

    identity: ImageIdentity
    content: bytes | None = None
    # What was done to it, and what may come out otherwise than meant.
    remarks: tuple[str, ...] = field(default=(), compare=False)
    # Its file as it was given, where what is sent differs: earlier runs may have been made with that.
    as_given: ImageIdentity | None = field(default=None, compare=False)
    # The run that it is a frame of, or the video, as a record names it.
    link: Mapping[str, Any] | None = field(default=None, compare=False)


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
        refuse_mask(shown)
        content, done = _made_of(shown, label, fit=fit)
        done = (*(f"{label} {one}." for one in _changed(held.image)), *done)
    else:
        content = held.content if keep_metadata else without_personal(held.content)
        content, done = _sendable(content, label, fit=fit)
    identity, remarks = look_at(content, label)
    as_given = None
    if held.content not in {None, content}:
        digest = hashlib.sha256(held.content or b"").hexdigest()
        as_given = replace(identity, sha256=digest, bytes=len(held.content or b""))
    if held.name is None:  # cells of a grid are told apart by it
        identity = replace(identity, label=f"image ({held.what} {identity.sha256[:6]})")
    remarks = (*done, *remarks)
    return Picture(identity=identity, content=content, remarks=remarks, as_given=as_given, link=held.link)


def check_url(url: str, *, own: Sequence[str] = ()) -> str:
    """*url* if the service could fetch it; what it handed out itself, at *own*, is taken as it is."""
    url = url.strip()
    if any(url.startswith(f"{base.rstrip('/')}/") for base in own if base):
        return url
    try:
        parts = urlsplit(url if url.isprintable() else "")
    except ValueError:
        parts = urlsplit("")
    scheme = parts.scheme.lower()
    if scheme == "data":
        hint = "pass the bytes instead: image=b'...'; they are uploaded"
        raise BadImage("A data: URL cannot be fetched by the service.", hint=hint)
    if scheme not in {"http", "https"} or not parts.hostname:
        words = f"{(shareable(url) or url)[:80]!r} is not an http(s) address."
        raise BadImage(words, hint="pass a local file as a path; it is uploaded")
    address = literal(parts.hostname)
    if why_not_public(address) if address else not is_public_name(parts.hostname):
        words = f"{parts.hostname} can be reached from your network only, not by the service."
        raise BadImage(words, hint=SEND_FILE)
    return url


def upload_name(identity: ImageIdentity) -> str:
    """A name that holds the hash: the same name would serve old bytes (kie-api §9)."""
    ending = ending_for(identity.mime) if identity.mime else "png"
    return f"{identity.sha256[:32]}.{ending}"


def _sendable(content: bytes, label: str, *, fit: bool) -> tuple[bytes, tuple[str, ...]]:
    """A file as it is sent, and what was done to it.

    Never sent as they are: HEIC and AVIF, which phones make, and grey with 16 bits, which many programs show white.
    """
    is_phones = ending_of(content[:HEAD_BYTES]) in {"heic", "avif"}
    if fit and len(content) > MOST_READ:
        raise BadImage(f"{label} has more than {MOST_READ / 1e6:g} MB.", hint=_SHRINK)
    if not content or len(content) > (MOST_READ if fit or is_phones else MAX_BYTES):
        return content, ()
    with _opened(content, label, shrink=fit) as image:
        kind = image.format or ""
        is_deep = kind in MIMES and image.mode.startswith("I")
        full = image.info.get("full_size")
        is_fine = len(content) <= MAX_BYTES and max(full or image.size) <= _USUAL_SIDES[1]
        if not is_deep and ((kind in MIMES and (is_fine or not fit)) or not (fit or is_phones)):
            return content, ()
        kind = "16-bit grey" if is_deep else kind
        made, done = _made_of(as_shown(image), label, fit=fit, kind=kind, full=full)
        return made, (*(f"{label} {one}." for one in _changed(image)), *done)


def _changed(image: Any) -> Iterator[str]:
    """What is not seen in the pixels that are made of a picture."""
    with suppress(Exception):  # Pillow raises many classes for frames that are not there
        if image.format != "MPO" and image.n_frames > 1:
            yield f"has {image.n_frames} frames; one is sent"
    if orientation_of(image) != 1:
        yield "is turned as its EXIF orientation says"


def _made_of(
    shown: Any, label: str, *, fit: bool, kind: str = "", full: tuple[int, int] | None = None
) -> tuple[bytes, tuple[str, ...]]:
    if not fit and shown.width * shown.height > MOST_PIXELS:
        words = f"{label} has {shown.width} × {shown.height} pixels; at most {MOST_PIXELS / 1e6:g} million are sent."
        raise BadImage(words, hint=FIT)
    content, size = fitted(shown, most=MAX_BYTES) if fit else (encode(shown, most=MAX_BYTES), shown.size)
    now = _KINDS[ending_of(content[:HEAD_BYTES])]
    done = [f"{label} is {kind} and is sent as {now}"] if kind and now.upper() != kind else []
    before = full if full and (full[0] > full[1]) is (shown.width > shown.height) else full and full[::-1]
    before = before or shown.size
    if size != before:
        done += [f"{label} is scaled from {before[0]} × {before[1]} to {size[0]} × {size[1]} pixels"]
    return content, tuple(f"{one}." for one in done)


def look_at(content: bytes, label: str, *, url: str | None = None) -> tuple[ImageIdentity, tuple[str, ...]]:
    """What *content* is, and what may come out otherwise than meant; BadImage if it is not a picture that the service takes."""
    if not content:
        raise BadImage(f"{label} is empty: there is no picture in it.")
    if len(content) > MAX_BYTES:
        words = f"{label} has {len(content) / 1e6:.1f} MB; the service takes pictures of at most 10 MB."
        raise BadImage(words, hint=FIT if url is None else SEND_FILE)
    with _opened(content, label) as image:
        kind = image.format or ""
        if kind not in MIMES:
            words = f"{label} is {kind or 'of an unknown kind'}; the service takes jpeg, png and webp."
            raise BadImage(words, hint=CONVERT if url is None else SEND_FILE)
        image.load()
        width, height = shown_size(image)
        remarks = tuple(f"{label} {one}." for one in _odd(image, width, height))
    sha256, mime = hashlib.sha256(content).hexdigest(), MIMES[kind]
    identity = ImageIdentity(
        sha256=sha256, label=label, mime=mime, bytes=len(content), width=width, height=height, url=url
    )
    return identity, remarks


def _odd(image: Any, width: int, height: int) -> Iterator[str]:
    """What Kie's page says nothing of (kie-api §11.2), or says of a sister of the model."""
    least, most = _USUAL_SIDES
    if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
        yield "moves; the service takes one picture, and which of its frames is not known"
    if is_dark(image):
        yield "is black"
    if image.mode.startswith("I"):
        yield "is grey with 16 bits; some programs show that white, and what the service does is not known"
    if image.mode == "CMYK":
        yield "is made of inks (CMYK); how the service shows them is not known, and a PNG of it would be sure"
    alpha = image.getchannel("A").getextrema()[0] if "A" in image.getbands() else 255
    if alpha < 255 or ("A" not in image.getbands() and "transparency" in image.info):  # noqa: PLR2004
        yield "has transparent parts; what the service shows there is not known"
    if min(width, height) < least:
        yield f"is small ({width} × {height}); Wan 2.6 refuses less than {least} pixels a side, of 2.5 that is not known"
    if max(width, height) > most:
        yield f"is large ({width} × {height}); up to {most} pixels a side are usual, and --fit scales it"
    if max(width, height) > _USUAL_RATIO * min(width, height):
        yield f"is long and narrow ({width} × {height}); the service may cut or stretch it"


@contextmanager
def _opened(content: bytes, label: str, *, shrink: bool = False) -> Iterator[Any]:
    """The picture in *content*, with *shrink* a JPEG of many pixels at a part of them; BadImage, in words, for what is none."""
    from PIL import UnidentifiedImageError

    head = content[:HEAD_BYTES]
    if ending_of(head) == "heic":
        with suppress(ImportError):
            import pillow_heif

            pillow_heif.register_heif_opener()
    try:
        file, is_jpeg = io.BytesIO(content), head.startswith(b"\xff\xd8\xff")
        with open_shrunk(file) if shrink and is_jpeg else open_picture(file) as image:
            yield image
    except BadImage:
        raise
    except UnidentifiedImageError:
        is_lfs = head.startswith(b"version https://git-lfs")
        fix = "`git lfs pull` brings the file itself" if is_lfs else _FIXES.get(ending_of(head), _NEEDED)
        words = f"{label} is not a picture that can be read; it seems to be {describe_head(head)}."
        raise BadImage(words, hint=fix) from None
    except TooManyPixels as exc:
        can_fit = is_jpeg and not shrink
        raise BadImage(f"{label} is too large: {exc}.", hint=FIT if can_fit else _SHRINK) from None
    except Exception as exc:  # Pillow raises many classes for broken files
        raise BadImage(f"{label} is a damaged picture: {exc}.", hint="save it again and retry") from exc
