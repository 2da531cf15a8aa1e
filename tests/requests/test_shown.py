"""What people see in their viewer is what is sent: turned, in its colours, nothing lost."""

import io

import numpy as np
import pytest
from picturefiles import (
    METHODS,
    SIZE,
    corners,
    exif,
    noise,
    opened,
    personal,
    profile,
    shown_corners,
    turned,
    written,
)
from PIL import Image, ImageCms

from kie_nb.errors import BadImage
from kie_nb.requests import images
from kie_nb.requests.images import read_picture
from kie_nb.requests.pixels import small_jpeg

AS_FILE = {
    "open": lambda image: image,
    "convert": lambda image: image.convert("RGB"),
    "resize": lambda image: image.resize((image.width // 2, image.height // 2)),
    "thumbnail": lambda image: image.thumbnail((200, 200)) or image,
    "copy": lambda image: image.copy(),
}


@pytest.mark.parametrize("orientation", METHODS)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "MPO"])
@pytest.mark.parametrize("way", AS_FILE)
def test_a_picture_that_was_opened_is_sent_upright(orientation, kind, way):
    """Also on the ways that our own hints name: `convert` and `resize`."""
    image = AS_FILE[way](opened(written(corners(), kind, exif=exif(orientation))))

    picture = read_picture(image)

    found = opened(picture.content)
    assert shown_corners(found) == turned(orientation)
    assert (picture.identity.width, picture.identity.height) == found.size
    assert not dict(found.getexif())
    if kind != "TIFF":  # Pillow turns that itself
        assert any("turned" in remark for remark in picture.remarks) is (orientation != 1)


@pytest.mark.parametrize("orientation", METHODS)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("fit", [False, True], ids=["as it is", "fit"])
def test_a_file_tells_pixels_as_they_are_shown(orientation, kind, fit):
    """Its bytes keep the orientation, width and height are a viewer's, and so is the small copy."""
    content = written(corners(), kind, exif=exif(orientation))

    picture = read_picture(content, fit=fit)

    size = SIZE[::-1] if orientation in {5, 6, 7, 8} else SIZE
    assert picture.content == content
    assert (picture.identity.width, picture.identity.height) == size
    small = opened(small_jpeg(io.BytesIO(picture.content), 100))
    assert shown_corners(small) == turned(orientation)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_large_file_is_scaled_upright(orientation):
    """`fit` keeps the shape, and says from what to what it went."""
    content = written(corners((4400, 2200)), "JPEG", exif=exif(orientation))

    picture = read_picture(content, fit=True)

    found = opened(picture.content)
    expected = (2048, 4096) if orientation in {6, 8} else (4096, 2048)
    assert found.size == expected
    assert shown_corners(found) == turned(orientation)
    before = "2200 × 4400" if orientation in {6, 8} else "4400 × 2200"
    assert any(f"from {before} to {expected[0]} × {expected[1]}" in remark for remark in picture.remarks)


@pytest.mark.parametrize(
    ("mode", "changes"),
    [("RGB", True), ("RGBA", True), ("L", False), ("LA", False)],
    ids=str,
)
def test_the_colour_profile_is_kept_where_it_fits(mode, changes):
    """One of colours on colours; never on grey."""
    image = corners().convert(mode)
    image.info["icc_profile"] = profile()

    found = opened(read_picture(image).content)

    assert found.mode == mode
    assert ("icc_profile" in found.info) is changes


def test_the_profile_of_inks_is_never_on_colours():
    """A picture of inks becomes one of colours, by its own profile, and has none then."""
    inks = corners().convert("CMYK")
    inks.info["icc_profile"] = b"\0" * 16 + b"CMYK" + b"\0" * 200

    found = opened(read_picture(inks).content)

    assert (found.mode, "icc_profile" in found.info) == ("RGB", False)
    assert shown_corners(found) == turned(1)


LIMIT = 1_000_000


@pytest.fixture
def limit(monkeypatch):
    """A tenth of the service's: to compress more bytes that cannot be compressed takes long."""
    assert images.MAX_BYTES == 10 * LIMIT
    monkeypatch.setattr(images, "MAX_BYTES", LIMIT)


@pytest.mark.usefixtures("limit")
@pytest.mark.parametrize(("channels", "mime"), [(3, "image/jpeg"), (4, "image/webp")])
def test_above_the_limit_nothing_is_lost(channels, mime):
    """A PNG of more than that goes as JPEG, and as WebP where it is transparent; both with the profile."""
    image = Image.fromarray(noise((600, 600), channels))
    image.info["icc_profile"] = profile()

    picture = read_picture(image)

    found = opened(picture.content)
    assert picture.identity.mime == mime
    assert len(picture.content) <= LIMIT
    assert found.info["icc_profile"] == profile()
    assert ("A" in found.getbands()) is (channels == 4)
    if channels == 4:
        assert np.array_equal(np.asarray(found)[..., 3], np.asarray(image)[..., 3])


