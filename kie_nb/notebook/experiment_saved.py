"""The page of an experiment that a notebook keeps where no widget can be: with its videos, and up to date after each cell.

Runners (nbclient, papermill, nbconvert) take an update of an earlier cell's display only in answer to the cell that runs, so
a page that was shown before the end is drawn anew when a cell has run, and not by a thread.
"""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any

from .. import frontend
from .. import settings as settings_
from ..experiment.data import in_words
from ..experiment.experiment import Experiment
from ..experiment.wall_media import EMBED_LIMIT
from ..markup import NOTHING, Html, data_url, html, joined
from ..presence import has_widgets
from ..wording import Experiment as Words
from . import page
from .experiment_page import experiment_page
from .video import make_assets

log = logging.getLogger("kie_nb")
MOST_VIDEOS = 24
_FIGURE = "display:inline-block;vertical-align:top;width:240px;margin:8px 8px 0 0"
_AFTER = "post_run_cell"  # of IPython's events
_open: list[_Kept] = []


class _Kept:
    """A page that was shown before its experiment was done."""

    def __init__(self, exp: Experiment, handle: Any, shown: str) -> None:
        self.exp, self.handle, self.shown = exp, handle, shown

    def renew(self) -> bool:
        """Draw it as it is now; whether it may change again."""
        status = self.exp.status()
        if self.shown != repr(status):
            self.shown = repr(status)
            self.handle.update(saved_page(self.exp, videos=not has_widgets()), raw=True)
        return status.done < status.cells


def saved_page(exp: Experiment, *, stills: bool = True, videos: bool = False) -> dict[str, str]:
    """The page by MIME type, with small videos where all has ended; one that is under way says when it was drawn."""
    is_running = exp.is_running
    parts = [experiment_page(exp, stills=stills)]
    if is_running:
        parts.append(page.muted(Words.AS_OF.format(time=f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M}")))
    elif videos:
        parts.append(_videos(exp))
    return {"text/html": page.boxed(joined(parts)), "text/plain": repr(exp)}


def show_saved(exp: Experiment) -> None:
    """Show the page in the current cell, and keep it up to date while cells are run; where somebody watches, `exp.wall()` plays."""
    from IPython.display import display

    status = exp.status()
    handle = display(saved_page(exp, videos=not has_widgets()), raw=True, display_id=True)
    if status.done < status.cells:
        if not _open:
            frontend.shell().events.register(_AFTER, _renew_all)
        _open.append(_Kept(exp, handle, repr(status)))


def _renew_all(*_result: object) -> None:
    for kept in list(_open):
        try:
            if kept.renew():
                continue
        except Exception:  # a display that fails must never stop a cell
            log.exception("the page of the experiment %s failed", kept.exp.name)
        _open.remove(kept)
    if not _open:
        frontend.shell().events.unregister(_AFTER, _renew_all)


def _videos(exp: Experiment) -> Html:
    """Small copies that play, in the order of the grid, up to a limit; nothing where videos are to be linked."""
    if settings_.current().embed == "link":
        return NOTHING
    cells = [(place, run.video) for place, run in exp.cells() if run is not None and run.video is not None]
    shown, left = list[Html](), EMBED_LIMIT
    for place, video in cells[:MOST_VIDEOS]:
        assets = make_assets(video, "preview")
        if assets.content is None or not assets.mime.startswith("video/"):
            continue
        left -= len(assets.content)
        if left < 0:
            break
        shown.append(_figure(in_words(place), data_url(assets.content)))
    some = Words.SOME_VIDEOS.format(shown=len(shown), all=len(cells)) if len(shown) < len(cells) else ""
    return html("<div>{}</div>{}", joined(shown), page.muted(some) if some and shown else NOTHING)


def _figure(words: str, source: Html) -> Html:
    return html(
        '<figure style="{}"><video controls loop playsinline preload="metadata" aria-label="video: {}" width="240" '
        'style="width:240px;background:#000" src="{}"></video><figcaption>{}</figcaption></figure>',
        _FIGURE,
        words,
        source,
        page.muted(page.short(words, 80)),
    )
