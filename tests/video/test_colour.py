"""Colours as people see them: CIEDE2000 against the published pairs, CIELAB and YUV against known colours."""

import numpy as np
import pytest

from kie_nb.video.colour import difference, lab_of, rgb_of

# Sharma, Wu and Dalal (2005), table 1: those that take another branch of the formula, or turn its angles.
PAIRS = [
    ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
    ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0),
    ((50, 0, 0), (50, -1, 2), 2.3669),
    ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
    ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
    ((50, 2.5, 0), (50, 0, -2.5), 4.3065),
    ((50, 2.5, 0), (73, 25, -18), 27.1492),
    ((50, 2.5, 0), (56, -27, -3), 31.9030),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
    ((90.8027, -2.0831, 1.4410), (91.1528, -1.6435, 0.0447), 1.4441),
]


def test_differences_are_those_of_the_paper():
    """To its four digits, in either order."""
    first, second, wanted = (np.array(column, float) for column in zip(*PAIRS, strict=True))

    for found in (difference(first, second), difference(second, first)):
        assert found == pytest.approx(wanted, abs=6e-5)
    assert not difference(first, first).any()


def test_known_colours_have_their_place_in_lab():
    """Red, white, black and a grey of sRGB."""
    found = lab_of(np.array([[1.0, 0, 0], [1, 1, 1], [0, 0, 0], [0.5, 0.5, 0.5]]))

    wanted = [[53.24, 80.09, 67.20], [100, 0, 0], [0, 0, 0], [53.39, 0, 0]]
    assert found == pytest.approx(np.array(wanted), abs=0.01)


@pytest.mark.parametrize(("colorspace", "yuv"), [(5, (76, 85, 255)), (1, (54, 99, 255)), (9, (67, 92, 255))])
def test_red_is_red_in_each_colour_space(colorspace, yuv):
    """As its matrix writes it: BT.601, BT.709, BT.2020."""
    assert rgb_of(np.array([yuv], np.uint8), colorspace) == pytest.approx(np.array([[1, 0, 0]]), abs=0.02)
