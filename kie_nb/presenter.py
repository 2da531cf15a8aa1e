"""The `Presenter` that shows runs, experiments and walls; `notebook/` installs one at `%load_ext`, without it they are text."""

from __future__ import annotations

from typing import Any, Protocol


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


def install(presenter: Presenter | None) -> None:
    """Show everything with *presenter* from now on; None removes it."""
    global _current  # noqa: PLW0603
    _current = presenter


def current() -> Presenter | None:
    """The installed presenter; None where there is no notebook."""
    return _current
