"""What is asked of a simulator; for crash tests homes that buyers die in."""

import pytest
from crashfixtures import make_home, service  # noqa: F401 - fixtures


@pytest.fixture
def elsewhere(monkeypatch, tmp_path):
    """Go on with another home, as on another machine: ``elsewhere("b")``."""

    def go(name):
        monkeypatch.setenv("KIE_NB_HOME", str(tmp_path / name))
        return tmp_path / name

    return go
