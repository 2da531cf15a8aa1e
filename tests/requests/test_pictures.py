"""Any picture → bytes that the service takes, or words about what is wrong with it."""

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kie_nb.errors import BadImage
from kie_nb.requests.images import MAX_BYTES, check_url, look_at, read_picture, upload_name
from kie_nb.requests.sources import is_url

HTML = b"<!DOCTYPE html><title>Sign in</title>"


def encoded(kind="PNG", mode="RGB", size=(4, 3)):
    stream = io.BytesIO()
    Image.new(mode, size, 1 if mode in {"1", "L"} else None).save(stream, kind)
    return stream.getvalue()


def opened(picture):
    return Image.open(io.BytesIO(picture.content))


@pytest.mark.parametrize(
    ("kind", "mime", "ending"),
    [("PNG", "image/png", "png"), ("JPEG", "image/jpeg", "jpg"), ("WEBP", "image/webp", "webp")],
)
def test_the_three_kinds_go_as_they_are(tmp_path, kind, mime, ending):
    """Not a byte is changed; its type is found in it and not in its name."""
    content = encoded(kind)
    (tmp_path / "cat.dat").write_bytes(content)

    picture = read_picture("cat.dat")

    identity = picture.identity
    assert picture.content == content
    assert (identity.mime, identity.bytes, identity.width, identity.height) == (mime, len(content), 4, 3)
    assert (identity.label, identity.sha256) == ("cat.dat", hashlib.sha256(content).hexdigest())
    assert upload_name(identity) == f"{identity.sha256[:32]}.{ending}"


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview], ids=lambda kind: kind.__name__)
def test_bytes_of_every_sort(kind):
    """What `open(...).read()` and its relatives give."""
    assert read_picture(kind(encoded())).content == encoded()


def test_a_path_in_every_spelling(cat, monkeypatch):
    """As text, as a Path, relative, and from the home folder."""
    monkeypatch.setenv("HOME", str(cat.parent))
    monkeypatch.chdir(cat.parent)

    read = {read_picture(source).identity for source in (cat, str(cat), Path(cat.name), f"~/{cat.name}")}

    assert len(read) == 1


@pytest.mark.parametrize(
    ("mode", "becomes"),
    [
        ("1", "RGB"), ("L", "L"), ("LA", "LA"), ("P", "RGB"), ("RGB", "RGB"), ("RGBA", "RGBA"), ("CMYK", "RGB"),
        ("YCbCr", "RGB"), ("LAB", "RGB"), ("HSV", "RGB"), ("I", "RGB"), ("F", "RGB"), ("I;16", "RGB"),
        ("PA", "RGBA"), ("RGBa", "RGBA"), ("La", "LA"), ("RGBX", "RGB"),
    ],
)  # fmt: skip
def test_every_mode_of_pillow(mode, becomes):
    """What a PNG cannot hold, or the service may not read, is converted."""
    found = opened(read_picture(Image.new(mode, (5, 4))))

    assert (found.format, found.mode, found.size) == ("PNG", becomes, (5, 4))


def test_a_palette_with_a_transparent_colour_stays_transparent():
    """Its holes would turn black otherwise."""
    image = Image.new("P", (2, 2))
    image.info["transparency"] = 0

    assert opened(read_picture(image)).mode == "RGBA"


def test_a_picture_too_large_as_png_goes_as_jpeg():
    """Noise of 12 MB as PNG fits well below the limit as JPEG."""
    noise = np.random.default_rng(1).integers(0, 256, (2000, 2000, 3), dtype=np.uint8)

    picture = read_picture(Image.fromarray(noise))

    assert picture.identity.mime == "image/jpeg"
    assert len(picture.content) < MAX_BYTES


