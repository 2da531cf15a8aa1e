"""The public Python functions: the same session, validation and ledger as the magics."""

from __future__ import annotations

import datetime as dt
import os
import warnings
from collections.abc import Coroutine, Iterable, Mapping
from types import EllipsisType
from typing import TYPE_CHECKING, Any, TypeVar

from . import frontend
from . import settings as settings_
from .bounds import as_scalar
from .engine import run_coroutine
from .handles import Run, get_session
from .notice import say_simulator_once
from .presence import must_wait

if TYPE_CHECKING:
    from .engine.workers import Executor
    from .experiment.comparison import Comparison
    from .experiment.spread import Spread
    from .experiment.studies import Studies
    from .experiment.wall import Wall
    from .experiment.wall_tiles import Names
    from .handles.session import Settled
    from .notebook.panel import Panel
    from .notebook.run_list import RunList
    from .operations.embedded_request import Recalled
    from .operations.exporting import Exported
    from .operations.importing import Imported
    from .operations.integrity import Report
    from .settings import Embed, ServiceName

T = TypeVar("T")


def generate(
    prompt: str | None = None,
    *,
    image: Any = None,
    fit: bool = False,
    keep_metadata: bool = False,
    check_image: bool = True,
    model: str | None = None,
    seed: int | None = None,
    duration: str | int | None = None,
    resolution: str | int | None = None,
    wait: bool | None = None,
    fresh: bool = False,
    max_credits: float | None = None,
    call_back_url: str | None = None,
    input: dict[str, Any] | None = None,  # noqa: A002 - the wire's own word
    **fields: Any,
) -> Run:
    """Ask for a video; the same request again gives the run there is, at no cost.

    Args:
        prompt, model: What should move; by default wan/2-5-image-to-video.
        image: First frame: path, URL, bytes, PIL.Image, array; up to 10 MB.
        fit, keep_metadata, check_image: Convert it; keep its EXIF; try its URL.
        seed: Left out, a random one, recorded with the run.
        duration, resolution: 5 (default) or 10 s; "720p" (default) or "1080p".
        wait: Until the video is on disk; by default only in headless runs.
        fresh, max_credits: Buy one more; the most it may be estimated at.
        input, fields: Raw inputs; last_image, video, audio, reference, aspect,
            sound, negative_prompt and other fields, as the model has them.

    Raises:
        KieError: One of its kinds, which `help(kie_nb.errors)` lists.
    """
    started = get_session().start(
        prompt,
        image=image,
        fit=fit,
        keep_metadata=keep_metadata,
        check_image=check_image,
        model=model,
        seed=seed,
        duration=duration,
        resolution=resolution,
        fresh=fresh,
        max_credits=max_credits,
        call_back_url=call_back_url,
        raw=input,
        **fields,
    )
    say_simulator_once()
    _warn(started.warnings)
    if must_wait(wait):
        started.run.wait()
    return started.run


def runs(
    *,
    text: str | None = None,
    model: str | None = None,
    state: str | Iterable[str] | None = None,
    seed: int | None = None,
    tag: str | None = None,
    rating: int | None = None,
    experiment: str | None = None,
    by: str | None = None,
    since: dt.datetime | dt.timedelta | str | None = None,
    limit: int | None = 50,
) -> RunList:
    """The runs recorded in the current folder that match all that is given, newest first; shows itself as a table.

    Args:
        text: A part of the prompt, in any case.
        state: One or several states, such as "fetched", "unknown" or "fail", or as the table shows them: "done", "outcome unknown".
        tag: A tag that `Run.tag` gave.
        rating: The fewest stars, 1 to 5.
        since: A moment, or how long ago; a text is a date or a moment as ISO writes it, "2026-11-01". Without a time zone it is local time.
        experiment: Runs that stand for its cells, whichever experiment bought them.
        by: Who asked for it: `"ana"` on any machine, `"ana@laptop"` on that one (`KIE_NB_USER`).
        limit: The most to give; None for all.

    Raises:
        InvalidRequest: there is no such state, or another filter cannot be meant.
        LedgerError: the ledger cannot be read.
    """
    from .ledger.search import check_numbers, moment_of
    from .ledger.states import state_of
    from .notebook.run_list import RunList

    rating, seed, limit = map(as_scalar, (rating, seed, limit))
    states = None if state is None else {state} if isinstance(state, str) else set(state)
    check_numbers(rating=rating, seed=seed, limit=limit)
    session = get_session()
    found = session.runs(
        limit,
        states=None if states is None else {state_of(name) for name in states},
        text=text,
        model=model,
        seed=seed,
        tag=tag,
        least_rating=rating,
        experiment=experiment,
        by=by,
        since=None if since is None else moment_of(since, session.here.now),
    )
    return RunList(found, experiment=experiment)


