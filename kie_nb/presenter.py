"""The `Presenter` that shows runs, experiments and walls; `notebook/` installs one at `%load_ext`, without it they are text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from .frontend import takes_results
from .text import say


class Presenter(Protocol):
    """Shows what a cell ends with, or waits for."""

    def show(self, run: Any) -> None:
        """What `run.show()` does: the card or the video, in this cell."""

    def echo(self, run: Any) -> None:
        """A cell ends with the run."""

    def bundle(self, run: Any) -> dict[str, Any]:
        """The run as data by MIME type, static."""

    def show_experiment(self, exp: Any) -> None:
        """A cell ends with an experiment."""

    def watch_experiment(self, exp: Any) -> None:
        """A cell waits for an experiment."""

    def show_wall(self, wall: Any) -> None:
        """A cell ends with a wall."""


_current: Presenter | None = None
_ask: Callable[[str], bool] | None = None


def install(presenter: Presenter | None) -> None:
    """Show everything with *presenter* from now on; None removes it."""
    global _current  # noqa: PLW0603
    _current = presenter


def current() -> Presenter | None:
    """The installed presenter; None where there is no notebook."""
    return _current


def show_result(value: object, show: Callable[[Presenter], None]) -> None:
    """What a cell shows that ends with *value*: by the presenter, else its text.

    Raises:
        NotImplementedError: a result may not show itself here; IPython takes its value then.
    """
    if not takes_results():
        raise NotImplementedError
    if (shown_by := current()) is not None:
        show(shown_by)
    else:
        say(repr(value))


def ask_with(ask: Callable[[str], bool]) -> None:
    """Let *ask* put questions to the person at the keyboard; it says no where there is none."""
    global _ask  # noqa: PLW0603
    _ask = ask


def agreed(words: str) -> bool:
    """Whether the person at the keyboard, who is asked, agrees."""
    return _ask is not None and _ask(words)
