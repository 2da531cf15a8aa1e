"""Notices shown once per process, above all that the simulator, or a gateway, is the service."""

from __future__ import annotations

import sys

from . import frontend
from . import settings as settings_
from .text import visible

# Short: Lab breaks long lines inside words.
SIMULATOR_LINE = "kie_nb: no key is set: the simulator answers (free)"
CHOSEN_LINE = "kie_nb: the simulator answers, as chosen (free)"
_said: set[object] = set()
_later: list[str] = []


def is_new(key: object) -> bool:
    """Whether this is the first call with *key* in this process: its notice is shown now, and not again."""
    if key in _said:
        return False
    _said.add(key)
    return True


def say_simulator(*, chosen: bool) -> None:
    """Print it in the cell; in a script on stderr, since its output may be data."""
    if is_new("simulator"):
        _say(CHOSEN_LINE if chosen else SIMULATOR_LINE)


def say_simulator_once() -> None:
    """The same where the simulator is the current service; a host that is not Kie's is named as well."""
    current = settings_.current()
    if current.service == "simulator":
        say_simulator(chosen=settings_.is_chosen())
    elif current.via and is_new(current.via):
        _say(f"kie_nb: {current.via} answers (paid)")


def say_later(key: object, line: str) -> None:
    """Say *line* once, when a caller's wait next ends: what another thread prints stands in whichever cell runs."""
    if is_new(key):
        _later.append(line)


def say_what_waits() -> None:
    """Say what `say_later` was given."""
    while _later:
        _say(visible(_later.pop(0)))


def _say(line: str) -> None:
    print(line, file=sys.stderr if frontend.shell() is None else sys.stdout)
