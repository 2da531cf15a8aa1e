"""Pixels as they are shown → a PNG, a JPEG or a WebP: nothing is clipped, and no transparency, profile or rotation is lost."""

from __future__ import annotations

import contextlib
import io
from typing import IO, Any

from ..errors import BadImage
from ..video.bounds import open_picture

_LEAST_GREY = 64  # fractions that go no further may be of any unit, and would be dark
_FULL_16_BIT = 257  # 65535 / 255
_MOST_SIDE = 4096
_SMALLER = 0.8  # of a side, each time that a picture is still too large
_LEAST_SIDE = 16
_AS_FILES_HAVE_IT = {"1": "RGB", "La": "LA", "PA": "RGBA", "RGBa": "RGBA"}  # modes
_TURNED = {5, 6, 7, 8}  # EXIF orientations that exchange width and height


def orientation_of(image: Any) -> int:
    """How an opened picture is to be turned before it is shown, 1 to 8 as EXIF counts; 1 where it does not say."""
    try:
        found = image.getexif().get(0x0112, 1)
    except Exception:  # noqa: BLE001 - Pillow raises many classes for broken EXIF, and viewers ignore it
        return 1
    return found if isinstance(found, int) and 1 <= found <= 8 else 1  # noqa: PLR2004


def shown_size(image: Any) -> tuple[int, int]:
    """Width and height of an opened picture as a viewer shows it, in pixels."""
    width, height = image.size
    return (height, width) if orientation_of(image) in _TURNED else (width, height)


def upright(image: Any) -> Any:
    """The picture turned as a viewer shows it."""
    from PIL import ImageOps

    return image if orientation_of(image) == 1 else ImageOps.exif_transpose(image)


def as_shown(image: Any) -> Any:
    """A picture of Pillow as L, LA, RGB or RGBA with 8 bits, as a viewer shows it; `info` has its profile alone."""
    if 0 in image.size:
        raise BadImage("The picture has no pixels.")
    try:
        image.load()
        found, profile = _eight_bit(upright(image))
    except BadImage:
        raise
    except Exception as exc:  # noqa: BLE001 - Pillow raises many classes
        why = str(exc).rstrip(".") or "its file is closed"
        raise BadImage(
            f"The picture cannot be read: {why}.", hint="open it again, and pass it before it is closed"
        ) from None
    found = found.copy() if found is image else found
    colours = b"GRAY" if found.mode in {"L", "LA"} else b"RGB "  # that the profile is of (ICC.1, 7.2.6)
    found.info = {"icc_profile": profile} if profile and profile[16:20] == colours else {}
    return found


def refuse_mask(image: Any) -> None:
    """Refuse what holds 0 and 1 alone, as masks of other libraries do: it would be black."""
    if is_dark(image) and any(most for _, most in _ranges(image)):
        hint = "a mask times 255 is black and white: image.point(lambda value: value * 255)"
        raise BadImage("A picture that holds 0 and 1 alone would be black.", hint=hint)


def is_dark(image: Any) -> bool:
    """Whether a picture holds no value above 1 of 255: it is black, whatever it was meant to show."""
    return image.mode in {"L", "LA", "P", "PA", "RGB", "RGBA"} and all(
        most <= 1 for _, most in _ranges(image)
    )


def _ranges(image: Any) -> list[tuple[Any, Any]]:
    """The least and the most of each channel of colour."""
    colours = image.convert("RGBA") if image.mode in {"P", "PA"} else image
    found = colours.getextrema()
    each = [found] if isinstance(found[0], int | float) else list(found)
    return [pair for name, pair in zip(colours.getbands(), each, strict=True) if name != "A"]


def small_jpeg(source: IO[bytes], side: int, *, quality: int = 80) -> bytes:
    """A small copy of a picture's file as a viewer shows it, *side* pixels at the most; white where it is transparent."""
    from PIL import Image

    with open_picture(source) as image:
        still = as_shown(image)
    still.thumbnail((side, side))
    if "A" in still.mode:
        ground = Image.new("RGBA", still.size, "white")
        still = Image.alpha_composite(ground, still.convert("RGBA"))
    return _written(still.convert("RGB"), "JPEG", quality=quality, progressive=True, optimize=True)


def from_array(array: Any) -> Any:
    """An array of height and width, with or without an axis of 1, 3 or 4 channels, as a picture; BadImage for any other."""
    import numpy as np
    from PIL import Image

    values = np.asarray(array)
    if values.ndim == 3 and values.shape[2] == 1:  # noqa: PLR2004
        values = values[:, :, 0]
    if values.ndim not in {2, 3} or (values.ndim == 3 and values.shape[2] not in {3, 4}) or 0 in values.shape:  # noqa: PLR2004
        is_channels_first = values.ndim == 3 and values.shape[0] in {1, 3, 4}  # noqa: PLR2004
        hint = "height × width, or height × width × 3 or 4; of a batch, pass one"
        if is_channels_first:
            hint = "numpy.moveaxis(array, 0, -1) puts its channels last"
        raise BadImage(f"An array of shape {values.shape} is not a picture.", hint=hint)
    return Image.fromarray(np.ascontiguousarray(_to_bytes(values, f"an array of {values.dtype}", "array")))