def experiments(names: str | Iterable[str] | None = None) -> Studies:
    """The experiments of the current folder and service with their cells, cost and dates; shows itself as a table.

    `kie_nb.experiments(["A", "B"]).to_frame()` has the cells of several, those of earlier grids too, in one frame.

    Args:
        names: One, or several in this order; by default all, the one changed last first.

    Raises:
        InvalidRequest: there is no such experiment.
        LedgerError: the ledger cannot be read.
    """
    from .experiment.studies import Studies

    return Studies(get_session(), names)


def budget(credits: float | EllipsisType | None = ..., *, per: str | None = None) -> dict[str, float]:  # noqa: A002 - the service's word
    """Limit what runs may cost; spent, reserved and at risk together never pass it. Gives the limits that are set.

    The limit is kept in the folder's ledger and holds for every kernel that uses it. A run that would pass it, or whose
    price is not known, is refused before a byte is sent; an earlier run of unknown price is named, for it cannot be counted.
    What the simulator makes is free, and no budget counts it.

    Args:
        credits: The limit in credits (1 credit = US$0.005); None clears it; left out, nothing changes.
        per: "notebook" (the default), "day" (UTC) or "experiment": each of them may cost so much. With None for *credits*, left
            out, every limit is cleared.

    Raises:
        InvalidRequest: for a value that is not one of these.
    """
    return get_session().budget(credits, per)


def get(run_id: str) -> Run:
    """The run whose id, or task id, begins with *run_id*.

    Raises:
        InvalidRequest: if none or several do.
    """
    return get_session().get(run_id)


def resume() -> RunList:
    """Take up every open run of the current folder, after a restart or a crash; sends nothing.

    What was never sent is cancelled: its cell sends it. Runs of unknown outcome are `runs(state="unknown")`.

    Raises:
        LedgerError: the ledger cannot be read or written.
    """
    from .notebook.run_list import RunList

    return RunList(get_session().resume(), order="taken up")


def settle(*tasks: str | Mapping[str, Any]) -> list[Settled]:
    """Find the runs of unknown outcome that made these tasks, by model, prompt, seed and picture, and fetch their videos.

    Args:
        *tasks: Ids from https://kie.ai/logs, or the bodies of callbacks.

    Raises:
        KieError: the service does not show a task; the ones before it are settled.
    """
    return [get_session().settle(task) for task in tasks]


def credits() -> float:  # noqa: A001 - the service's word
    """The balance at the current service, in credits (1 credit = US$0.005).

    Raises:
        AuthError: there is no key, or the service refuses it.
        ServiceTrouble: no usable answer; asking again is safe.
        KieError: no answer in time, or another refusal.
    """
    return float(get_session().credits())


def doctor(*, mend: bool = True) -> Report:
    """Look at every run and file of the current folder, and fetch again what is missing or altered; buys nothing.

    Args:
        mend: False only looks.

    Raises:
        LedgerError: the ledger cannot be read or written. What is wrong with a single run or file is told in the report.
    """
    from .operations.doctor import doctor

    return doctor(get_session().supervisor, mend=mend)


def compare(
    first: Run | str | os.PathLike[str],
    second: Run | str | os.PathLike[str],
    *,
    spread: float | Spread | None = None,
) -> Comparison:
    """Say how alike two videos are: same bytes, same frames, same look, alike or different; shows them in lock step, a sentence and the figures.

    The sentence says what differs: moment, length, framing, colours, brightness, size. The figures are SSIM (1 for equal), CIEDE2000 of the colours
    and, by itself, how far the sound is apart. Frames are paired by what they show, so that a video that begins 0.4 s earlier is the same; in the
    smaller of two sizes. With less than three quarters of the longer one in common they are different.

    Args:
        first: A run whose video is on disk, or the path of any video.
        second: The same.
        spread: What `Experiment.spread` gave, or the median distance (1 - SSIM) between different seeds of the same request: "alike" then means at most half of it,
            in place of the fixed limit of 0.1.

    Raises:
        InvalidRequest: one of them is missing, no video, or damaged.
    """
    from .experiment.comparison import compare

    distance = spread if spread is None or isinstance(spread, int | float) else spread.median
    return compare(first, second, spread=distance)


def wall(runs: Iterable[Run | str], *, rows: Names = None, cols: Names = None) -> Wall:
    """Show the videos of any runs side by side, in lock step under one control; `.save("wall.html")` makes a page of it.

    Args:
        runs: Runs, or their ids.
        rows: The parameter, or several, that makes the rows; by default the one with most values besides the columns.
        cols: The same of the columns; by default the seeds. Runs that fill no grid follow each other.

    Raises:
        InvalidRequest: there are none, or they have no such parameter.
    """
    from .experiment.wall import wall_of

    given = [runs] if isinstance(runs, Run | str) else runs
    return wall_of([run if isinstance(run, Run) else get(run) for run in given], rows=rows, cols=cols)


