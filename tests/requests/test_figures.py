"""A figure is one request: the same bytes whenever it is asked for, and it stays as it was."""

import io

import numpy as np
import pytest
from picturefiles import opened

from kie_nb.requests.images import read_picture

LAYOUTS = [None, "none", "tight", "constrained", "compressed"]


@pytest.fixture(autouse=True)
def plt():
    """pyplot, which is loaded where it is used."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    yield plt
    plt.close("all")


def drawn(layout, *, is_pickled=True):
    """Two axes with labels of different lengths, an image and a colour bar of both and one of one."""
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, layout=layout, figsize=(5, 3))
    for number, one in enumerate(axes.flat):
        one.plot([1, 10**number, 3])
        one.set_ylabel("y" * number * 3)
        one.set_title("a title " * number)
        one.set_xticks([1])  # each label that is measured costs
        one.set_yticks([1, 10**number])
    image = axes[0].imshow(np.arange(100).reshape(10, 10))
    if layout != "tight":  # matplotlib cannot place it there
        figure.colorbar(image, ax=axes, ticks=[0, 99])
    figure.colorbar(image, ax=axes[1], ticks=[0, 99])
    if not is_pickled:
        axes[1].xaxis.set_major_formatter(lambda value, _place: f"{value:g}")
    return figure


def places(figure):
    return [axes.get_position().bounds for axes in figure.axes], vars(figure.subplotpars)


@pytest.mark.parametrize("is_pickled", [True, False], ids=["copied", "with a function in it"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_asked_again_it_is_the_same_request(layout, is_pickled):
    """Also after it was shown or saved in between, as a notebook does at the end of a cell; and drawn anew in another kernel."""
    figure = drawn(layout, is_pickled=is_pickled)
    before = repr(places(figure))
    hashes = [read_picture(figure).identity.sha256]
    assert repr(places(figure)) == before
    for between in (
        lambda: None,
        figure.canvas.draw,
        lambda: figure.savefig(io.BytesIO()),
        lambda: figure.savefig(io.BytesIO(), bbox_inches="tight", dpi=72),
    ):
        between()
        hashes.append(read_picture(figure).identity.sha256)

    hashes.append(read_picture(drawn(layout, is_pickled=is_pickled)).identity.sha256)

    assert len(set(hashes)) == 1


@pytest.mark.parametrize("is_pickled", [True, False], ids=["copied", "with a function in it"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_it_is_the_figure_that_is_sent(layout, is_pickled):
    """As matplotlib itself would save a new one."""
    expected = io.BytesIO()
    drawn(layout, is_pickled=is_pickled).savefig(expected, format="png", metadata={"Software": None})

    assert read_picture(drawn(layout, is_pickled=is_pickled)).content == expected.getvalue()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_no_figure_more_is_shown(plt, layout):
    """A copy that pyplot knew would appear below the cell."""
    figure = drawn(layout)
    before = plt.get_fignums()

    read_picture(figure)

    assert plt.get_fignums() == before
    assert plt.gcf() is figure


def test_a_change_is_another_request():
    """Only what was drawn counts, and that counts."""
    figure = drawn("constrained")
    first = read_picture(figure).identity
    figure.axes[0].set_title("another")

    assert read_picture(figure).identity.sha256 != first.sha256


def test_what_is_drawn_in_a_figure_stands_for_it(plt):
    """Axes, an array of them as `subplots` gives, a line, an image, a canvas, a figure in the figure."""
    figure, axes = plt.subplots(2, 2, figsize=(4, 3))
    (line,) = axes[0, 0].plot([1, 2])
    image = axes[1, 1].imshow(np.eye(3))
    whole = read_picture(figure).identity

    for part in (axes[0, 0], axes, line, image, figure.canvas):
        assert read_picture(part).identity == whole
    parent = plt.figure()
    child = parent.subfigures(1, 2)[0]
    child.subplots()
    assert read_picture(child).identity == read_picture(parent).identity


def test_transparency_of_a_figure_is_told(plt):
    """matplotlib writes an alpha channel always; only what shows through is said."""
    figure = plt.figure(figsize=(4, 3))
    assert read_picture(figure).remarks == ()
    figure.patch.set_alpha(0)

    (remark,) = read_picture(figure).remarks

    assert "transparent" in remark
    assert opened(read_picture(figure).content).mode == "RGBA"
