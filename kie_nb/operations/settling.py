"""Settling a run of unknown outcome: with the task it made, by sending it again at the user's word, or by writing it off."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .. import settings as settings_
from ..engine.record import Record
from ..errors import InvalidRequest, OutcomeUnknown
from ..ledger import owner
from ..ledger.states import UNSETTLED, State
from ..service import TaskRecord
from ..service.callbacks import task_id_of
from ..settings import LOGS
from .evidence import need_unsettled, nothing_to_settle
from .task_matching import Comparison, compare, not_asked

if TYPE_CHECKING:
    from ..engine.supervisor import Supervisor
    from ..engine.workspace import Workspace


ADOPTING = UNSETTLED | {State.WRITTEN_OFF}


def adopt(
    supervisor: Supervisor, run: Record, named: str | Mapping[str, Any], *, agree: Callable[[str], bool]
) -> None:
    """Take the task that is *named* as the one that *run* made; its video is fetched like any other.

    Args:
        supervisor: Who drives it from then on.
        run: Which one.
        named: The id of the task, or the body of a callback that names it.
        agree: Asked once, with what is known, where the service does not say what the task was asked.

    Raises:
        InvalidRequest: the task was made by another request, or belongs to another run.
        OutcomeUnknown: it cannot be compared, and it was not agreed to; the run is left as it was.
    """
    record, found = _compared(supervisor.workspace, run, named)
    doubt = _doubt(record, found)
    if doubt and not agree(doubt):
        raise OutcomeUnknown(
            f"{run.label} was left as it was: whether it made task {record.task_id} is not known.",
            hint=f"kie.get({run.id[:8]!r}).adopt({record.task_id!r}, yes=True) takes it at your word",
            charged="nothing now",
            run_id=run.id,
        )
    _take(supervisor, run, named, record, found)


def adopt_question(workspace: Workspace, run: Record, named: str | Mapping[str, Any]) -> str:
    """What is asked before a task that cannot be compared is adopted; "" where all of it was compared.

    Raises:
        InvalidRequest: as `adopt`.
    """
    return _doubt(*_compared(workspace, run, named))


def _compared(
    workspace: Workspace, run: Record, named: str | Mapping[str, Any]
) -> tuple[TaskRecord, Comparison]:
    run = run.reread()
    if run.state not in ADOPTING:
        raise nothing_to_settle(run)
    task_id = _task_id(named)
    record = replace(_look_up(workspace, run, task_id), task_id=task_id)
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


def settle(supervisor: Supervisor, named: str | Mapping[str, Any]) -> tuple[str, Record | None, str]:
    """Find the uncertain run that made the task which is *named*, by all that was asked, and adopt it.

    Returns:
        The id of the task, the run that it settled or already belonged to, and what was done, in words.

    Raises:
        KieError: the service does not show the task.
    """
    task_id = _task_id(named)
    workspace, ledger = supervisor.workspace, supervisor.workspace.here
    unsettled = [Record(row, ledger) for row in ledger.runs(limit=None, states=ADOPTING)]
    known = next((row for row in ledger.find(task_id) if row.task_id == task_id), None)
    if known is not None:
        return task_id, Record(known, ledger), f"belongs to run {known.id[:8]} already"
    if not unsettled:
        return task_id, None, "no run here has an unknown outcome: there is nothing to settle"
    services = dict.fromkeys(run.service for run in unsettled)
    chosen = settings_.current().service
    first = next((run for run in unsettled if run.service == chosen), unsettled[0])
    record = replace(_look_up(workspace, first, task_id), task_id=task_id)
    beside = {run: compare(run, record) for run in unsettled if run.service == first.service}
    fitting = [run for run, found in beside.items() if not found.differ]
    if not fitting:
        also = f" ({', '.join(services)})" if len(services) > 1 else ""
        return task_id, None, f"fits none of the {len(unsettled)} uncertain runs here{also}"
    if any(beside[run].unsaid for run in fitting):
        return task_id, None, _cannot_be_compared(task_id, fitting, beside)
    # Of two runs of one request the oldest was sent first; one that asked for all that the task was asked comes before both.
    # A lost one has a task already, and one that was written off was given up: they come last.
    last = (State.LOST, State.WRITTEN_OFF)
    run = min(reversed(fitting), key=lambda run: (run.state in last, len(not_asked(run, record))))
    _take(supervisor, run, named, record, beside[run])
    what = "it has failed at the service" if record.state == "fail" else "its video is fetched now"
    return task_id, run, f"is the task of run {run.id[:8]} ({beside[run].words}): {what}"


def _cannot_be_compared(task_id: str, fitting: Sequence[Record], beside: Mapping[Record, Comparison]) -> str:
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


def _look_up(workspace: Workspace, run: Record, task_id: str) -> TaskRecord:
    channel = workspace.channel_of(run)

    async def look() -> TaskRecord:
        client = await channel.client()
        return await client.record(task_id)

    record: TaskRecord = workspace.call(look)
    return record


def _take(
    supervisor: Supervisor,
    run: Record,
    named: str | Mapping[str, Any],
    record: TaskRecord,
    found: Comparison,
) -> None:
    """From here on it is a run like any other."""
    task_id = record.task_id
    by = "by its id" if isinstance(named, str) else "by a callback"
    row = run.ledger.move(
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
        run = run.reread()
        if run.state not in ADOPTING:
            raise nothing_to_settle(run)
        raise InvalidRequest(
            f"task {task_id} belongs to another run here.", hint=f"%kie show {task_id[:12]}", charged=""
        )
    supervisor.ensure_driven(Record(row, run.ledger))


def question(workspace: Workspace, run: Record) -> str:
    """What is asked before a run is sent again: the worst case, and whether that has been done before."""
    later = run.ledger.later(run.row)
    if later is not None:
        return f"It was sent again already, as run {later.id[:8]}: nothing more is sent. Show that one?"
    estimate = run.estimate
    price = f"{estimate.credits:g} credits (${estimate.usd:.2f})" if estimate else "the price of another run"
    callback = " Its callback's address is left out." if run.request.call_back_url else ""
    via = workspace.channel_of(run).settings.via
    again = f"Send it again{f' ({via})' if via else ''}?"
    return f"If the first try was billed, this costs another {price}.{callback} {again}"


def write_off(run: Record, *, charged: bool = True) -> None:
    """Give a run of unknown outcome up; its request may then be sent anew.

    Args:
        charged: Count its estimate as spent; False if your balance shows that it was not billed.

    Should its task turn up after all, `adopt` still brings its video.
    """
    need_unsettled(run)
    credits_ = None if charged else 0.0  # what was not reported is not known, and counted as estimated
    evidence = {"written_off": True, "charged": charged, "credits": credits_, "by": "the user"}
    row = run.ledger.move(
        run.id, State.WRITTEN_OFF, expect=UNSETTLED, evidence=evidence, release=True, credits=credits_
    )
    if row is None:
        raise nothing_to_settle(run.reread())
