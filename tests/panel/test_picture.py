"""The form's picture: what is shown is what is sent."""

import shutil

from PIL import Image

import kie_nb as kie


def test_the_picture_that_is_shown_is_sent(page, cat):
    """Also where another one has been written under the same path since: the page still shows the first."""
    shutil.copy(cat, "cat.png")
    page.form.picture.path.value = "cat.png"
    page.write(prompt="The cat smiles.")
    page.until(lambda: "estimate" in page.money and page.form.picture.picture)
    sha256 = page.form.picture.picture.identity.sha256

    Image.new("RGB", (640, 480), "red").save("cat.png")
    page.click()
    page.answer()
    page.until(kie.runs)

    assert "451 × 300" in page.form.picture.place.facts
    assert kie.runs()[0].request.image.sha256 == sha256
    assert kie.runs()[0].request.image.label == "cat.png"


def test_a_file_that_there_is_not_names_no_folder_above(page, tmp_path):
    """What is said at the field is in the widget's state, and so in the notebook."""
    page.form.picture.path.value = "no.png"
    page.until(lambda: "there is no file" in page.form.picture.error.value)

    assert tmp_path.name in page.form.picture.error.value
    assert str(tmp_path.parent) not in page.form.picture.error.value