@pytest.mark.usefixtures("limit")
def test_fit_scales_to_what_the_service_takes():
    """A file that is too large names the option that shrinks it, and with it goes; the same bytes each time."""
    content = written(Image.fromarray(noise((660, 660))), "PNG")
    with pytest.raises(BadImage) as refused:
        read_picture(content)

    first, second = read_picture(content, fit=True), read_picture(content, fit=True)

    assert "--fit" in refused.value.hint
    assert "fit=True" in refused.value.hint
    assert first.content == second.content
    assert len(first.content) <= LIMIT
    assert first.as_given.sha256 != first.identity.sha256


def test_fit_leaves_alone_what_fits():
    """The same request with and without it."""
    content = written(corners(), "JPEG")

    assert read_picture(content, fit=True).identity == read_picture(content).identity


@pytest.mark.parametrize(
    ("size", "scaled"),
    [
        pytest.param((8000, 6000), (4000, 3000), id="48 million"),
        pytest.param((16320, 12240), (4080, 3060), id="200 million"),
    ],
)
def test_phones_with_many_pixels(size, scaled):
    """Refused with a hint that works: the JPEG is decoded at a part of its pixels."""
    content = written(Image.new("L", size, 90), "JPEG", quality=5)
    with pytest.raises(BadImage, match="million") as refused:
        read_picture(content)

    picture = read_picture(content, fit=True)

    assert "damaged" not in str(refused.value)
    assert "--fit" in refused.value.hint
    assert (picture.identity.width, picture.identity.height) == scaled
    assert any(f"from {size[0]} × {size[1]}" in remark for remark in picture.remarks)


def test_a_png_of_200_million_pixels_is_not_called_damaged():
    """It says what it has, what is taken, and lines of Python that shrink it."""
    with pytest.raises(BadImage) as refused:
        read_picture(written(Image.new("1", (20000, 10000)), "PNG"))

    assert "200 million pixels" in refused.value.message
    assert "damaged" not in refused.value.message
    assert "thumbnail((4096, 4096))" in refused.value.hint


def test_a_picture_of_pillow_with_many_pixels():
    """`BadImage` and the option, not an error of the decoder."""
    image = Image.new("L", (7000, 7000), 90)
    with pytest.raises(BadImage, match="7000 × 7000") as refused:
        read_picture(image)

    assert "--fit" in refused.value.hint
    assert read_picture(image, fit=True).identity.width == 4096


@pytest.mark.parametrize(
    ("image", "words"),
    [
        pytest.param(Image.new("RGB", (300, 300), "red"), [], id="usual"),
        pytest.param(Image.new("RGB", (200, 300), "red"), ["small (200 × 300)", "256"], id="small"),
        pytest.param(Image.new("RGB", (4200, 3000), "red"), ["large (4200 × 3000)", "--fit"], id="large"),
        pytest.param(Image.new("RGB", (1200, 300), "red"), ["long and narrow"], id="narrow"),
        pytest.param(Image.new("RGBA", (300, 300), (9, 9, 9, 9)), ["transparent"], id="transparent"),
        pytest.param(Image.new("RGBA", (300, 300), (9, 9, 9, 255)), [], id="opaque"),
        pytest.param(Image.new("RGB", (300, 300)), ["is black"], id="black"),
    ],
)
def test_what_may_come_out_otherwise_is_told_in_a_line(image, words):
    """One remark each, and none where there is nothing to say."""
    remarks = read_picture(image).remarks

    assert len(remarks) == bool(words)
    assert [word for word in words if word not in remarks[0]] == []


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF"])
def test_an_animated_picture_is_told(kind):
    """Which frame the service takes is not known; where one is sent, that is said."""
    content = written(corners(), kind, save_all=True, append_images=[corners().rotate(180)])

    remarks = read_picture(content, fit=kind == "GIF").remarks

    assert ("2 frames; one is sent" if kind == "GIF" else "moves") in remarks[0]


def test_inks_in_a_file_are_told():
    """The file goes as it is, and what the service makes of inks is not known."""
    (remark,) = read_picture(written(corners().convert("CMYK"), "JPEG")).remarks

    assert "CMYK" in remark


def test_profiles_of_a_file_survive_fit():
    """Scaled, it has the colours that it had."""
    content = written(corners((5000, 3000)), "JPEG", icc_profile=profile())

    assert opened(read_picture(content, fit=True).content).info["icc_profile"] == profile()


def test_the_orientation_of_a_personal_file_stays():
    """It is what is not personal."""
    found = opened(read_picture(personal("JPEG", 6)).content)

    assert dict(found.getexif()) == {0x0112: 6}
    assert ImageCms.getProfileName(io.BytesIO(found.info["icc_profile"]))
