"""The browser driver itself: what the other browser tests rely on."""

from fractions import Fraction

import av
import numpy as np
import pytest
from labdriver import watch_video

BUTTON = """
import ipywidgets as W
button, label = W.Button(description="press me"), W.Label("0 clicks")
def count(_):
    label.value = f"{int(label.value.split()[0]) + 1} clicks"
button.on_click(count)
W.VBox([button, label])
"""


@pytest.fixture
def film(folder):
    """Two seconds of a white square wandering over blue."""
    path = folder / "film.mp4"
    with av.open(str(path), "w") as out:
        picture = out.add_stream("libx264", rate=Fraction(24))
        picture.width, picture.height, picture.pix_fmt = 320, 180, "yuv420p"
        for i in range(48):
            pixels = np.full((180, 320, 3), (30, 60, 160), np.uint8)
            pixels[60:120, 4 * i : 4 * i + 60] = 255
            out.mux(picture.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        out.mux(picture.encode(None))
    return path


def test_a_button_is_clicked_and_the_kernel_answers(open_notebook):
    """Widgets work in both directions, and outputs are read from the notebook's model."""
    nb = open_notebook(BUTTON, "import os; print(1 + 1, os.environ.get('KIE_API_KEY'))", "1 / 0")

    nb.run_cell(0)
    nb.cell(0).get_by_role("button", name="press me").click()

    assert nb.wait_dom(0, "cell => cell.innerText.includes('1 clicks')")
    assert nb.run_cell(1) == "2 None\n"
    assert nb.run_cell(2) == "ZeroDivisionError: division by zero"
    assert nb.run_cell(nb.add_cell("'more'")) == "'more'"


def test_a_video_plays(open_notebook, film):
    """A real MP4 reaches the browser, is decoded, and its time advances."""
    nb = open_notebook(f"from IPython.display import Video\nVideo({film.name!r}, embed=True)")

    nb.run_cell(0)
    nb.wait_dom(0, "cell => cell.querySelector('video')?.readyState >= 2")
    seen = watch_video(nb.cell(0).locator("video"), seconds=0.5)

    assert seen["error"] is None
    assert seen["t1"] > seen["t0"]
    assert (seen["w"], seen["h"], round(seen["duration"])) == (320, 180, 2)
    assert nb.screenshot("driver-video", is_needed=True).stat().st_size > 1000


def test_a_saved_notebook_is_opened_again_without_a_kernel(open_notebook):
    """What is saved is what next week's reader sees: no kernel, no widget, only what the file keeps."""
    nb = open_notebook(BUTTON, "print('kept')")
    nb.run_all()
    nb.save()

    nb.reopen(in_new_page=False)

    assert not nb.has_kernel()
    assert nb.text(1) == "kept\n"
    assert nb.cell(0).get_by_role("button", name="press me").count() == 0
    nb.screenshot("driver-reopened")


def test_interrupt_and_a_new_kernel(open_notebook):
    """A cell can be stopped, a kernel can be had anew. (A page is reloaded where its card, panel or gallery goes on.)"""
    nb = open_notebook("import time\nfor i in range(600):\n    time.sleep(0.1)", "'still here'")

    nb.start_cell(0)
    nb.page.wait_for_timeout(300)
    nb.interrupt()
    nb.wait_cell(0)
    assert "KeyboardInterrupt" in nb.text(0)
    assert nb.run_cell(1) == "'still here'"
    nb.save()
    nb.reopen(kernel=True, in_new_page=False)
    assert nb.run_cell(1) == "'still here'"


def test_themes(open_notebook):
    """Lab can be switched to dark and back."""
    nb = open_notebook(BUTTON)
    nb.run_cell(0)

    nb.set_theme("dark")
    dark = nb.screenshot("driver-dark", cell=0, is_needed=True).read_bytes()
    nb.set_theme("light")

    assert nb.screenshot("driver-light", cell=0, is_needed=True).read_bytes() != dark


def test_the_next_notebook_finds_the_page_as_it_came(open_notebook):
    """Loaded once, in its own colours and size, with nothing of the notebook before; its kernel knows nothing of that."""
    nb = open_notebook("one = 1", BUTTON)
    nb.run_all()
    page, size = nb.page, nb.page.viewport_size
    nb.set_theme("dark")
    page.set_viewport_size({"width": 600, "height": 400})
    nb.shutdown_kernel()
    nb.close()

    other = open_notebook("one", name="other.ipynb")

    assert other.page is page
    assert page.viewport_size == size
    assert page.evaluate("() => document.body.dataset.jpThemeName") == "JupyterLab Light"
    assert page.locator(".jp-Notebook").count() == 1
    assert "NameError" in other.run_cell(0)
