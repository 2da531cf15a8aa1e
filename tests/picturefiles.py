"""Pictures that tests make: four corners of colours, so that a turn shows; files with metadata of a phone."""

import io
from functools import cache

import numpy as np
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

CORNERS = [
    (200, 30, 30),
    (30, 200, 30),
    (30, 30, 200),
    (200, 200, 30),
]  # left and right above, left and right below
SIZE = (400, 300)
SECRETS = (b"Ana Pereira", b"52 Rua Nova", b"2026:11:28", b"iPhone of Ana")
# By the orientation of EXIF: which method of Pillow a viewer applies.
METHODS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def corners(size=SIZE):
    """A picture whose quarters have the colours of `CORNERS`."""
    width, height = size
    image = Image.new("RGB", size)
    for number, colour in enumerate(CORNERS):
        left, top = number % 2 * (width // 2), number // 2 * (height // 2)
        image.paste(colour, (left, top, left + width // 2, top + height // 2))
    return image


def written(image, kind, **options):
    """*image* as a file of *kind*."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def opened(content):
    """The picture in *content*, its pixels read."""
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def exif(orientation=1, *, secrets=False):
    """EXIF with an orientation, and with a place, a name and a time."""
    found = Image.Exif()
    found[0x0112] = orientation
    if secrets:
        found[0x013B], found[0x0110], found[0x0132] = "Ana Pereira", "iPhone of Ana", "2026:11:28 10:00:00"
        found.get_ifd(0x8825).update({1: "N", 2: (41.0, 9.0, 0.0), 29: "2026:11:28"})
    return found


@cache
def profile():
    """An ICC profile of colours."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def personal(kind, orientation=1):
    """A file of *kind* as a phone or a camera writes it: place, name, time and comments."""
    image, more = corners(), {"exif": exif(orientation, secrets=True), "icc_profile": profile()}
    if kind == "PNG":
        text = PngInfo()
        text.add_text("Author", "Ana Pereira")
        text.add_text("Comment", "52 Rua Nova", zip=False)
        text.add_itxt("XML:com.adobe.xmp", "<x:xmpmeta>52 Rua Nova</x:xmpmeta>")
        return written(image, kind, pnginfo=text, **more)
    if kind == "JPEG":
        return written(image, kind, comment=b"52 Rua Nova", xmp=b"<x:xmpmeta>52 Rua Nova</x:xmpmeta>", **more)
    return written(image, kind, lossless=True, xmp=b"<x:xmpmeta>52 Rua Nova</x:xmpmeta>", **more)


def shown_corners(image):
    """The colours in the corners of an opened picture, roughly: by which of `CORNERS` they are nearest."""
    image = image.convert("RGB")
    width, height = image.size
    places = [(9, 9), (width - 9, 9), (9, height - 9), (width - 9, height - 9)]
    far = [
        [sum(abs(a - b) for a, b in zip(image.getpixel(at), one, strict=True)) for one in CORNERS]
        for at in places
    ]
    assert max(min(row) for row in far) < 60, far
    return [row.index(min(row)) for row in far]


def turned(orientation):
    """`shown_corners` of a viewer that shows `corners` with this orientation."""
    method = METHODS[orientation]
    return shown_corners(corners() if method is None else corners().transpose(method))


def noise(size, channels=3):
    """What no PNG makes smaller."""
    return np.random.default_rng(1).integers(0, 256, (*size, channels), dtype=np.uint8)
