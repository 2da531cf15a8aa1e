"""The spread between seeds, and the repeatability of a request: distances between existing videos and bought repetitions."""

from __future__ import annotations

import contextlib
import itertools
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any

from pydantic import TypeAdapter

from .. import tables
from ..bounds import as_scalar
from ..catalogue import USD_PER_CREDIT
from ..engine.record import Record
from ..engine.workers import Piece
from ..errors import InvalidRequest, LedgerError, WaitInterrupted
from ..handles import Run, Session, get_session
from ..handles.begin import again
from ..ledger import Likenesses, RunRow
from ..ledger.states import State
from ..markup import Html, joined
from ..operations.integrity import video_as_fetched
from ..presenter import agreed
from ..stores import bring_all
from ..text import say
from ..video import compare_videos
from .comparison import Comparison, compare_all, results
from .data import Cell, Cells
from .lookup import Source
from .verdict import median_distance, seeds_differ

MOST_PAIRS = 30  # a second or so each; the median of so many is steady


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """How far the videos of different seeds are from each other; shows itself as a line.

    Attributes:
        median: The median distance (1 - SSIM); None where no request has videos of two seeds.
        pairs: How many pairs were compared, *of* so many.
        differ: Whether seeds make a visible difference at all; None where that is not known.
        unfit: How many videos are in no pair, for they are damaged, or not on disk as they were fetched.
    """

    median: float | None
    pairs: int
    of: int
    differ: bool | None
    unfit: int = 0

    def __repr__(self) -> str:
        videos = tables.counted(self.unfit, "video")
        unfit = f"; {videos} damaged, or not on disk as fetched: %kie doctor" if self.unfit else ""
        if self.median is None:
            return f"no request here has videos of two seeds: how much seeds differ is not known{unfit}"
        words = "seeds make a visible difference" if self.differ else "seeds look the same"
        some = f"{self.pairs} of " if self.pairs < self.of else ""
        rest = "; a row in none of them has no seed_distance: spread(pairs=None) measures all" if some else ""
        pairs = f"{some}{tables.counted(self.of, 'pair')}"
        return f"{words}: median distance {self.median:.4f} over {pairs}{unfit or rest}"


_TROUBLE = {
    "missing": "has no video on disk to compare with",
    "altered": "has a video that was altered since it was fetched",
    "not media": "has a file that is neither a video nor a picture",
}
POOLED = "this request has no videos of two seeds: the distance between seeds is that of the whole experiment"
Pair = tuple[Run, Run]
_Measured = tuple[tuple[str, str], float]  # the hashes of the two files that were read, and their distance
_known: dict[tuple[str, str], float] = {}  # distances by the hashes, as long as the process lives


def spread(exp: Source, *, pairs: int | None = MOST_PAIRS) -> Spread:
    """Whether different seeds make a visible difference: the median distance between their videos.

    Args:
        pairs: So many are compared at the most, evenly spaced; None for all. `configure(executor=...)` spreads them over machines.

    Raises:
        InvalidRequest: *pairs* is no whole number from 1.
        WaitInterrupted: you pressed ■; what was measured is known.
    """
    most = as_scalar(pairs)
    if most is not None:
        _check_count("pairs", most)
    return spread_of(get_session(), exp.cells(), most=most)


def spread_of(session: Session, cells: Cells, *, most: int | None = MOST_PAIRS) -> Spread:
    """The distances between different seeds of the same cell otherwise, over *most* pairs; workers measure them."""
    pairs = _pairs_of(cells)
    spaced = _spaced(pairs, most)
    unfit = _unfit(spaced)
    chosen = [pair for pair in spaced if unfit.isdisjoint(pair)]
    found = results(_measured(session, chosen))
    _record(chosen, found)
    median = median_distance(distance for _, distance in found)
    return Spread(
        median=median, pairs=len(chosen), of=len(pairs), differ=seeds_differ(median), unfit=len(unfit)
    )


def _pairs_of(cells: Cells) -> list[Pair]:
    families: dict[str, list[Run]] = defaultdict(list)
    for _, run in cells:
        if run is not None and run.state is State.FETCHED:
            families[run.row.family].append(run)
    return [
        (one, other)
        for runs in families.values()
        for one, other in itertools.combinations(runs, 2)
        if one.seed != other.seed
    ]