@pytest.mark.parametrize(
    ("array", "mode", "pixel"),
    [
        pytest.param(np.full((3, 4, 3), 200, np.uint8), "RGB", (200, 200, 200), id="uint8 RGB"),
        pytest.param(np.full((3, 4, 4), 200, np.uint8), "RGBA", (200, 200, 200, 200), id="uint8 RGBA"),
        pytest.param(np.full((3, 4), 200, np.uint8), "L", 200, id="uint8 grey"),
        pytest.param(np.full((3, 4, 1), 200, np.uint8), "L", 200, id="grey with an axis too many"),
        pytest.param(np.full((3, 4, 3), 200, np.int64), "RGB", (200, 200, 200), id="int64"),
        pytest.param(np.full((3, 4, 3), 0.5, np.float64), "RGB", (128, 128, 128), id="float64"),
        pytest.param(np.full((3, 4, 3), 1, np.float32), "RGB", (255, 255, 255), id="float32"),
        pytest.param(np.full((3, 4), 0.5, np.float16), "L", 128, id="float16 grey"),
        pytest.param(np.ones((3, 4), bool), "L", 255, id="bool"),
        pytest.param(np.full((3, 8, 3), 200, np.uint8)[:, ::2], "RGB", (200, 200, 200), id="every other column"),
        pytest.param(np.full((4, 3, 3), 200, np.uint8).transpose(1, 0, 2), "RGB", (200, 200, 200), id="turned"),
    ],
)  # fmt: skip
def test_arrays(array, mode, pixel):
    """Heights and widths of whole numbers 0 to 255 or fractions 0 to 1."""
    found = opened(read_picture(array))

    assert (found.mode, found.size, found.getpixel((0, 0))) == (mode, (4, 3), pixel)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        pytest.param(np.zeros(5, np.uint8), "shape (5,)", id="a row"),
        pytest.param(np.zeros((2, 2, 2), np.uint8), "shape (2, 2, 2)", id="two channels"),
        pytest.param(np.zeros((1, 2, 2, 3), np.uint8), "shape (1, 2, 2, 3)", id="a batch"),
        pytest.param(np.zeros((0, 4, 3), np.uint8), "shape (0, 4, 3)", id="no height"),
        pytest.param(np.array(5), "shape ()", id="a number"),
        pytest.param(np.full((2, 2), 300), "0 to 255", id="300"),
        pytest.param(np.full((2, 2), -1), "0 to 255", id="-1"),
        pytest.param(np.full((2, 2), 1.5), "between 0 and 1", id="1.5"),
        pytest.param(np.full((2, 2), np.nan), "between 0 and 1", id="not a number"),
        pytest.param(np.full((2, 2), 1j), "complex128", id="complex"),
        pytest.param(np.full((2, 2), "a"), "<U1", id="letters"),
        pytest.param(np.full((2, 2), None), "object", id="objects"),
        pytest.param(np.full((2, 2), np.datetime64("2026-01-01")), "datetime64", id="dates"),
    ],
)
def test_arrays_that_are_no_pictures(array, words):
    """The shape, or the range that is needed, is named."""
    with pytest.raises(BadImage) as caught:
        read_picture(array)

    assert words in str(caught.value)


def test_the_same_figure_gives_the_same_bytes():
    """A cell that draws and asks again must find the run it has: the file holds no date and no version."""

    def figure():
        from matplotlib.figure import Figure

        drawn = Figure(figsize=(2, 1), dpi=50)
        drawn.subplots().plot([0, 1], [1, 0])
        return drawn

    first, second = read_picture(figure()), read_picture(figure())

    assert first.identity == second.identity
    assert (first.identity.width, first.identity.height) == (100, 50)
    assert b"matplotlib" not in first.content.lower()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        pytest.param("page.png", HTML, ["page.png", "an HTML page"], id="a page named .png"),
        pytest.param("notes.txt", b"hello there", ["notes.txt", "seems to be text"], id="a text"),
        pytest.param("empty.png", b"", ["empty.png", "is empty"], id="empty"),
        pytest.param("cut.png", encoded(size=(90, 90))[:60], ["cut.png", "damaged"], id="cut short"),
        pytest.param("moving.gif", encoded("GIF"), ["GIF", "jpeg, png and webp"], id="GIF"),
        pytest.param("scan.tif", encoded("TIFF"), ["TIFF", "jpeg, png and webp"], id="TIFF"),
        pytest.param("old.bmp", encoded("BMP"), ["BMP", "jpeg, png and webp"], id="BMP"),
        pytest.param("large.png", encoded() + bytes(MAX_BYTES), ["large.png", "10.0 MB", "at most 10 MB"], id="too large"),
    ],
)  # fmt: skip
def test_files_that_cannot_be_used(tmp_path, name, content, words):
    """The message names the file, what it is, and what is taken; the same bytes in memory fare no better."""
    (tmp_path / name).write_bytes(content)

    with pytest.raises(BadImage) as caught:
        read_picture(name)

    assert [word for word in words if word not in caught.value.message] == []
    with pytest.raises(BadImage):
        read_picture(content)


def test_exactly_ten_megabytes_are_taken():
    """The limit itself is allowed; one byte more is not."""
    padded = encoded() + bytes(MAX_BYTES - len(encoded()))

    assert look_at(padded, "x")[0].bytes == MAX_BYTES
    with pytest.raises(BadImage):
        look_at(padded + b"\0", "x")


