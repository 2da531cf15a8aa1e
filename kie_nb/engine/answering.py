"""The line that must not be missed, once per process: the simulator answers, and not Kie.ai."""

from __future__ import annotations

from .. import settings as settings_

SIMULATOR_LINE = (
    "kie_nb: no key is set: the simulator answers (free)"  # short: Lab breaks long lines inside words
)
CHOSEN_LINE = "kie_nb: the simulator answers, as chosen (free)"
_said: set[str] = set()


def say_simulator_once() -> None:
    """Say it where the simulator is the current service and nothing has said it yet."""
    if "simulator" in _said or settings_.current().service != "simulator":
        return
    simulator_was_said()
    print(CHOSEN_LINE if settings_.is_chosen() else SIMULATOR_LINE)  # noqa: T201 - in the cell, or where a script runs


def simulator_was_said() -> None:
    """It was told in other words."""
    _said.add("simulator")
