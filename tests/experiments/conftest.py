"""A simulator on real sockets, the grid that most tests ask for, and videos as the simulator draws them."""

import pytest
from crashfixtures import make_home, service  # noqa: F401 - fixtures

import kie_nb as kie
from kie_nb.simulator.draw import Plan, draw


@pytest.fixture
def simulator(simulate):
    return simulate()


@pytest.fixture
def smile(cat, simulator):
    """Four seeds and three prompts."""

    def smile(seeds=4, **more):
        prompts = ["The cat smiles", "The cat yawns", "The cat sneezes"]
        return kie.Experiment("smile", **{"image": cat, "seed": range(seeds), "prompt": prompts} | more)

    return smile


@pytest.fixture
def drawn(tmp_path, cat):
    """Draw a second of the cat: ``drawn("a.mp4", seed=2, drift=0.3, task=1)``."""

    def drawn(name, **changes):
        fields = {"prompt": "The cat smiles.", "seed": 1, "seconds": 1.0, "short_side": 720, "model": "m"}
        draw(Plan(**(fields | {"tiny": True, "image": cat.read_bytes()} | changes)), tmp_path / name)
        return tmp_path / name

    return drawn