def test_a_missing_file_is_told_with_the_nearest_name(cat, monkeypatch):
    """And with the folder that was looked in: its own name, for a notebook's readers need not know what is above it."""
    monkeypatch.chdir(cat.parent)

    with pytest.raises(BadImage, match="chelsae") as caught:
        read_picture("chelsae.png")

    assert "did you mean chelsea.png" in caught.value.hint
    assert f"in the folder {cat.parent.name!r}" in caught.value.message
    assert str(cat.parent) not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        pytest.param("nowhere/at/all.png", "no file", id="a folder that is not there"),
        pytest.param(".", "is a folder", id="a folder"),
        pytest.param("nul\0.png", "cannot be read", id="NUL in the name"),
        pytest.param("x" * 5000, "cannot be read", id="5000 characters"),
        pytest.param("~nobody-of-this-name/x.png", "cannot be read", id="a home that is none"),
        pytest.param("", "is a folder", id="nothing"),
        pytest.param(5, "of type int is not a picture", id="a number"),
        pytest.param(..., "stands in for the picture", id="what a call without its picture has"),
        pytest.param([[1, 2]], "of type list is not a picture", id="a list"),
        pytest.param(Image.new("RGB", (0, 0)), "no pixels", id="a picture of nothing"),
    ],
)
def test_what_is_no_picture_at_all(source, words):
    """Every mistake is a BadImage, and nothing was sent."""
    with pytest.raises(BadImage) as caught:
        read_picture(source)

    assert words in caught.value.message
    assert caught.value.charged == "nothing"


@pytest.mark.parametrize(
    ("source", "is_one"),
    [
        ("https://example.com/a.png", True),
        ("HTTP://EXAMPLE.COM/a.png", True),
        (" https://example.com/a.png", True),
        ("data:image/png;base64,AA==", True),
        ("file:///a.png", False),
        ("ftp://example.com/a.png", True),
        ("cat.png", False),
        ("/data/cat.png", False),
        ("C:\\cat.png", False),
        ("http.png", False),
        (b"https://example.com", False),
        (None, False),
    ],
)
def test_addresses_and_paths_are_told_apart(source, is_one):
    """An address begins with its scheme and a colon."""
    assert is_url(source) is is_one


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/a.png",
        "http://example.com",
        "https://example.com:8443/a.png?x=1&y=ü#z",
        "https://user@example.com/a.png",
        "https://93.184.216.34/a.png",
        "https://[2606:2800:220:1:248:1893:25c8:1946]/a.png",
        "https://münchen.example/a.png",
    ],
)
def test_public_addresses_are_taken(url):
    """As they are; white space around them is dropped."""
    assert check_url(f" {url}\n") == url


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("data:image/png;base64,iVBORw0KGgo=", "data: URL"),
        ("DATA:image/png;base64,iVBORw0KGgo=", "data: URL"),
        ("file:///etc/passwd", "not an http(s) address"),
        ("ftp://example.com/a.png", "not an http(s) address"),
        ("javascript:alert(1)", "not an http(s) address"),
        ("https://", "not an http(s) address"),
        ("https:///a.png", "not an http(s) address"),
        ("http://[::1", "not an http(s) address"),
        ("cat.png", "not an http(s) address"),
        ("http://localhost/a.png", "your network"),
        ("http://LOCALHOST:8888/a.png", "your network"),
        ("http://jupyter.localhost/a.png", "your network"),
        ("http://127.0.0.1:8888/a.png", "your network"),
        ("http://[::1]/a.png", "your network"),
        ("http://0.0.0.0/a.png", "your network"),
        ("http://10.1.2.3/a.png", "your network"),
        ("http://172.16.0.1/a.png", "your network"),
        ("http://192.168.1.1/a.png", "your network"),
        ("http://169.254.169.254/latest/", "your network"),
        ("http://[fd00::1]/a.png", "your network"),
        ("http://[fe80::1]/a.png", "your network"),
        ("http://2130706433/a.png", "your network"),
        ("http://127.1/a.png", "your network"),
        ("http://0x7f.0.0.1/a.png", "your network"),
        ("http://nas/a.png", "your network"),
        ("http://nas.local/a.png", "your network"),
        ("http://printer.lan./a.png", "your network"),
        ("http://x.internal/a.png", "your network"),
    ],
)
def test_addresses_that_the_service_cannot_reach(url, words):
    """Told here and now, instead of by a task that fails a minute later."""
    with pytest.raises(BadImage) as caught:
        check_url(url)

    assert words in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("url", "taken"),
    [
        ("http://127.0.0.1:8123/files/a.png", True),
        ("http://127.0.0.1:81234/files/a.png", False),
        ("http://127.0.0.1:8123.evil.example/a.png", False),
        ("http://127.0.0.1:9999/files/a.png", False),
    ],
)
def test_what_the_service_handed_out_is_taken(url, taken):
    """The simulator's own uploads lie on loopback; a look-alike is no upload of its."""
    try:
        found = check_url(url, own=("http://127.0.0.1:8123/", ""))
    except BadImage:
        found = None

    assert (found == url) is taken
