"""The exports of an experiment: a data frame, files, a crate, MLflow, a report. They are its methods."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ..addresses import shareable_value
from ..handles import Run, get_session
from ..saved import written
from . import data
from .columns import Line
from .data import in_words
from .definition import Definition
from .repeats import repeats_of
from .spread import Spread
from .status import Status

if TYPE_CHECKING:
    from ..saved import SavedFile
    from .tracking import Logged


T = TypeVar("T")


class Source(Protocol):
    """What exports need of an experiment."""

    name: str
    definition: Definition

    def status(self) -> Status:
        """How it stands now."""

    def cells(self) -> list[tuple[dict[str, Any], Run | None]]:
        """The place of each cell, and its run if it has one."""

    def lines(self) -> list[Line]:
        """Each cell as a row of a frame."""

    def spread(self) -> Spread:
        """The distance between seeds."""


def _written(cells: Sequence[tuple[dict[str, Any], T]]) -> list[tuple[dict[str, Any], T]]:
    """*cells* as a file may name them: no address of a picture holds a password or a signature."""
    return [(shareable_value(place), run) for place, run in cells]


def to_frame(exp: Source) -> Any:
    """A `pandas.DataFrame`, a row a cell: the columns of `kie_nb.runs().to_frame()`, with types that hold what is not known.

    It has the grid of this handle; `kie_nb.experiments(name).to_frame()` has every cell that was ever kept under the name.

    Raises:
        KieError: pandas is not installed.
    """
    return data.frame(exp.lines())


def export_data(exp: Source, path: str | os.PathLike[str]) -> Path:
    """Write the cells as `.csv`, `.jsonl` or `.parquet` (`kie_nb[data]`), by the file's ending.

    In CSV, text that a spreadsheet would take for a formula gets an apostrophe in front; the others hold it as it is.

    Raises:
        InvalidRequest: for another ending.
        LedgerError: the file cannot be written.
        KieError: pyarrow is not installed.
    """
    with written(path) as target:
        return data.write(exp.lines(), target)


def export_crate(exp: Source, folder: str | os.PathLike[str], *, license_url: str | None = None) -> Path:
    """Write an RO-Crate (Process Run Crate 0.5): videos, pictures, and for each run what made it from what.

    It holds the runs that were sent, failed ones and repetitions of `verify` too, the notebook and the commit that asked for them by
    name, the definition, which can be run from there, and the table of cells; no key and no path of this machine. An earlier crate of this experiment is replaced, in one step.

    Args:
        folder: Where to; it is new, empty, or an earlier crate of this experiment.
        license_url: Under which the data may be used, such as https://creativecommons.org/licenses/by/4.0/.

    Returns:
        The folder.

    Raises:
        InvalidRequest: nothing was run yet.
        LedgerError: the folder holds something else, or a video is not on disk as it was fetched; nothing was written.
    """
    from .crate import export_crate

    cells, lines = _written(exp.cells()), exp.lines()
    cells += [(one.place, one.again) for one in repeats_of(get_session(), exp.name, cells)]
    return export_crate(get_session(), exp.definition, cells, lines, folder, license_url=license_url)


def log_to_mlflow(
    exp: Source, tracking_uri: str | None = None, experiment: str | None = None, *, compare: bool = True
) -> Logged:
    """Log each run that has ended, failed ones too, as a run of MLflow (`kie_nb[mlflow]`): params, metrics, tags and files.

    They are nested below a run of the study, which has the definition, the counts, the spread between seeds and the verdicts of
    `verify`: below the active run of MLflow, where there is one, else below one of the study's own name.

    Logging again adds the runs that are not there, and completes those that lacked a file or were of unknown outcome. What was logged
    whole stays as it is: a later rating or tag is not added, unless the run is deleted in MLflow first. MLflow's own settings stay as
    they are.

    Args:
        tracking_uri: Of MLflow's store: `sqlite:///mlflow.db`, or the address of a server; by default what MLflow itself
            would take. Folders of files (`./mlruns`) are given up by MLflow 3, which takes them only with
            MLFLOW_ALLOW_FILE_STORE=true.
        experiment: Its name there; by default that of the active run, else this one's.
        compare: Measure spread and verdicts; a second or so a pair that was not measured yet.

    Raises:
        InvalidRequest: nothing has ended yet, or the experiment was deleted there.
        KieError: MLflow is not installed, or did not take it; what was logged so far stays.
    """
    from .metrics import of_study
    from .tracking import Study, log_cells

    cells, status = _written(exp.cells()), exp.status()
    repeats = repeats_of(get_session(), exp.name, cells)
    spread = exp.spread() if compare else None
    verdicts = [
        f"{in_words(one.place)}: run {one.again.id}: {one.compared(spread.median).sentence}"
        for one in repeats
        if spread is not None
    ]
    study = Study(
        name=exp.name,
        definition=exp.definition.to_toml(),
        metrics=of_study(status, spread),
        verdicts=verdicts,
    )
    cells += [(one.place, one.again) for one in repeats]
    return log_cells(study, cells, tracking_uri=tracking_uri, experiment=experiment)


def report(
    exp: Source, path: str | os.PathLike[str], *, embed_mb: float = 25.0, compare: bool = True
) -> SavedFile:
    """Write one HTML file that plays from disk: facts, the videos as a wall, every cell, what failed, the definition.

    It needs no server, no kernel and no network, prints, and follows the reader's light or dark theme.

    Args:
        path: The file; its name ends in .html.
        embed_mb: The most that the small copies of the videos may add to it, in MB. Where they are more, all of them lie in a
            folder beside it (`smile_files` for `smile.html`), and go where it goes.
        compare: Say how far the videos of different seeds are apart, as `spread` does; a second or so a pair that was not measured yet.

    Returns:
        The file, as an absolute path that shows itself as a link.

    Raises:
        InvalidRequest: for a name that does not end in .html.
        LedgerError: the file cannot be written.
    """
    from .report import write_report

    asked, status, cells = exp.definition, exp.status(), _written(exp.cells())
    return write_report(get_session(), asked, status, cells, path, embed_mb=embed_mb, compare=compare)
