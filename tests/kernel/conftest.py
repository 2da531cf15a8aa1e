"""A workshop for each test: a folder, a simulator, and as many real kernels as it wants."""

import pytest
from kerneldriver import Workshop


@pytest.fixture
def workshop(tmp_path):
    opened = Workshop(tmp_path)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One folder for all tests of a file."""
    opened = Workshop(tmp_path_factory.mktemp("shared"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def simulator(shared):
    """One simulator for all tests of a file."""
    return shared.simulate(speed=50.0)


@pytest.fixture(scope="module")
def kernel(shared, simulator):
    """One kernel for all tests of a file."""
    return shared.kernel(simulator)
