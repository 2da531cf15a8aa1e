"""Chooses how a run is shown: a live card, a static bundle, or a line of text; installed by `%load_ext`."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from .. import frontend, headless, presenter
from ..text import say

if TYPE_CHECKING:
    from ..handles import Run
    from ..settings import Embed
    from .card import Card

_shown_in: dict[str, int] = {}


def present(run: Run, *, note: str = "", embed: Embed | None = None) -> Card | None:
    """Show *run* in the current cell; a card if it goes on and somebody watches."""
    from ..engine.states import State

    mark(run)
    if run.state is State.FETCHED and run.is_here:
        _show_static(run, note=note, embed=embed)
        return None
    if headless.has_widgets() and not run.is_final:
        from .card import Card

        card = Card(run, note=note, embed=embed)
        card.show()
        return card
    _show_page(run, note=note)
    return None


def show(run: Run) -> None:
    """What `run.show()` does: the card or the video, in this cell."""
    from ..engine.states import UNSETTLED
    from ..handles import get_session

    get_session().supervisor.ensure_driven(run)
    note = _when(run) if run.is_final else ""
    if run.state in UNSETTLED:
        mark(run)
        _show_page(run, note=note, with_error=False)
        _show_evidence(run)
    else:
        present(run, note=note)


def _show_evidence(run: Run) -> None:
    """What is known of an uncertain run, and how to settle it."""
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
    ipython = frontend.shell()
    if ipython is not None and _shown_in.get(run.id) == ipython.execution_count:
        return
    show(run)


def show_experiment(exp: Any) -> None:
    """A cell ends with an experiment: shown, unless the same cell has just done so."""
    from . import experiment_card

    ipython = frontend.shell()
    if ipython is not None and _shown_in.get(f"experiment {exp.name}") == ipython.execution_count:
        return
    experiment_card.show_experiment(exp)


def show_wall(wall: Any) -> None:
    """A wall is asked for: shown with its widget where somebody watches."""
    from . import wall_widget

    wall_widget.show_wall(wall)


def watch_experiment(exp: Any) -> None:
    """A cell waits for an experiment: its card, unless the same cell shows it already or nobody watches."""
    from .experiment_card import ExperimentCard

    ipython = frontend.shell()
    is_main = threading.current_thread() is threading.main_thread()
    if ipython is None or not is_main or not headless.has_widgets():
        return
    if _shown_in.get(f"experiment {exp.name}") != ipython.execution_count:
        mark_experiment(exp.name)
        ExperimentCard(exp).show()


def mark_experiment(name: str) -> None:
    """The experiment has been shown in this cell."""
    ipython = frontend.shell()
    if ipython is not None:
        _shown_in[f"experiment {name}"] = ipython.execution_count


def final(run: Run, *, note: str = "", embed: Embed | None = None, handle: Any = None) -> Any:
    """The finished video, in place of *handle*'s display if there is one."""
    from IPython.display import display

    from . import page
    from .video import show_video

    is_named = run.video is not None  # by the ledger, which may be anybody's
    shown = (
        show_video(run, embed=embed, note=note)
        if is_named
        else {"text/html": page.card(run, note=note), "text/plain": repr(run)}
    )
    if handle is not None:
        handle.update(shown, raw=not is_named)
        return handle
    return display(shown, raw=not is_named, display_id=True)


def bundle(run: Run) -> dict[str, Any]:
    """The static page of *run*, by MIME type."""
    from . import page
    from .video import show_video

    if run.video is not None:
        return show_video(run)._repr_mimebundle_()
    return {"text/html": page.card(run), "text/plain": repr(run)}


def pending(run: Run, *, note: str = "", with_error: bool = True) -> Any:
    """A static card that `final` will replace, where nobody watches."""
    from IPython.display import display

    from . import page

    mark(run)
    return display(
        {"text/html": page.card(run, note=note, with_error=with_error), "text/plain": repr(run)},
        raw=True,
        display_id=True,
    )


def _show_static(run: Run, *, note: str, embed: Embed | None) -> None:
    if frontend.shows_html():
        final(run, note=note, embed=embed)
    else:
        _print(run, note)


def _show_page(run: Run, *, note: str, with_error: bool = True) -> None:
    from . import page

    if frontend.shows_html():
        pending(
            run, note=note if run.is_final else f"{note} {page.HOW_TO_WAIT}".strip(), with_error=with_error
        )
    else:
        _print(run, note)


def _print(run: Run, note: str) -> None:
    from . import page

    facts = ", ".join(f"{name} {value}" for name, value in page.facts(run))
    video = f"video: {run.video}" if run.video else ""
    lines = [line for line in (facts, note, page.price_remark(run), video) if line]
    say("\n  ".join([repr(run), *lines]))


def mark(run: Run) -> None:
    """*run* was shown in this cell already: its echo shows nothing."""
    ipython = frontend.shell()
    if ipython is not None:
        _shown_in[run.id] = ipython.execution_count


def _when(run: Run) -> str:
    from ..requests.provenance import in_words

    at = run.completed_at or run.created_at
    word = "Made" if run.completed_at else "Asked for"
    where = in_words(run.row)
    return f"{word} on {at.strftime('%Y-%m-%d %H:%M UTC')}{f', asked for {where}' if where else ''}."


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
