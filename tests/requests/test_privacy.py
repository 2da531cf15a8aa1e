"""What a file says of place, time and person is not sent; no pixel is touched, and nothing is written anew without need."""

import io
import zlib

import numpy as np
import pillow_heif
import pytest
from picturefiles import (
    METHODS,
    SECRETS,
    corners,
    exif,
    opened,
    personal,
    profile,
    shown_corners,
    turned,
    written,
)
from PIL import Image

from kie_nb.requests.images import read_picture
from kie_nb.requests.metadata import without_personal

KINDS = ["JPEG", "PNG", "WEBP"]


def pixels(content):
    return np.asarray(opened(content))


def found_in(content):
    """The secrets in a file, also in what is packed in it."""
    texts = [content]
    for place in range(len(content) - 2):
        if content[place : place + 2] in {b"\x78\x9c", b"\x78\xda", b"\x78\x01"}:
            try:
                texts.append(zlib.decompressobj().decompress(content[place:], 100_000))
            except zlib.error:
                continue
    return [secret for secret in SECRETS if any(secret in text for text in texts)]


@pytest.mark.parametrize("orientation", METHODS)
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_personal_is_sent(kind, orientation):
    """GPS, EXIF, XMP, comments and text are gone; pixels, profile and orientation are what they were."""
    content = personal(kind, orientation)
    assert found_in(content)

    picture = read_picture(content)

    found = opened(picture.content)
    assert found_in(picture.content) == []
    assert np.array_equal(pixels(picture.content), pixels(content))
    assert found.info["icc_profile"] == profile()
    assert dict(found.getexif()) in ([{}, {0x0112: 1}] if orientation == 1 else [{0x0112: orientation}])
    assert found.format == opened(content).format
    assert picture.as_given is not None


@pytest.mark.parametrize("kind", KINDS)
def test_who_wants_it_sends_it(kind):
    """`keep_metadata`: not a byte is changed, and the hash is that of the file."""
    content = personal(kind)

    picture = read_picture(content, keep_metadata=True)

    assert picture.content == content
    assert picture.as_given is None


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("more", [{}, {"icc_profile": profile()}], ids=["plain", "profile"])
def test_what_has_nothing_personal_is_sent_byte_by_byte(kind, orientation, more):
    """Its hash is the file's: a run that was made with it before is found."""
    for content in (
        written(corners(), kind, exif=exif(orientation), **more),
        written(corners(), kind, **more),
    ):
        assert without_personal(content) == content


@pytest.mark.parametrize(
    "more", [{"progressive": True}, {"quality": 95, "subsampling": 0}, {"restart_marker_rows": 1}]
)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_jpegs_of_every_sort(mode, more):
    """Scans, restarts and Adobe's mark are left as they are."""
    content = written(corners().convert(mode), "JPEG", exif=exif(6, secrets=True), **more)

    clean = without_personal(content)

    assert found_in(clean) == []
    assert np.array_equal(pixels(clean), pixels(content))


def test_what_lies_behind_a_jpeg_is_not_sent():
    """A second picture (MPO) and a film (motion photo) show more than was meant."""
    several = written(corners(), "MPO", save_all=True, append_images=[corners().rotate(180)])
    motion = written(corners(), "JPEG") + b"\0\0\0\x18ftypmp42 52 Rua Nova"

    for content in (several, motion):
        clean = without_personal(content)
        assert clean.endswith(b"\xff\xd9")
        assert clean.count(b"\xff\xd8\xff") == 1
        assert found_in(clean) == []
        assert np.array_equal(pixels(clean), pixels(content))


def test_an_mpo_of_a_phone_is_a_jpeg():
    """By its bytes, whatever the library calls it."""
    content = written(corners(), "MPO", save_all=True, append_images=[corners()])
    assert Image.open(io.BytesIO(content)).format == "MPO"

    picture = read_picture(content)

    assert (picture.identity.mime, picture.remarks) == ("image/jpeg", ())


def test_what_lies_behind_a_png_is_not_sent():
    """As behind a JPEG."""
    assert without_personal(written(corners(), "PNG") + b"52 Rua Nova") == written(corners(), "PNG")


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_animation_and_transparency_stay(kind):
    """They are seen."""
    image = corners().convert("RGBA")
    image.putalpha(120)
    content = written(
        image, kind, save_all=True, append_images=[image.rotate(180)], lossless=True, exif=exif(secrets=True)
    )

    clean = without_personal(content)

    assert found_in(clean) == []
    for at in (0, 1):
        before, after = opened(content), opened(clean)
        before.seek(at)
        after.seek(at)
        assert np.array_equal(np.asarray(before), np.asarray(after))


@pytest.mark.parametrize("kind", KINDS)
def test_a_broken_file_is_left_to_whoever_decodes_it(kind):
    """Cut anywhere, the cleaning never fails, and never invents a picture."""
    content = personal(kind)
    for end in range(0, len(content), max(1, len(content) // 97)):
        assert len(without_personal(content[:end])) <= len(content[:end]) + 64


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_heic_is_sent_upright_and_without_its_place(orientation):
    """Taken where `pillow-heif` is installed; told as what it was."""
    heif = pillow_heif.from_pillow(corners())
    stream = io.BytesIO()
    heif.save(stream, exif=exif(orientation, secrets=True).tobytes(), quality=90)

    picture = read_picture(stream.getvalue())

    assert picture.identity.mime == "image/png"
    assert found_in(picture.content) == []
    assert any("is HEIF and is sent as PNG" in remark for remark in picture.remarks)
    shown = opened(stream.getvalue())
    assert shown_corners(opened(picture.content)) in (turned(orientation), shown_corners(shown))


def test_avif_is_named_and_sent_as_png():
    """The service does not take it."""
    picture = read_picture(written(corners(), "AVIF", exif=exif(secrets=True)))

    assert any("is AVIF and is sent as PNG" in remark for remark in picture.remarks)
    assert found_in(picture.content) == []
