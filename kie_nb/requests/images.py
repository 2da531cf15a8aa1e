"""Any picture → bytes that the service takes, and an identity: a path, a URL, bytes, PIL, numpy or matplotlib."""

from __future__ import annotations

import hashlib
import io
import ipaddress
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..catalogue import ImageIdentity
from ..errors import BadImage
from ..home import open_file
from ..video.bounds import TooManyPixels, open_picture
from ..video.sniff import HEAD_BYTES, describe_head

MAX_BYTES = 10 * 1024 * 1024  # kie-api §11.2: jpeg, png or webp, at most 10 MB
MIMES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}
SEND_FILE = "download the picture and pass the file; it is uploaded"
_SMALLER = "make it smaller, for example PIL.Image.open(path).resize(...), and pass that"
_CONVERT = "convert it, for example PIL.Image.open(path).convert('RGB'), and pass that"


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A picture ready to be sent: bytes to upload, or an address to name."""

    identity: ImageIdentity
    content: bytes | None = None


def is_url(source: Any) -> bool:
    """Whether *source* is an address rather than a path."""
    return isinstance(source, str) and (
        source.lstrip().lower().startswith(("http:", "https:", "data:", "ftp:", "file:"))
    )


def read_picture(source: Any) -> Picture:
    """Read and check a picture that is at hand (everything but a URL).

    Raises:
        BadImage: saying what is wrong with it and what to do.
    """
    content, label = _bytes_of(source)
    return Picture(identity=check_picture(content, label), content=content)


def check_picture(content: bytes, label: str, *, url: str | None = None) -> ImageIdentity:
    """What *content* is, if it is a picture that the service takes.

    Raises:
        BadImage: for anything else.
    """
    if not content:
        raise BadImage(f"{label} is empty: there is no picture in it.")
    if len(content) > MAX_BYTES:
        raise BadImage(
            f"{label} has {len(content) / 1048576:.1f} MB; the service takes pictures of at most 10 MB.",
            hint=_SMALLER,
        )
    from PIL import UnidentifiedImageError

    try:
        with open_picture(io.BytesIO(content)) as image:
            kind, size = image.format or "", image.size
            if kind in MIMES:
                image.load()
    except UnidentifiedImageError:
        raise BadImage(
            f"{label} is not a picture that can be read; it seems to be {describe_head(content[:HEAD_BYTES])}.",
            hint="a jpeg, png or webp file is needed",
        ) from None
    except TooManyPixels as exc:
        raise BadImage(f"{label} is too large: {exc}.", hint=_SMALLER) from None
    except Exception as exc:  # Pillow raises many classes for broken files
        raise BadImage(f"{label} is a damaged picture: {exc}.", hint="save it anew and try again") from exc
    if kind not in MIMES:
        raise BadImage(
            f"{label} is {kind or 'of an unknown kind'}; the service takes jpeg, png and webp.", hint=_CONVERT
        )
    return ImageIdentity(
        sha256=hashlib.sha256(content).hexdigest(),
        label=label,
        mime=MIMES[kind],
        bytes=len(content),
        width=size[0],
        height=size[1],
        url=url,
    )


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


def _bytes_of(source: Any) -> tuple[bytes, str]:
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source), "image (bytes)"
    if isinstance(source, str | os.PathLike):
        return _read_file(source)
    if _is(source, "PIL.Image", "Image"):
        return _encode(source), "image (PIL)"
    if _is(source, "numpy", "ndarray"):
        return _encode(_from_array(source)), "image (array)"
    if _is(source, "matplotlib.figure", "Figure"):
        buffer = io.BytesIO()
        source.savefig(
            buffer, format="png", metadata={"Software": None}
        )  # the same figure gives the same bytes
        return buffer.getvalue(), "image (figure)"
    if source is ...:
        raise BadImage(
            "`...` stands for a picture that was not at hand when this call was written.",
            hint="put the picture in its place: a path or a URL; the sha256 beside the call tells which one it was",
        )
    raise BadImage(
        f"a {type(source).__name__} is not a picture.",
        hint="a path, a URL, bytes, a PIL.Image, a numpy array or a matplotlib figure is needed",
    )


def _is(source: Any, module: str, name: str) -> bool:
    """Whether *source* is of a class that can only exist if its module was imported already."""
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(source, getattr(loaded, name))


def _read_file(source: str | os.PathLike[str]) -> tuple[bytes, str]:
    try:
        path = Path(source).expanduser()
        if path.is_dir():
            raise BadImage(f"{source} is a folder, not a picture.")
        with open_file(path) as file:
            size = os.fstat(file.fileno()).st_size
            if size > MAX_BYTES:
                raise BadImage(
                    f"{path.name} has {size / 1048576:.1f} MB; the service takes pictures of at most 10 MB.",
                    hint=_SMALLER,
                )
            return file.read(MAX_BYTES + 1), path.name
    except FileNotFoundError:
        # The folder's name alone: this is shown in notebooks, whose readers the folders above it do not concern.
        where = "" if path.is_absolute() else f" in the folder {Path.cwd().name!r}"
        raise BadImage(f"there is no file {str(source)!r}{where}.", hint=_similar(path)) from None
    except (OSError, ValueError, RuntimeError) as exc:  # RuntimeError: the home of a user that there is not
        raise BadImage(
            f"{str(source)[:120]!r} cannot be read: {getattr(exc, 'strerror', None) or exc}."
        ) from None


def _similar(path: Path) -> str:
    import difflib

    try:
        names = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        return "check the path; it counts from the notebook's folder"
    near = difflib.get_close_matches(path.name, names, n=3, cutoff=0.6)
    return (
        f"did you mean {' or '.join(near)}?"
        if near
        else "check the path; it counts from the notebook's folder"
    )


def _from_array(array: Any) -> Any:
    import numpy as np
    from PIL import Image

    values = np.asarray(array)
    if values.ndim == 3 and values.shape[2] == 1:  # noqa: PLR2004
        values = values[:, :, 0]
    if values.ndim not in {2, 3} or (values.ndim == 3 and values.shape[2] not in {3, 4}) or 0 in values.shape:  # noqa: PLR2004
        raise BadImage(
            f"an array of shape {values.shape} is not a picture.",
            hint="height × width, or height × width × 3 or 4",
        )
    if values.dtype.kind not in "buif":
        raise BadImage(
            f"an array of {values.dtype} is not a picture.", hint="uint8 0 to 255, or float 0 to 1"
        )
    if values.dtype.kind == "f":
        if not np.isfinite(values).all() or values.min() < 0 or values.max() > 1:
            raise BadImage(
                "a float array must lie between 0 and 1.", hint="scale it, or convert it to uint8 0 to 255"
            )
        values = (values * 255).round().astype(np.uint8)
    elif values.dtype == bool:
        values = values.astype(np.uint8) * 255
    elif values.dtype != np.uint8:
        if values.min() < 0 or values.max() > 255:  # noqa: PLR2004
            raise BadImage(
                f"an array of {values.dtype} must hold 0 to 255.", hint="scale it and convert it to uint8"
            )
        values = values.astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(values))


def _encode(image: Any) -> bytes:
    """PNG, or JPEG where a PNG would be too large."""
    if 0 in image.size:
        raise BadImage("the picture has no pixels.")
    if image.mode == "La":
        image = image.convert("LA")  # Pillow knows no other way out of it
    if image.mode not in {"RGB", "RGBA", "L", "LA"}:
        image = image.convert(
            "RGBA" if "transparency" in image.info or image.mode in {"PA", "RGBa"} else "RGB"
        )
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    if buffer.tell() > MAX_BYTES:
        buffer = io.BytesIO()
        image.convert("RGB").save(buffer, "JPEG", quality=95)
    return buffer.getvalue()