def encode(image: Any, *, most: int) -> bytes:
    """A picture of `as_shown` as PNG; one that would have more than *most* bytes as JPEG, or as WebP if it is transparent."""
    profile = {"icc_profile": image.info["icc_profile"]} if "icc_profile" in image.info else {}
    bare = image.copy()
    bare.info = {}  # Pillow would write a comment or a resolution from there
    content = _written(bare, "PNG", **profile)
    if len(content) <= most:
        return content
    if "A" in image.mode:
        with contextlib.suppress(ValueError, OSError):  # more than 16383 pixels a side
            return _written(bare, "WEBP", quality=95, exact=True, **profile)
        return content
    return _written(bare, "JPEG", quality=95, **profile)


def fitted(image: Any, *, most: int) -> tuple[bytes, tuple[int, int]]:
    """A picture of `as_shown`, scaled until it has at most *most* bytes and 4096 pixels a side; and its size."""
    from PIL import Image

    scale = min(1.0, _MOST_SIDE / max(image.size))
    while True:
        width, height = (max(1, round(side * scale)) for side in image.size)
        small = image if scale == 1 else image.resize((width, height), Image.Resampling.LANCZOS)
        content = encode(small, most=most)
        if len(content) <= most or max(width, height) < _LEAST_SIDE:
            return content, (width, height)
        scale *= _SMALLER


def _written(image: Any, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _eight_bit(image: Any) -> tuple[Any, bytes | None]:
    """The picture in a mode that files hold, and the colour profile that its pixels are in."""
    mode, profile = image.mode, image.info.get("icc_profile")
    if mode in {"I", "F"} or mode.startswith("I;"):
        return _scaled(image).convert("RGB"), None
    if mode == "CMYK":
        return _from_cmyk(image, profile), None
    if mode in _AS_FILES_HAVE_IT:
        return image.convert(_AS_FILES_HAVE_IT[mode]), profile
    if "transparency" in image.info and mode in {"L", "RGB", "P"}:
        return image.convert("LA" if mode == "L" else "RGBA"), profile
    if mode in {"RGB", "RGBA", "L", "LA"}:
        return image, profile
    return image.convert("RGB"), profile if mode in {"P", "RGBX", "YCbCr"} else None


def _scaled(image: Any) -> Any:
    """Whole numbers of 16 or 32 bits, or fractions, as grey."""
    import numpy as np
    from PIL import Image

    values = np.asarray(image)
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PNG"):
        values = (values / _FULL_16_BIT).round().astype(np.uint8)
    elif image.mode == "F" and values.min() >= 0 and _LEAST_GREY < values.max() <= 255:  # noqa: PLR2004
        values = values.round().astype(np.uint8)  # as Pillow makes them of grey; NaN is in no range
    return Image.fromarray(_to_bytes(values, f"a picture of mode {image.mode}", "numpy.asarray(image)"))


def _to_bytes(values: Any, what: str, array: str) -> Any:
    """Any numbers as bytes; what lies outside a range is refused, never cut off. In messages they are *what*, which users write as *array*."""
    import numpy as np

    kind = values.dtype.kind
    if kind not in "buif":
        raise BadImage(f"{what} is not a picture.", hint="uint8 0 to 255, or float 0 to 1")
    if kind == "b":
        return values.astype(np.uint8) * 255
    least, most = values.min(), values.max()
    stretch = f"a = {array}; pass (a - a.min()) / (a.max() - a.min())"
    if kind == "f":
        if not np.isfinite(values).all():
            words = f"{what} must lie between 0 and 1, and this one holds NaN or infinity."
            raise BadImage(words, hint=f"numpy.nan_to_num({array}) puts 0 in the place of NaN")
        scaled = (values * 255).round()
        if scaled.min() < 0 or scaled.max() > 255:  # noqa: PLR2004
            words = f"{what} must lie between 0 and 1; this one goes from {least:g} to {most:g}."
            is_bytes = least >= 0 and most <= 255  # noqa: PLR2004
            raise BadImage(words, hint=f"pass {array} / 255" if is_bytes else stretch)
        return scaled.astype(np.uint8)
    if least < 0 or most > 255:  # noqa: PLR2004
        words = f"{what} must hold 0 to 255; this one goes from {least} to {most}."
        raise BadImage(words, hint=stretch if least < 0 else f"a = {array}; pass a / a.max()")
    if most == 1:
        words = f"{what} that holds 0 and 1 alone would be a black picture."
        raise BadImage(words, hint=f"a mask times 255 is black and white: {array} * 255")
    return values.astype(np.uint8)


def _from_cmyk(image: Any, profile: bytes | None) -> Any:
    """Inks as colours, by their own profile where it can be used."""
    if profile:
        from PIL import ImageCms

        with contextlib.suppress(ImageCms.PyCMSError, OSError, ValueError):
            inks = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            return ImageCms.profileToProfile(image, inks, ImageCms.createProfile("sRGB"), outputMode="RGB")
    return image.convert("RGB")
