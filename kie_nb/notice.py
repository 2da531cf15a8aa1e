"""The notice that the simulator, or a gateway, is the service; shown once per process, at its first use."""

from __future__ import annotations

import sys
from typing import TextIO

from . import headless
from . import settings as settings_

SIMULATOR_LINE = (
    "kie_nb: no key is set: the simulator answers (free)"  # short: Lab breaks long lines inside words
)
CHOSEN_LINE = "kie_nb: the simulator answers, as chosen (free)"
_said: set[str] = set()


def say_simulator(*, chosen: bool) -> None:
    """Print it in the cell; in a script on stderr, since its output may be data."""
    if "simulator" not in _said:
        _said.add("simulator")
        print(CHOSEN_LINE if chosen else SIMULATOR_LINE, file=_beside())


def _beside() -> TextIO:
    return sys.stderr if headless.shell() is None else sys.stdout


def say_simulator_once() -> None:
    """The same where the simulator is the current service; a host that is not Kie's is named as well."""
    current = settings_.current()
    if current.service == "simulator":
        say_simulator(chosen=settings_.is_chosen())
    elif current.via and current.via not in _said:
        _said.add(current.via)
        print(f"kie_nb: {current.via} answers (paid)", file=_beside())


def simulator_was_said() -> None:
    """The notice was given elsewhere in other words."""
    _said.add("simulator")
