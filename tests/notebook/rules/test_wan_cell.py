"""`%%kie_wan` without a kernel: what a refused cell leaves behind."""

from types import SimpleNamespace

import pytest

from kie_nb.errors import InvalidRequest
from kie_nb.notebook.wan_magic import kie_wan

TEXT = "--model wan/2-5-text-to-video"


@pytest.mark.parametrize("more", ["--seeds 1 --set seed=9", "--seeds 1 --set prompt=Rain", "--seed 6 --set seed=9"])  # fmt: skip
def test_a_grid_refuses_what_is_given_twice(more):
    """As a single cell does; raw inputs would win silently."""
    with pytest.raises(InvalidRequest, match="is given twice"):
        kie_wan(SimpleNamespace(user_ns={}), f"{TEXT} --experiment waves {more}", "Waves")
