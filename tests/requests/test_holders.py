"""Whatever holds a picture gives it; what holds none says so in words that help."""

import base64
import datetime as dt
import io
import re
import urllib.request
import zipfile
from pathlib import Path

import ipywidgets
import numpy as np
import pytest
from IPython.display import Image as Display
from picturefiles import corners, written
from PIL import Image
from traitlets import Bunch

from kie_nb.errors import BadImage
from kie_nb.requests.images import check_url, read_picture
from kie_nb.requests.sources import is_url, unwrapped

CONTENT = written(corners(), "PNG")


class Tensor:
    """As torch gives itself to numpy, and jax."""

    def __init__(self, array, error=None):
        self.array, self.error = array, error

    def __array__(self, dtype=None, copy=None):
        if self.error:
            raise self.error
        return self.array


class Uploaded(io.BytesIO):
    """As streamlit's and gradio's: a `BytesIO` with a name."""

    name = "cat.png"


def upload(name="cat.png", content=CONTENT):
    return {
        "name": name, "type": "image/png", "size": len(content),
        "content": memoryview(content), "last_modified": dt.datetime.now(dt.UTC),
    }  # fmt: skip


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "cat.png"
    path.write_bytes(CONTENT)
    return path


@pytest.mark.parametrize(
    "hold",
    [
        pytest.param(str, id="path"),
        pytest.param(lambda file: file.name, id="name"),
        pytest.param(lambda file: file.as_uri(), id="file URL"),
        pytest.param(
            lambda file: file.as_uri().replace("file://", "FILE://localhost"), id="file URL of this machine"
        ),
        pytest.param(lambda file: io.BytesIO(file.read_bytes()), id="BytesIO"),
        pytest.param(lambda file: Uploaded(file.read_bytes()), id="streamlit's upload"),
        pytest.param(lambda file: file.open("rb"), id="open file"),
        pytest.param(lambda file: Display(filename=str(file)), id="display of a file"),
        pytest.param(lambda file: Display(filename=str(file), embed=False), id="display that links"),
        pytest.param(lambda file: Display(data=file.read_bytes()), id="display of bytes"),
        pytest.param(ipywidgets.Image.from_file, id="widget"),
        pytest.param(lambda file: (upload(),), id="upload's value of ipywidgets 8"),
        pytest.param(lambda file: [upload()], id="the same as a list"),
        pytest.param(lambda file: upload(), id="one upload"),
        pytest.param(lambda file: Bunch(upload()), id="one upload as a bunch"),
        pytest.param(
            lambda file: {"cat.png": {"metadata": {"name": "cat.png"}, "content": CONTENT}},
            id="upload's value of ipywidgets 7",
        ),
        pytest.param(
            lambda file: {"metadata": {"name": "cat.png"}, "content": CONTENT}, id="one of ipywidgets 7"
        ),
    ],
)
def test_a_file_in_any_hands(file, hold):
    """Its own bytes, and its name where there is one."""
    source = hold(file)
    try:
        picture = read_picture(source)
    finally:
        getattr(source, "close", lambda: None)()

    assert picture.content == CONTENT
    assert picture.identity.label == "cat.png" or re.fullmatch(
        r"image \(\w+ [0-9a-f]{6}\)", picture.identity.label
    )


def test_a_stream_is_read_from_its_start_and_left_where_it_was():
    """After `image.save(stream)` it stands at its end."""
    stream = io.BytesIO()
    corners().save(stream, "PNG")
    place = stream.tell()

    assert read_picture(stream).content == CONTENT
    assert stream.tell() == place


@pytest.mark.parametrize(
    "array",
    [
        np.full((300, 300, 3), 0.5, np.float32),
        np.full((300, 300), 128, np.uint8),
        np.full((300, 300, 1), 0.5),
    ],
)
def test_whatever_gives_itself_as_an_array(array):
    """torch on the CPU, jax, and their like."""
    assert read_picture(Tensor(array)).content == read_picture(array).content


def test_grid_cells_of_arrays_are_told_apart():
    """By a part of their hash."""
    labels = {read_picture(np.full((300, 300), value, np.uint8)).identity.label for value in (9, 90)}

    assert len(labels) == 2


def test_what_is_no_name_of_a_file_is_no_label(file):
    """Libraries call their streams in angle brackets."""
    with urllib.request.urlopen(file.as_uri()) as response:
        assert read_picture(response).identity.label.startswith("image (file ")


def test_a_member_of_an_archive(file):
    """An open one, and its path."""
    with zipfile.ZipFile("cats.zip", "w") as archive:
        archive.write(file.name)
    with zipfile.ZipFile("cats.zip") as archive, archive.open("cat.png") as member:
        assert read_picture(member).content == CONTENT
        assert read_picture(zipfile.Path(archive) / "cat.png").identity.label == "cat.png"