def join(clips: Iterable[Run | str | os.PathLike[str]], path: str | os.PathLike[str] | None = None) -> Run:
    """Make one film of several clips, each frame shown once; the same clips again give the film there is. Nothing is bought.

    It is copied where the clips agree, else drawn anew in the size of the largest, and kept and found as a run's video is.

    Args:
        clips: Runs, which are waited for, or the paths of any videos, in their order.
        path: Where a copy of the film goes, an MP4; only a film of before is replaced there.

    Raises:
        InvalidRequest: one of them is no video, or something else is at *path*.
        KieError: as `Run.wait` says; LedgerError: the film cannot be kept.
    """
    return get_session().join([clips] if isinstance(clips, Run | str | os.PathLike) else list(clips), path)


def export(folder: str | os.PathLike[str], runs: Iterable[Run | str] | None = None) -> Exported:
    """Copy runs with their videos, pictures and history into *folder*, which opens in a browser and can be imported elsewhere.

    Args:
        folder: Where to; an earlier export there is added to.
        runs: Runs, or their ids; by default every run whose video is on disk.

    Raises:
        InvalidRequest: there is no such run, or none at all to export.
        LedgerError: the folder holds other files under these names, or cannot be written.
    """
    from .operations.exporting import export

    return export(get_session(), folder, runs)


def import_runs(folder: str | os.PathLike[str]) -> Imported:
    """Take the runs of an exported folder into the current one; nothing is sent, and a cell with their request shows them.

    Raises:
        LedgerError: the folder is not what its manifest says; nothing was changed.
    """
    from .operations.importing import import_runs

    return import_runs(get_session(), folder)


def read_request(path: str | os.PathLike[str]) -> Recalled:
    """The request that an exported video carries; `.call` asks for it again.

    Raises:
        InvalidRequest: it carries none.
    """
    from .operations.embedded_request import recall

    return recall(path)


def panel() -> Panel:
    """The panel: a form, the queue and the finished runs, in the cell that ends with it; the same one at every call."""
    from .notebook.panel import panel

    shell = frontend.shell()
    if shell is not None:  # the cells that it gives begin with a magic
        shell.extension_manager.load_extension("kie_nb")
    return panel()


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Drive *coroutine*, one of your own built on `AsyncKie`, from a plain cell or script.

    In a notebook, whose loop is running already, the first call applies `nest_asyncio2`; nothing else here ever does.
    `await coroutine` in a cell needs no help and is better.

    Raises:
        Exception: whatever *coroutine* raises.
    """
    return run_coroutine(coroutine)


def configure(
    *,
    service: ServiceName | EllipsisType | None = ...,
    home: str | os.PathLike[str] | EllipsisType | None = ...,
    files: str | os.PathLike[str] | EllipsisType | None = ...,
    cache: str | os.PathLike[str] | EllipsisType | None = ...,
    wait: bool | EllipsisType | None = ...,
    embed: Embed | EllipsisType | None = ...,
    max_credits: float | EllipsisType | None = ...,
    creates_per_window: int | EllipsisType | None = ...,
    simulator_speed: float | EllipsisType | None = ...,
    user: str | EllipsisType | None = ...,
    notebook: str | EllipsisType | None = ...,
    executor: Executor | EllipsisType | None = ...,
) -> None:
    """Set for this process what the environment would set for all; None goes back to that, what is left out stays.

    Args:
        service: Who answers: "kie" (paid) or "simulator" (free); by default Kie.ai where there is a key.
        home: The folder with the ledger, the videos and the inputs; by default `kie-runs` beside the notebook.
        files, cache: A store for a team's files ("s3://bucket/prefix", a folder); copies of them here ("folder, 20 GB").
        wait: Whether a cell waits for its video; by default only where nobody watches.
        embed: What a finished cell holds: "preview" (a small copy, the default), "full" or "link".
        max_credits: The most that one run may be estimated at, in credits (1 credit = US$0.005), above 0; by default no limit.
        creates_per_window: New tasks in any 10 s for the account, at least 1; 20 by default, what the service allows.
        simulator_speed: How much faster than the real service the embedded simulator is, above 0; 1 by default.
        user: Who asks, tags and rates, for a team; by default your name at the system, and the machine.
        notebook: Your name for this notebook: its budget counts what has this name, on any machine; by default its file, folder and machine.
        executor: A Dask client or `concurrent.futures.Executor` that fetches, hashes, previews and compares videos, without key or ledger; by default threads here.

    Raises:
        InvalidRequest: for a value that is not one of these; nothing is changed then.
    """
    settings_.configure(**{name: value for name, value in dict(locals()).items() if value is not ...})


def _warn(told: tuple[str, ...]) -> None:
    for text in told:
        warnings.warn(text, stacklevel=3)
