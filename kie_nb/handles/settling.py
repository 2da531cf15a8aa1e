"""Settling a run of unknown outcome: with the task it made, by sending it again at the user's word, or by writing it off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .. import settings as settings_
from ..engine.evidence import Evidence, gather
from ..engine.states import UNSETTLED, State
from ..errors import InvalidRequest, KieError, OutcomeUnknown
from ..ledger import owner
from ..operations.task_matching import Comparison, compare, not_asked
from ..presenter import agreed
from ..service import TaskRecord
from ..service.callbacks import task_id_of
from ..settings import LOGS
from ..text import in_line
from .begin import intend
from .prepare import again

if TYPE_CHECKING:
    from .registry import Handles
    from .run import Run


ADOPTING = UNSETTLED | {State.WRITTEN_OFF}


@dataclass(frozen=True, kw_only=True, slots=True)
class Settled:
    """What became of a task that was named.

    Attributes:
        run: The run it settled, or already belonged to; None if it fits none.
        words: What was done, in words.
    """

    task_id: str
    run: Run | None
    words: str

    def __repr__(self) -> str:
        return in_line(f"task {self.task_id} {self.words}")


def evidence(handles: Handles, run: Run, *, max_age_s: float = 0.0) -> Evidence:
    """What is known of *run*, whose outcome is unknown, with the balance as it was at most *max_age_s* ago.

    Raises:
        InvalidRequest: there is nothing to settle.
    """
    _need_unsettled(handles, run)
    channel = handles.channel_of(run)
    found: Evidence = handles.call(
        lambda: gather(handles, handles.tracked(run), channel, max_age_s=max_age_s)
    )
    return found


def adopt(handles: Handles, run: Run, named: str | Mapping[str, Any], *, yes: bool = False) -> Run:
    """Take the task that is *named* as the one that *run* made; its video is fetched like any other.

    Args:
        yes: Go on where the service does not say what the task was asked; else what is known is said, and asked about once.

    Raises:
        InvalidRequest: the task was made by another request, or belongs to another run.
        OutcomeUnknown: it cannot be compared, and it was not agreed to; the run is left as it was.
    """
    record, found = _compared(handles, run, named)
    doubt = _doubt(record, found)
    if doubt and not yes and not agreed(doubt):
        raise OutcomeUnknown(
            f"{run.label} was left as it was: whether it made task {record.task_id} is not known.",
            hint=f"kie.get({run.id[:8]!r}).adopt({record.task_id!r}, yes=True) takes it at your word",
            charged="nothing now",
            run_id=run.id,
        )
    _take(handles, run, named, record, found)
    return run


def adopt_question(handles: Handles, run: Run, named: str | Mapping[str, Any]) -> str:
    """What is asked before a task that cannot be compared is adopted; "" where all of it was compared.

    Raises:
        InvalidRequest: as `adopt`.
    """
    return _doubt(*_compared(handles, run, named))


def _compared(handles: Handles, run: Run, named: str | Mapping[str, Any]) -> tuple[TaskRecord, Comparison]:
    if _state_now(handles, run) not in ADOPTING:
        raise _nothing_to_settle(handles, run)
    task_id = _task_id(named)
    record = replace(_look_up(handles, run, task_id), task_id=task_id)
    found = compare(run, record)
    if found.differ:
        raise InvalidRequest(
            f"task {task_id} was not made by this run: {'; '.join(found.differ)}.",
            hint=f"look at {LOGS} for the one with this prompt and seed",
            charged="",
        )
    return record, found


def _doubt(record: TaskRecord, found: Comparison) -> str:
    if not found.unsaid:
        return ""
    return f"The service does not say what task {record.task_id} was asked: {found.words}. Adopt it all the same?"


def settle(handles: Handles, named: str | Mapping[str, Any]) -> Settled:
    """Find the uncertain run that made the task which is *named*, by all that was asked, and adopt it.

    Raises:
        KieError: the service does not show the task.
    """
    task_id = _task_id(named)
    unsettled = handles.runs(limit=None, states=ADOPTING)
    known = _owner_of(handles, task_id)
    if known is not None:
        return Settled(task_id=task_id, run=known, words=f"belongs to run {known.id[:8]} already")
    if not unsettled:
        return Settled(
            task_id=task_id, run=None, words="no run here has an unknown outcome: there is nothing to settle"
        )
    services = dict.fromkeys(run.service for run in unsettled)
    chosen = settings_.current().service
    first = next((run for run in unsettled if run.service == chosen), unsettled[0])
    record = replace(_look_up(handles, first, task_id), task_id=task_id)
    beside = {run: compare(run, record) for run in unsettled if run.service == first.service}
    fitting = [run for run, found in beside.items() if not found.differ]
    if not fitting:
        also = f" ({', '.join(services)})" if len(services) > 1 else ""
        return Settled(
            task_id=task_id, run=None, words=f"fits none of the {len(unsettled)} uncertain runs here{also}"
        )
    if any(beside[run].unsaid for run in fitting):
        return Settled(task_id=task_id, run=None, words=_cannot_be_compared(task_id, fitting, beside))
    # Of two runs of one request the oldest was sent first; one that asked for all that the task was asked comes before both.
    # A lost one has a task already, and one that was written off was given up: they come last.
    last = (State.LOST, State.WRITTEN_OFF)
    run = min(reversed(fitting), key=lambda run: (run.state in last, len(not_asked(run, record))))
    _take(handles, run, named, record, beside[run])
    what = "it has failed at the service" if record.state == "fail" else "its video is fetched now"
    return Settled(
        task_id=task_id, run=run, words=f"is the task of run {run.id[:8]} ({beside[run].words}): {what}"
    )


def _cannot_be_compared(task_id: str, fitting: Sequence[Run], beside: Mapping[Run, Comparison]) -> str:
    """Which runs may have made it, and the way to say so."""
    first = fitting[-1]  # the oldest
    others = f", or {len(fitting) - 1} more" if len(fitting) > 1 else ""
    return (
        f"cannot be compared: the service does not say what it was asked. It may be that of run {first.id[:8]} "
        f"({beside[first].words}){others}: kie.get({first.id[:8]!r}).adopt({task_id!r}) asks, and takes it at your word"
    )


def _task_id(named: str | Mapping[str, Any]) -> str:
    task_id = named if isinstance(named, str) else task_id_of(named) if isinstance(named, Mapping) else None
    if not task_id or not task_id.strip():
        raise InvalidRequest("no task is named there.", hint=f"give its id, from {LOGS}", charged="")
    return task_id.strip()


def _owner_of(handles: Handles, task_id: str) -> Run | None:
    """The run of the current home that has this task."""
    home = settings_.current().home
    found = [row for row in handles.ledger(home).find(task_id) if row.task_id == task_id]
    return handles.handle(home, found[0]) if found else None


def _look_up(handles: Handles, run: Run, task_id: str) -> TaskRecord:
    channel = handles.channel_of(run)

    async def look() -> TaskRecord:
        client = await channel.client()
        return await client.record(task_id)

    record: TaskRecord = handles.call(look)
    return record


def _take(
    handles: Handles, run: Run, named: str | Mapping[str, Any], record: TaskRecord, found: Comparison
) -> None:
    """From here on it is a run like any other."""
    task_id = record.task_id
    by = "by its id" if isinstance(named, str) else "by a callback"
    row = handles.ledger_of(run).move(
        run.id,
        State.ACCEPTED,
        expect=ADOPTING,
        evidence={"adopted": task_id, "matched": f"named {by}; {found.words}", "param": record.param},
        hand_to=owner.me(),
        owner_hint=owner.hint(),
        alone=True,
        task_id=task_id,
        stamp="accepted_at",
        error=None,
        credits=None,
    )
    if row is None:
        if _state_now(handles, run) not in ADOPTING:
            raise _nothing_to_settle(handles, run)
        raise InvalidRequest(
            f"task {task_id} belongs to another run here.", hint=f"%kie show {task_id[:12]}", charged=""
        )
    handles.update(run, row)
    handles.follow(run)


def resend(handles: Handles, run: Run, *, yes: bool = False) -> Run:
    """Send the request again although the first try may be billed: once, whoever asks for it how often.

    A run of the same request that was begun since then is given instead, or this one if somebody has found its task
    meanwhile; then nothing is sent.

    Args:
        yes: Go on without asking; else the worst case is said, and asked about once.

    Raises:
        OutcomeUnknown: it was not agreed to; nothing was sent.
    """
    _need_unsettled(handles, run)
    home = handles.home_of(run).home
    row = handles.ledger_of(run).later(run.row)
    if row is None:
        if not yes and not agreed(question(handles, run)):
            raise OutcomeUnknown(
                f"{run.label} was left as it is; nothing was sent.",
                hint=f"kie.get({run.id[:8]!r}).resend(yes=True) sends it once more",
                charged="nothing now",
                run_id=run.id,
            )
        prepared = again(handles, run, handles.channel_of(run), home)  # with the picture that was kept
        with handles.begin_lock:
            row, is_new = intend(handles, prepared, fresh=True, max_credits=None, instead_of=run.row)
            if is_new:
                new = handles.handle(home, row)
                handles.follow(new, prepared.channel, to_send=prepared.to_send)
        if is_new:
            handles.wait_for_answer(new)
            return new
    new = handles.handle(home, row)
    if new.state is State.WRITTEN_OFF:  # while the question stood
        raise _nothing_to_settle(handles, new)
    handles.revive(new)
    return new


def question(handles: Handles, run: Run) -> str:
    """What is asked before a run is sent again: the worst case, and whether that has been done before."""
    later = handles.ledger_of(run).later(run.row)
    if later is not None:
        return f"It was sent again already, as run {later.id[:8]}: nothing more is sent. Show that one?"
    estimate = run.estimate
    price = f"{estimate.credits:g} credits (${estimate.usd:.2f})" if estimate else "the price of another run"
    callback = " Its callback's address is left out." if run.request.call_back_url else ""
    via = handles.channel_of(run).settings.via
    again = f"Send it again{f' ({via})' if via else ''}?"
    return f"If the first try was billed, this costs another {price}.{callback} {again}"


def write_off(handles: Handles, run: Run, *, charged: bool = True) -> Run:
    """Give a run of unknown outcome up; its request may then be sent anew.

    Args:
        charged: Count its estimate as spent; False if your balance shows that it was not billed.

    Should its task turn up after all, `adopt` still brings its video.
    """
    _need_unsettled(handles, run)
    credits_ = None if charged else 0.0  # what was not reported is not known, and counted as estimated
    evidence = {"written_off": True, "charged": charged, "credits": credits_, "by": "the user"}
    row = handles.ledger_of(run).move(
        run.id, State.WRITTEN_OFF, expect=UNSETTLED, evidence=evidence, release=True, credits=credits_
    )
    if row is None:
        raise _nothing_to_settle(handles, run)
    handles.update(run, row)
    handles.finish(
        run,
        KieError(f"{run.label} is written off.", hint="run its cell to send the request anew", charged=""),
    )
    return run


def _need_unsettled(handles: Handles, run: Run) -> None:
    if _state_now(handles, run) not in UNSETTLED:
        raise _nothing_to_settle(handles, run)


def _state_now(handles: Handles, run: Run) -> State:
    """As the ledger has it: another kernel may have moved it since this one has looked."""
    row = handles.ledger_of(run).get(run.id)
    if row is None:
        return run.state
    handles.handle(handles.home_of(run).home, row)
    return State(row.state)


def _nothing_to_settle(handles: Handles, run: Run) -> InvalidRequest:
    return InvalidRequest(
        f"{run.label} is {_state_now(handles, run)}: there is nothing to settle.",
        hint="only an unknown or lost run is settled",
        charged="",
    )
