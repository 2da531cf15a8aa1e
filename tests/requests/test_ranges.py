"""Values are converted or refused: never cut off, never black without a word."""

import numpy as np
import pytest
from picturefiles import opened, written
from PIL import Image

from kie_nb.errors import BadImage
from kie_nb.requests.images import read_picture

RAMP = np.linspace(0, 1, 300 * 300).reshape(300, 300)
BYTES = (RAMP * 255).round().astype(np.uint8)
DEEP = (RAMP * 65535).round().astype(np.uint16)
MASK = (RAMP > 0.5).astype(np.uint8)


def of(mode, values):
    return Image.fromarray(
        values.astype({"I;16": np.uint16, "I": np.int32, "F": np.float32, "L": np.uint8}[mode])
    )


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(of("I;16", DEEP), id="Pillow I;16"),
        pytest.param(of("I", BYTES), id="Pillow I, 0 to 255"),
        pytest.param(of("F", RAMP), id="Pillow F, 0 to 1"),
        pytest.param(of("F", BYTES), id="Pillow F, 0 to 255"),
        pytest.param(written(of("I;16", DEEP), "PNG"), id="a PNG of 16 bits"),
        pytest.param(opened(written(of("I;16", DEEP), "PNG")), id="a PNG of 16 bits, opened"),
        pytest.param(opened(written(of("I;16", DEEP), "TIFF")), id="a TIFF of 16 bits, opened"),
        pytest.param(RAMP, id="float64"),
        pytest.param(RAMP.astype(np.float32), id="float32"),
        pytest.param(RAMP * (1 + 1e-7), id="float, a rounding above 1"),
        pytest.param(RAMP - 1e-9, id="float, a rounding below 0"),
        pytest.param(BYTES.astype(np.int64), id="int64"),
        pytest.param(BYTES.astype(">u2"), id="big-endian"),
        pytest.param(np.asfortranarray(BYTES), id="by columns"),
    ],
)
def test_a_ramp_stays_a_ramp(source):
    """From black to white, and every step between, within a rounding."""
    found = np.asarray(opened(read_picture(source).content).convert("L")).astype(int)

    assert (found.min(), found.max()) == (0, 255)
    assert np.abs(found - BYTES.astype(int)).max() <= 1


def test_a_16_bit_file_says_what_was_done_to_it():
    """It would be white in many programs."""
    assert any("16-bit grey" in remark for remark in read_picture(written(of("I;16", DEEP), "PNG")).remarks)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        pytest.param(DEEP, "0 to 65535", id="uint16"),
        pytest.param(np.dstack([DEEP] * 3), "0 to 65535", id="uint16 in colour"),
        pytest.param(of("I", DEEP), "0 to 65535", id="Pillow I"),
        pytest.param(of("F", DEEP), "0 to 65535", id="Pillow F"),
        pytest.param(RAMP * 255, "from 0 to 255", id="float to 255"),
        pytest.param(RAMP * 2 - 1, "from -1 to 1", id="float from -1"),
        pytest.param(RAMP * 1.01, "1.01", id="float to 1.01"),
        pytest.param(np.where(RAMP > 0.5, np.nan, RAMP), "NaN", id="NaN"),
        pytest.param(np.where(RAMP > 0.5, np.inf, RAMP), "infinity", id="infinity"),
        pytest.param(of("F", np.where(RAMP > 0.5, np.nan, RAMP)), "NaN", id="Pillow F with NaN"),
        pytest.param(of("F", RAMP * 5), "from 0 to 5", id="Pillow F, metres"),
        pytest.param(MASK, "0 and 1", id="a mask"),
        pytest.param(np.dstack([MASK] * 3), "0 and 1", id="a mask in colour"),
        pytest.param(MASK.astype(np.int64), "0 and 1", id="a mask of int64"),
        pytest.param(of("L", MASK), "0 and 1", id="Pillow L"),
        pytest.param(of("L", MASK).convert("RGB"), "0 and 1", id="Pillow RGB"),
        pytest.param(of("I", MASK), "0 and 1", id="a mask of Pillow I"),
    ],
)
def test_what_has_no_known_range_is_refused(source, words):
    """With the range that it has, and a line of Python that mends it."""
    with pytest.raises(BadImage) as refused:
        read_picture(source)

    assert words in refused.value.message
    assert refused.value.hint
    assert refused.value.charged == "nothing"


@pytest.mark.parametrize(
    "source", [DEEP, RAMP * 255, RAMP * 2 - 1, MASK, np.where(RAMP > 0.5, np.nan, RAMP), DEEP.astype(int) - 9]
)
def test_the_line_that_mends_it_can_be_run(source):
    """What the hint says to pass is a picture."""
    with pytest.raises(BadImage) as refused:
        read_picture(source)
    names = {"numpy": np, "array": source}
    *before, line = refused.value.hint.removeprefix("a mask times 255 is black and white: ").split("; ")
    for statement in before:
        exec(statement, names)  # noqa: S102 - it is what is tested

    mended = eval(line.removeprefix("pass ").removesuffix(" puts 0 in the place of NaN"), names)  # noqa: S307

    assert read_picture(mended).identity.width == 300


def test_a_mask_that_is_true_and_false_is_black_and_white():
    """A bool is no number."""
    found = np.asarray(opened(read_picture(MASK.astype(bool)).content))

    assert set(np.unique(found)) == {0, 255}
