"""Short waits, for a simulator on this machine that answers at once."""

from dataclasses import replace
from pathlib import Path

from kie_nb.engine.timing import Timing
from kie_nb.handles import get_session
from kie_nb.service import Patience

TESTS = Path(__file__).parent
QUICK = Timing(
    patience=Patience(retry_s=0.01),
    rate_pause_s=0.1,
    connect_pauses_s=(0.01, 0.02, 0.05),
    upload_pauses_s=(0.01, 0.02),
    simulator_looks=(0.03, 1.25),
    shortest_look_s=0.03,
    link_pauses_s=(0.0, 0.02, 0.05),
    fetch_pauses_s=(0.02, 0.05, 0.1),
    watch_s=0.05,
    ledger_pause_s=0.1,
)


def hurry(timing=QUICK, **changes):
    """The session of this process waits by *timing*, with these *changes*, from its next step on."""
    get_session().timing = replace(timing, **changes)


def hurry_code(**changes):
    """A line of Python that does the same in a process of its own."""
    given = ", ".join(f"{name}={value!r}" for name, value in changes.items())
    return f"import sys; sys.path.insert(0, {str(TESTS)!r}); from hurry import hurry; hurry({given})\n"