@pytest.mark.parametrize(
    "display",
    [Display(url="https://example.com/a.png"), ipywidgets.Image.from_url("https://example.com/a.png")],
)
def test_a_display_of_an_address_is_the_address(display):
    """It is not fetched by the display."""
    assert unwrapped(display) == "https://example.com/a.png"
    assert is_url(unwrapped(display))


def closed(image):
    image.close()
    return image


def left(path):
    with Image.open(path) as image:
        pass
    return image


@pytest.mark.parametrize(
    ("make", "message", "hint"),
    [
        pytest.param(lambda file: f'"{file.name}"', "no file", "leave the quotes out: cat.png", id="quotes"),
        pytest.param(lambda file: "<https://example.com/a.png>", "no file", "out: https://example.com/a.png", id="brackets"),
        pytest.param(lambda file: "$HOME/cat.png", "no file", "write ~/cat.png", id="$HOME"),
        pytest.param(lambda file: "${NOWHERE}/cat.png", "no file", "NOWHERE is not set", id="a variable of the shell"),
        pytest.param(lambda file: "{path}", "no file", "--format", id="a placeholder"),
        pytest.param(lambda file: "clip.frame(-1)", "no file", "give the name: frame", id="a call"),
        pytest.param(lambda file: " cat.png", "no file", "leave the blanks around it out: cat.png", id="blanks"),
        pytest.param(lambda file: "s3://bucket/cat.png", "no file", "https", id="s3"),
        pytest.param(lambda file: "www.example.com/cat.png", "no file", "https://www.example.com/cat.png", id="no scheme"),
        pytest.param(lambda file: base64.b64encode(CONTENT).decode(), "", "base64.b64decode", id="base64"),
        pytest.param(lambda file: "file://server/cat.png", "another machine", "path", id="a file elsewhere"),
        pytest.param(lambda file: file.open(encoding="latin-1"), "open as text", "'rb'", id="text file"),
        pytest.param(lambda file: io.StringIO("x"), "open as text", "'rb'", id="StringIO"),
        pytest.param(lambda file: closed(file.open("rb")), "closed file", "'rb'", id="closed file"),
        pytest.param(lambda file: Path("new.png").open("wb"), "open for writing", "'rb'", id="file open for writing"),  # noqa: SIM115
        pytest.param(lambda file: closed(Image.new("RGB", (9, 9))), "closed", "open it again", id="closed picture"),
        pytest.param(left, "closed", "open it again", id="picture after its block"),
        pytest.param(
            lambda file: Image.open(io.BytesIO(written(Image.effect_noise((99, 99), 50), "JPEG")[:900])),
            "truncated", "open it again", id="truncated picture",
        ),
        pytest.param(
            lambda file: Tensor(None, RuntimeError("Can't call numpy() on Tensor that requires grad.")),
            "requires grad", "detach().cpu().numpy()", id="tensor with a gradient",
        ),
        pytest.param(lambda file: np.zeros((3, 300, 300), np.uint8), "shape (3, 300, 300)", "moveaxis", id="channels first"),
        pytest.param(lambda file: (upload("a.png"), upload("b.png")), "2 pictures", "upload.value[0]", id="two uploads"),
        pytest.param(lambda file: ipywidgets.FileUpload(), "no picture yet", "upload", id="empty upload"),
        pytest.param(lambda file: b"<!-- Inkscape --><svg xmlns='x'/>", "an SVG drawing", "PNG", id="SVG"),
        pytest.param(lambda file: b'<?xml version="1.0"?>\n<!DOCTYPE svg PUBLIC "x">\n<svg/>', "an SVG", "PNG", id="SVG of XML"),
        pytest.param(lambda file: b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "Git LFS", "git lfs pull", id="LFS"),
        pytest.param(lambda file: written(corners(), "TIFF"), "TIFF", "fit=True", id="TIFF"),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_said_once_and_with_what_helps(file, monkeypatch, make, message, hint):
    """`BadImage`, never a raw error; a sentence ends once."""
    monkeypatch.delenv("NOWHERE", raising=False)
    source = make(file)

    with pytest.raises(BadImage) as refused:
        read_picture(source)

    getattr(source, "close", lambda: None)()
    words = refused.value.message
    assert message in words
    assert hint in refused.value.hint
    assert words.count("cannot be read") <= 1
    assert not re.search(r"\.\.$|: \.|\s\.$", words)
    assert refused.value.charged == "nothing"


def test_no_password_of_an_address_is_in_what_refuses_it():
    """A scheme that the service cannot fetch."""
    with pytest.raises(BadImage) as refused:
        check_url("ftp://me:hush@example.com/a.png?token=abc")

    assert "hush" not in str(refused.value)
    assert "abc" not in str(refused.value)