def _spaced(pairs: Sequence[Pair], most: int | None) -> Sequence[Pair]:
    """At most so many, evenly spaced."""
    return pairs[:: max(1, -(-len(pairs) // (most or len(pairs) or 1)))]


def _unfit(pairs: Sequence[Pair]) -> set[Run]:
    """The runs of *pairs* with a video that is damaged, or not on disk as it was fetched."""
    return {run for run in set(itertools.chain(*pairs)) if run.damage or video_as_fetched(run)}


def _chosen(pairs: Sequence[Pair]) -> list[Pair]:
    """`MOST_PAIRS` of those that can be compared."""
    spaced = _spaced(pairs, MOST_PAIRS)
    unfit = _unfit(spaced)
    return [pair for pair in spaced if unfit.isdisjoint(pair)]


def _measured(session: Session, pairs: Sequence[Pair]) -> list[Future[_Measured]]:
    """The distance of each pair, from a worker or from before."""
    jobs: list[Future[_Measured]] = []
    with contextlib.suppress(LedgerError):  # it is measured anew
        for ledger in {one.ledger for one, _ in pairs}:
            videos = {run.row.video_sha256 for pair in pairs for run in pair if run.ledger == ledger}
            _known.update(Likenesses(ledger.database).distances([video for video in videos if video]))
    bring_all(run.video for pair in pairs for run in pair)
    for one, other in pairs:
        key = (str(one.row.video_sha256), str(other.row.video_sha256))
        if key in _known:
            job: Future[_Measured] = Future()
            job.set_result((key, _known[key]))
        else:
            job = session.measures.submit(_DISTANCE, str(one.video), str(other.video), *key)
            job.add_done_callback(_keep)
        jobs.append(job)
    return jobs


def _distance(first: str, second: str, *_hashes: str) -> _Measured:
    """Runs in a worker; its result is kept by the hashes of the bytes that were read, whatever was recorded of them."""
    found = compare_videos(first, second)
    return (found.first.sha256, found.second.sha256), found.distance


def _as_measured(answer: Any, _first: str, _second: str, *hashes: str) -> _Measured:
    """What a worker elsewhere has measured, if it is of these files; ValueError if not."""
    read, distance = TypeAdapter(_Measured).validate_python(answer)
    if read != hashes or not 0 <= distance <= 2:  # noqa: PLR2004 - SSIM goes down to -1
        raise ValueError("its workers see other files, or measure otherwise")
    return read, distance


_DISTANCE = Piece(_distance, _as_measured)


def _keep(done: Future[_Measured]) -> None:
    if not done.cancelled() and done.exception() is None:
        _known.update([done.result()])


def _record(pairs: Sequence[Pair], found: Sequence[_Measured]) -> None:
    """Keep the distances of different seeds in the ledger, for frames and exports."""
    for ledger in {one.ledger for one, _ in pairs}:
        theirs = {
            hashes: (distance, None)
            for (one, _), (hashes, distance) in zip(pairs, found, strict=True)
            if one.ledger == ledger
        }
        with contextlib.suppress(LedgerError):  # a folder that cannot be written
            Likenesses(ledger.database).keep("seeds", theirs)


def _pairs_for(cells: Cells, run: Run) -> tuple[list[Pair], tuple[str, ...]]:
    """The pairs of seeds that a repetition of *run* is judged by, and what must be said of them.

    Those of its own request; where it has none, those of the whole experiment; for a run of another experiment, none.
    """
    pairs, family = _pairs_of(cells), run.row.family
    if own := _chosen([pair for pair in pairs if pair[0].row.family == family]):
        return own, ()
    if all(other is None or other.row.family != family for _, other in cells):
        return [], ()
    pooled = _chosen(pairs)
    return pooled, (POOLED,) if pooled else ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Verified:
    """What became of asking for the same again.

    Attributes:
        runs: Those that were bought, or found, for it.
        comparisons: Each of them against the first, set against the spread of its request's seeds.
    """

    runs: tuple[Run, ...]
    comparisons: tuple[Comparison, ...]

    def __repr__(self) -> str:
        return "\n\n".join(map(repr, self.comparisons))

    def _repr_html_(self) -> Html:
        return joined(found.html() for found in self.comparisons)


def _missing(session: Session, run: Run, replicates: Sequence[int]) -> int:
    """How many of *replicates* have to be bought: an unsent one whose owner process is dead counts, like one never asked for."""
    ledger, identity = run.ledger, session.channel_of(run).identity

    def stands(row: RunRow) -> bool:
        with session.begin_lock:
            return bool(row.active_key) and not session.supervisor.is_abandoned(Record(row, ledger))

    prints = [replace(run.request, replicate=number).fingerprint(identity) for number in replicates]
    return sum(not any(map(stands, ledger.same_request(fingerprint=each))) for each in prints)


def _check_count(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidRequest(f"{name}={value!r}: use a whole number from 1.", charged="")


def _check_video(run: Run) -> None:
    """Refuse a run whose video, as it was fetched, is not on disk: there would be nothing to compare with."""
    if run.state is not State.FETCHED:
        words, hint = _TROUBLE["missing"], "%kie resume fetches it"
    elif trouble := video_as_fetched(run):
        words, hint = _TROUBLE[trouble], "%kie doctor fetches it again"
    elif run.damage:
        words, hint = f"has nothing to compare with: {' '.join(run.damage)[:-1]}", "verify another run"
    else:
        return
    raise InvalidRequest(f"{run.label} {words}.", hint=hint)


def _run_of(given: Run | Cell) -> Run:
    """The run that is meant by a run, or by a cell as `Experiment.cells` gives it."""
    found = given[-1] if isinstance(given, tuple) and given else given
    if isinstance(found, Run):
        return found
    words = "This cell has no run yet" if found is None and given is not None else f"{given!r} is not a run"
    hint = "give one of exp.runs; exp.best() gives one once runs are rated"
    raise InvalidRequest(f"{words}.", hint=hint, charged="")


def _agree(session: Session, run: Run, count: int, *, yes: bool) -> None:
    """Say what *count* repetitions cost, and ask about it where that is money; a simulated price never is."""
    if run.service == "simulator":
        price = "simulated and free"
    elif run.estimate is None:
        price = "of a model whose price is not known here"
    else:
        whole = run.estimate.credits * count
        price = f"about {whole:g} credits (${whole * USD_PER_CREDIT:.2f})"
    via = session.channel_of(run).settings.via
    words = f"This buys {tables.counted(count, 'more run')} of the same request, {price}{f' ({via})' if via else ''}."
    if yes or run.service == "simulator":
        say(f"kie_nb: {words}")
    elif not agreed(f"{words} Go on?"):
        raise InvalidRequest("Nothing was sent.", hint="yes=True goes on without asking")


def verify(session: Session, given: Run | Cell, *, repeats: int, yes: bool, cells: Cells) -> Verified:
    """Do what `Experiment.verify` says; the seeds of the request among *cells* are measured while the service works."""
    run = _run_of(given)
    _check_count("repeats", repeats)
    _check_video(run)
    replicates = range(run.request.replicate + 1, run.request.replicate + repeats + 1)
    if count := _missing(session, run, replicates):
        _agree(session, run, count, yes=yes)
    channel = session.channel_of(run)
    runs = [session.begin(again(session, run, channel, replicate=number))[0] for number in replicates]
    pairs, remarks = _pairs_for(cells, run)
    jobs = _measured(session, pairs)
    try:
        for other in runs:
            other.wait()
        measured = results(jobs, goes_on="what was bought is there.")
        _record(pairs, measured)
        spread = median_distance(distance for _, distance in measured)
        found = tuple(compare_all([(run, other) for other in runs], spread=spread, remarks=remarks))
    except WaitInterrupted as exc:
        for job in jobs:
            job.cancel()
        hint = "verify again: it finds what was bought, and buys nothing twice"
        raise WaitInterrupted(str(exc.args[0]), hint=hint, charged=exc.charged) from None
    told: dict[tuple[str, str], tuple[float, str | None]] = {
        (one.likeness.first.sha256, one.likeness.second.sha256): (one.likeness.distance, str(one.verdict))
        for one in found
    }
    with contextlib.suppress(LedgerError):  # a folder that cannot be written
        Likenesses(run.ledger.database).keep("repeat", told)
    return Verified(runs=tuple(runs), comparisons=found)
