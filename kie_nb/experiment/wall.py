"""`Wall`: the videos of an experiment, or any runs, side by side under one control."""

from __future__ import annotations

import os
from collections.abc import Iterable

from .. import presenter
from ..handles import Run
from ..saved import SavedFile
from .wall_media import for_file
from .wall_page import save_page, wall_page
from .wall_tiles import Names, Tiles, common, request_facts


class Wall(Tiles):
    """Videos in rows and columns, as they stand now; shows itself in a notebook, and saves itself as a page.

    Args:
        cells: The place of each, and its run if it has one.
        rows: The axis, or axes, of the rows; by default the one with most values besides the columns.
        cols: The same of the columns; by default the seeds.
        title: What it is called.

    Raises:
        InvalidRequest: there is nothing to show, or no such axis.
    """

    def save(self, path: str | os.PathLike[str], *, embed_mb: float = 20.0) -> SavedFile:
        """Write a page that plays in any browser, with no kernel and no network.

        Args:
            path: The HTML file.
            embed_mb: Small copies of the videos are put inside up to so many MB in all; the rest is linked where it is.

        Returns:
            The file, as an absolute path that shows itself as a link.

        Raises:
            LedgerError: the file cannot be written; what was there before is unchanged.
        """
        return save_page(path, lambda folder: wall_page(self, for_file(folder, limit=int(embed_mb * 1e6))))

    def _ipython_display_(self) -> None:
        presenter.show_result(self, lambda shown_by: shown_by.show_wall(self))


def wall_of(runs: Iterable[Run], *, rows: Names = None, cols: Names = None, title: str = "") -> Wall:
    """The wall of any runs; their places are the parameters in which they differ.

    Raises:
        InvalidRequest: there are none, or no such axis.
    """
    chosen = list({run.id: run for run in runs}.values())
    asked = [request_facts(run) for run in chosen]
    varied = [
        name for name in dict.fromkeys(name for facts in asked for name in facts) if name not in common(asked)
    ]
    named = [
        name for given in (rows, cols) if given for name in ((given,) if isinstance(given, str) else given)
    ]
    axes = dict.fromkeys([*varied, *(name for name in named if any(name in facts for facts in asked))])
    cells = [
        ({name: facts[name] for name in axes if name in facts}, run)
        for facts, run in zip(asked, chosen, strict=True)
    ]
    return Wall(cells, rows=rows, cols=cols, title=title)
