"""Settling a run of unknown outcome: with the task it made, by sending it again at the user's word, or by writing it off."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .. import settings as settings_
from ..catalogue import ImageIdentity, Request
from ..engine.record import Record
from ..errors import InvalidRequest, OutcomeUnknown
from ..ledger import owner
from ..ledger.schema import moment
from ..ledger.states import UNSETTLED, State
from ..requests.images import upload_name
from ..service import TaskRecord
from ..service.records import task_id_of
from ..wording.next_steps import LOGS
from .evidence import need_unsettled, nothing_to_settle

if TYPE_CHECKING:
    from ..engine.supervisor import Supervisor
    from ..engine.workspace import Workspace


CLOCKS_S = 900.0  # a create takes a minute at most; our clock and the service's may disagree


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """A task beside a run."""

    agree: tuple[str, ...]  # what of the request is the same
    differ: tuple[str, ...]  # parts of a sentence; any of them means that the run did not make the task
    unsaid: tuple[str, ...]  # what cannot be compared, for the service does not say what was asked
    late_s: float | None  # how long after the run was sent the task was made; None where one is not known

    @property
    def words(self) -> str:
        """What fits and what is not known, in words."""
        parts = [f"{_listed(self.agree)} agree{'s' if len(self.agree) == 1 else ''}"] if self.agree else []
        if self.late_s is not None:
            when = "before" if self.late_s < 0 else "after"
            parts.append(f"it was made {abs(self.late_s):.0f} s {when} the run was sent")
        if self.unsaid:
            parts.append(f"its {_listed(self.unsaid)} cannot be compared")
        return "; ".join(parts)


def compare(run: Record, record: TaskRecord) -> Comparison:
    """*record* beside *run*: model, prompt, seed, picture, every other input that it tells, and the moment."""
    asked, param = run.request, record.param or {}
    theirs = param.get("input") or {}
    model = str(param.get("model") or record.model)
    # What is compared: its name, whether the service says it, whether it is the same, and what is said where it is not.
    parts = [("model", bool(model), model == asked.model, f"its model is {model}")]
    if asked.prompt:
        is_same = theirs.get("prompt") == asked.prompt
        parts.append(("prompt", bool(theirs), is_same, "its prompt is another one"))
    if asked.seed is not None:
        seed = theirs.get("seed")
        parts.append(("seed", bool(theirs), str(seed) == str(asked.seed), f"its seed is {seed}"))
    for name, given in _media_by_field(asked).items():
        is_same = _are_these(given, theirs.get(name))
        word = "picture" if len(given) == 1 and name == asked.image_field else name
        parts.append((word, bool(theirs), is_same, f"its {word} is another one"))
    for name, value in asked.inputs.items():
        if name != "prompt" and name in theirs:
            is_same = str(theirs[name]).lower() == str(value).lower()
            parts.append((name, True, is_same, f"its {name} is {theirs[name]}"))
    differ = [words for _, is_said, is_same, words in parts if is_said and not is_same]
    sent = moment(run.row.sent_at)
    late_s = record.created_ms / 1000 - sent.timestamp() if sent and record.created_ms else None
    if late_s is not None and abs(late_s) > CLOCKS_S:
        when = "before" if late_s < 0 else "after"
        differ.append(f"it was made {abs(late_s) / 60:.0f} minutes {when} this run was sent")
    return Comparison(
        agree=tuple(name for name, is_said, is_same, _ in parts if is_said and is_same),
        differ=tuple(differ),
        unsaid=tuple(name for name, is_said, _, _ in parts if not is_said),
        late_s=late_s,
    )


def not_asked(run: Record, record: TaskRecord) -> list[str]:
    """What the task was asked beyond what *run* asks; a service may also fill in defaults of its own."""
    asked, theirs = run.request, (record.param or {}).get("input", {})
    known = {*asked.inputs, "seed", *_media_by_field(asked)}
    return [name for name, value in theirs.items() if name not in known and value is not None]


def _media_by_field(asked: Request) -> dict[str, list[ImageIdentity]]:
    """The media of a request as they are in the fields of the wire."""
    found: dict[str, list[ImageIdentity]] = {}
    for slot in asked.slots:
        given = [one for role, one in asked.all_media if role == slot.role]
        if given:
            found.setdefault(slot.field, []).extend(given)
    return found


def _are_these(media: list[ImageIdentity], value: Any) -> bool:
    """Whether *value*, an address or several, names just *media*: by their addresses, or by uploads whose names hold their hashes."""
    several = value if isinstance(value, list) else [value]
    addresses = [one.get("image_url") if isinstance(one, dict) else one for one in several]
    return len(addresses) == len(media) and all(
        address == one.url if one.url else upload_name(one) in str(address or "")
        for one, address in zip(media, addresses, strict=True)
    )


def _listed(names: tuple[str, ...]) -> str:
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


ADOPTING = UNSETTLED | {State.WRITTEN_OFF}


def adopt(
    supervisor: Supervisor, run: Record, named: str | Mapping[str, Any], *, agree: Callable[[str], bool]
) -> None:
    """Take the task that is *named*, by its id or a callback's body, as the one that *run* made; its video is fetched.

    *agree* is asked once, with what is known, where the service does not say what the task was asked.

    Raises:
        InvalidRequest: the task was made by another request, or belongs to another run.
        OutcomeUnknown: it cannot be compared, and it was not agreed to; the run is left as it was.
    """
    record, found = _compared(supervisor.workspace, run, named)
    doubt = _doubt(record, found)
    if doubt and not agree(doubt):
        raise OutcomeUnknown(
            f"{run.label} was left as it was: whether it made task {record.task_id} is not known.",
            hint=f"kie.get({run.id[:8]!r}).adopt({record.task_id!r}, yes=True) uses it without comparing",
            charged="nothing now",
            run_id=run.id,
        )
    _take(supervisor, run, named, record, found)


def adopt_question(workspace: Workspace, run: Record, named: str | Mapping[str, Any]) -> str:
    """What `adopt` would ask; "" where all of it was compared."""
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
        words = f"Task {task_id} was not made by this run: {'; '.join(found.differ)}."
        hint = f"look at {LOGS} for the one with this prompt and seed"
        raise InvalidRequest(words, hint=hint, charged="")
    return record, found


def _doubt(record: TaskRecord, found: Comparison) -> str:
    if not found.unsaid:
        return ""
    return (
        f"The service does not say what task {record.task_id} was asked: {found.words}. Use this task anyway?"
    )


def settle(supervisor: Supervisor, named: str | Mapping[str, Any]) -> tuple[str, Record | None, str]:
    """Find the uncertain run that made the task which is *named*, by all that was asked, and adopt it.

    Returns:
        The id of the task, the run that it settled or already belonged to, and what was done, in words.
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
        f"({beside[first].words}){others}: kie.get({first.id[:8]!r}).adopt({task_id!r}) asks, and uses it without comparing"
    )


