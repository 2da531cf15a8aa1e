"""Chooses how a run is shown: a live card, a static bundle, or a line of text; installed by `%load_ext`."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from .. import frontend, presenter
from ..presence import has_widgets
from ..text import say, visible

if TYPE_CHECKING:
    from ..handles import Run
    from ..settings import Embed

_shown_in: dict[str, int] = {}


def present(
    run: Run,
    *,
    how: str = "",
    note: str = "",
    embed: Embed | None = None,
    with_error: bool = True,
    is_waited_for: bool = False,
) -> Any:
    """Show *run* in the current cell; gives its `Card` if somebody watches and can use it, else a display for `final`.

    Args:
        how: How it came about, as `Started` says.
        is_waited_for: `final` follows.
    """
    from ..ledger.states import UNSETTLED, State
    from ..wording import Card as Words

    mark(run)
    is_done = run.state is State.FETCHED and run.is_kept
    # A page that does not hide a widget whose kernel is gone keeps none of a run that is over.
    is_useful = not run.is_final or (frontend.is_jupyter_page() and (is_done or run.state in UNSETTLED))
    if is_useful and has_widgets():
        from .card import Card

        card = Card(run, how=how, note=note, embed=embed)
        card.show()
        return card
    if not run.is_final:
        if is_waited_for and not frontend.has_kernel():  # no display can be replaced
            return None
        if not is_waited_for and frontend.shows_html():
            note = f"{note} {Words.HOW_TO_WAIT}".strip()
    if not frontend.shows_html() or is_done:
        return final(run, how=how, note=note, embed=embed)
    return _display_page(run, how=how, note=note, with_error=with_error)


def final(run: Run, *, how: str = "", note: str = "", embed: Embed | None = None, handle: Any = None) -> Any:
    """The finished video, in place of *handle*'s display if there is one."""
    from .video import show_video

    if not frontend.shows_html():
        _print(run, note)
        return None
    if run.video is None:  # the ledger may be anybody's
        return _display_page(run, how=how, note=note, handle=handle)
    return _display(show_video(run, embed=embed, note=note, how=how), handle)


def bundle(run: Run) -> dict[str, Any]:
    """The static page of *run*, by MIME type; a line where the same cell has shown it, as `%%capture` of `%kie_wan` does."""
    from .video import show_video

    if frontend.is_captured() and _is_shown(
        run.id
    ):  # other shells without a kernel may not count their cells
        return {"text/plain": repr(run)}
    return show_video(run).bundle() if run.video is not None else _page(run)


def _page(run: Run, **how: Any) -> dict[str, Any]:
    from . import run_page

    return {"text/html": run_page.card(run, **how), "text/plain": repr(run)}


def _display_page(run: Run, *, handle: Any = None, **how: Any) -> Any:
    return _display(_page(run, **how), handle, raw=True)


def _display(shown: Any, handle: Any, *, raw: bool = False) -> Any:
    from IPython.display import display

    if handle is None:
        return display(shown, raw=raw, display_id=True)
    handle.update(shown, raw=raw)
    return handle


def _print(run: Run, note: str) -> None:
    from . import page

    facts = ", ".join(f"{name} {value}" for name, value in page.facts(run))
    video = f"video: {run.video}" if run.video else ""
    lines = [line for line in (facts, note, page.price_remark(run), video) if line]
    say("\n  ".join([repr(run), *lines]))


def show(run: Run) -> None:
    """What `run.show()` does: the card or the video, in this cell; of an uncertain run, how to settle it."""
    from ..handles import get_session
    from ..ledger.states import UNSETTLED

    get_session().supervisor.ensure_driven(run)
    is_unsettled = run.state in UNSETTLED
    shown = present(run, note=_when(run) if run.is_final else "", with_error=not is_unsettled)
    if is_unsettled and type(shown).__name__ != "Card":  # a live card says it itself
        show_value(run.evidence())


def show_value(value: object) -> None:
    """Show a table or a report: as HTML in a notebook, as text elsewhere."""
    if not frontend.shows_html():
        say(repr(value))
        return
    from IPython.display import display

    display(value)


def echo(run: Run) -> None:
    """A cell ends with the run: shown, unless the same cell has just done so."""
    if not _is_shown(run.id):
        show(run)


def show_experiment(exp: Any) -> None:
    """A cell ends with an experiment: shown, unless the same cell has just done so."""
    from . import experiment_card

    if not _is_shown(f"experiment {exp.name}"):
        experiment_card.show_experiment(exp)


def show_wall(wall: Any) -> None:
    """A wall is asked for: shown with its widget where somebody watches."""
    from . import wall_widget

    wall_widget.show_wall(wall)


def watch_experiment(exp: Any) -> None:
    """A cell waits for an experiment: its card, unless it goes on in this cell or another, or nobody watches."""
    is_main = threading.current_thread() is threading.main_thread()
    if is_main and has_widgets() and not _is_shown(f"experiment {exp.name}"):
        from .experiment_card import ExperimentCard, is_live

        mark_experiment(exp.name)
        if not is_live(exp.name):
            ExperimentCard(exp).show()


def ask(words: str) -> bool:
    """Ask the person at the keyboard; where there is none, the answer is no."""
    try:
        return input(visible(f"{words} [y/N] ")).strip().lower() in {"y", "yes"}
    except (EOFError, OSError, RuntimeError):  # no keyboard, or a front end without one
        return False


def mark(run: Run) -> None:
    """*run* was shown in this cell: its echo shows nothing."""
    _mark(run.id)


def mark_experiment(name: str) -> None:
    """The same of an experiment."""
    _mark(f"experiment {name}")


def _mark(key: str) -> None:
    ipython = frontend.shell()
    if ipython is not None:
        _shown_in[key] = ipython.execution_count


def _is_shown(key: str) -> bool:
    ipython = frontend.shell()
    return ipython is not None and _shown_in.get(key) == ipython.execution_count


def _when(run: Run) -> str:
    from ..requests.provenance import in_words

    at = run.completed_at or run.created_at
    word = "Made" if run.completed_at else "Asked for"
    where = in_words(run.row)
    asked = f"{', asked for' if run.completed_at else ''} {where}" if where else ""
    return f"{word} on {at.strftime('%Y-%m-%d %H:%M UTC')}{asked}."


class NotebookPresenter:
    """The functions of this module as the `Presenter` of the process."""

    show = staticmethod(show)
    echo = staticmethod(echo)
    bundle = staticmethod(bundle)
    show_experiment = staticmethod(show_experiment)
    watch_experiment = staticmethod(watch_experiment)
    show_wall = staticmethod(show_wall)


def install() -> None:
    """Let runs, experiments and walls show themselves."""
    presenter.install(NotebookPresenter())
    presenter.ask_with(ask)
