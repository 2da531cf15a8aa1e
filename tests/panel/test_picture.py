"""The form's picture: what is shown is what is sent."""

import io
import shutil

import pillow_heif
import pytest
from picturefiles import corners, exif, opened, shown_corners, turned, written
from PIL import Image

import kie_nb as kie


def test_the_picture_that_is_shown_is_sent(page, cat):
    """Also where another one has been written under the same path since: the page still shows the first."""
    shutil.copy(cat, "cat.png")
    page.view.path = "cat.png"
    page.write(prompt="The cat smiles.")
    page.until(lambda: page.is_on and page.form.picture.picture)
    sha256 = page.form.picture.picture.identity.sha256

    Image.new("RGB", (640, 480), "red").save("cat.png")
    page.click()
    page.until(kie.runs)

    assert "451 × 300" in page.facts
    assert kie.runs()[0].request.image.sha256 == sha256
    assert kie.runs()[0].request.image.label == "cat.png"


def test_a_file_that_there_is_not_names_no_folder_above(page, tmp_path):
    """What is said at the field is in the widget's state, and so in the notebook."""
    page.view.path = "no.png"
    page.until(lambda: "There is no file" in page.error("image_url"))

    assert tmp_path.name in page.error("image_url")
    assert str(tmp_path.parent) not in page.error("image_url")


@pytest.mark.parametrize("orientation", [1, 6])
def test_the_still_is_upright(page, tmp_path, orientation):
    """As a viewer shows the file, and its pixels are told so."""
    path = tmp_path / "phone.jpg"
    path.write_bytes(written(corners(), "JPEG", exif=exif(orientation)))
    page.give(path)
    page.until(lambda: page.facts)  # it is there with the still

    assert shown_corners(opened(page.form.picture.still)) == turned(orientation)
    assert ("300 × 400" if orientation == 6 else "400 × 300") in page.facts


def test_a_heic_that_is_dropped_is_a_picture(page, tmp_path):
    """It opens as a film does, and is called none."""
    stream = io.BytesIO()
    pillow_heif.from_pillow(corners()).save(stream)
    path = tmp_path / "phone.heic"
    path.write_bytes(stream.getvalue())
    page.give(path)
    page.until(lambda: page.form.picture.picture)

    assert page.form.picture.picture.identity.label == "phone.heic"
    assert "HEIF and is sent as PNG" in page.form.picture.warning


def test_a_picture_that_is_too_large_is_scaled_by_a_button(page, tmp_path):
    """It says what is wrong; pressed, it shows what will be sent."""
    path = tmp_path / "large.bmp"
    path.write_bytes(written(corners((2400, 1600)), "BMP"))
    page.give(path)
    page.until(lambda: "10 MB" in page.error("image_url"))
    (fix,) = page.view.errors["image_url"]["fixes"]
    assert fix["label"] == "Scale to fit"

    page.send("fix", **fix)
    page.until(lambda: page.form.picture.picture)

    assert page.form.picture.picture.identity.mime == "image/png"
    page.until(lambda: not page.view.errors.get("image_url", {}).get("fixes"))


def test_the_signature_of_an_address_is_not_in_the_facts(page, simulator):
    """They are in the widget's state, and so in the notebook."""
    page.view.path = f"{simulator.base_url}/files/no.png?token=hush"
    page.until(lambda: page.facts)

    assert "hush" not in page.facts