def _task_id(named: str | Mapping[str, Any]) -> str:
    task_id = named if isinstance(named, str) else task_id_of(named) if isinstance(named, Mapping) else None
    if not task_id or not task_id.strip():
        raise InvalidRequest("No task is named there.", hint=f"give its id, from {LOGS}", charged="")
    return task_id.strip()


def _look_up(workspace: Workspace, run: Record, task_id: str) -> TaskRecord:
    channel = workspace.channel_of(run)

    async def look() -> TaskRecord:
        client = await channel.client()
        return await client.record(task_id)

    record: TaskRecord = workspace.call(look)
    return record


def _take(
    supervisor: Supervisor, run: Record, named: str | Mapping[str, Any], record: TaskRecord, found: Comparison
) -> None:
    """From here on it is a run like any other."""
    task_id = record.task_id
    # Its address may hold a token, which is kept nowhere.
    param = {name: value for name, value in (record.param or {}).items() if name != "callBackUrl"} or None
    by = "by its id" if isinstance(named, str) else "by a callback"
    row = run.ledger.move(
        run.id,
        State.ACCEPTED,
        expect=ADOPTING,
        evidence={"adopted": task_id, "matched": f"named {by}; {found.words}", "param": param},
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
        words = f"Task {task_id} belongs to another run here."
        raise InvalidRequest(words, hint=f"%kie show {task_id[:12]}", charged="")
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
    """Give a run of unknown outcome up, its estimate counted as spent if *charged*; its request may then be sent anew.

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
