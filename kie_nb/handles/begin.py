"""From a checked request to an intent in the ledger, or to a dry run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..catalogue import Estimate, ImageIdentity
from ..engine.record import Record
from ..engine.transitions import ToSend
from ..errors import NOTHING, AuthError, BudgetExceeded, KieError, LedgerError, NotSent, OutcomeUnknown
from ..ledger import RunRow
from ..ledger.states import State
from ..operations.evidence import need_unsettled, nothing_to_settle
from ..operations.settling import question
from ..presenter import agreed
from ..requests.image_urls import remember
from ..requests.prepare import Prepared, check, check_number, new_run
from .preparation import again
from .run import Run

if TYPE_CHECKING:
    from .registry import Handles


@dataclass(frozen=True, kw_only=True, slots=True)
class Started:
    """What came of asking: the run, and how it came about.

    Attributes:
        how: "new" (it was sent), "shown" (its video was there), "fetched again" (its file was not) or "joined" (it was already running).
        warnings: What the user should know, a line each.
    """

    run: Run
    how: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class DryRun:
    """What would be sent, what it should cost, and what there is already.

    Attributes:
        standing: The run that stands for the request, and is taken in place of a new one.
        who: Who answers, in words; a host that is not Kie's is named.
        refusal: Why a new one would be refused before anything is sent.
    """

    service: str
    body: dict[str, Any]
    estimate: Estimate | None
    picture: ImageIdentity | None
    same: tuple[Run, ...]
    other_seeds: tuple[Run, ...]
    standing: Run | None
    refusal: KieError | None
    seed_is_drawn: bool
    who: str = ""
    warnings: tuple[str, ...] = ()


def intend(
    handles: Handles,
    prepared: Prepared,
    *,
    fresh: bool,
    max_credits: float | None,
    instead_of: RunRow | None = None,
    experiment_limit: float | None = None,
) -> tuple[RunRow, bool]:
    """Record the intent, or find the run that stands for the request; the second value says whether it is new.

    Raises:
        BudgetExceeded, AuthError, InvalidRequest, NotSent: before anything is written.
    """
    check_number(max_credits)
    request = prepared.request
    ledger = handles.ledger(prepared.home)
    new = new_run(prepared)
    if fresh or ledger.standing(new) is None:
        if handles.dispatcher.is_ending:
            raise NotSent("the process has begun to end, and sends nothing more.", hint="run it again")
        # What needs a key, money or the picture on disk is checked before the intent is recorded, not after.
        check(prepared, max_credits)
        handles.files(prepared.home).check_folders()
        if prepared.content is not None and request.image is not None:
            handles.files(prepared.home).keep_input(
                prepared.content, request.image.sha256, request.image.mime
            )
        if request.image is not None:
            remember(request.image, ledger)
    row, is_new = ledger.intend(new, fresh=fresh, instead_of=instead_of, experiment_limit=experiment_limit)
    if is_new and prepared.origin is not None and "git" not in (new.origin or {}):
        prepared.origin.tell_later(ledger, row.id)
    return row, is_new


def to_send(handles: Handles, prepared: Prepared) -> ToSend:
    """What is sent of it."""
    return ToSend(prepared.request, prepared.content, handles.channel(prepared.channel.settings))


def look(
    handles: Handles, prepared: Prepared, *, fresh: bool = False, max_credits: float | None = None
) -> DryRun:
    """What would be sent, what there is already, and what would come of asking."""
    request, ledger = prepared.request, handles.ledger(prepared.home)
    service, drawn = prepared.channel.settings.service, prepared.seed_drawn
    fingerprint = request.fingerprint(prepared.channel.identity)
    family = ledger.same_request(family=request.family(prepared.channel.identity))
    same = [] if drawn else ledger.same_request(fingerprint=fingerprint)
    others = [row for row in family if drawn or row.fingerprint != fingerprint]
    row = None if fresh else standing(handles, prepared)
    image = request.image
    body: dict[str, Any] = {"model": request.model, "input": request.wire_input(_address(prepared))}
    if request.call_back_url:
        body["callBackUrl"] = request.call_back_url
    return DryRun(
        service=service,
        body=body,
        estimate=request.estimate,
        picture=image,
        same=tuple(handles.handle(prepared.home, row) for row in same),
        other_seeds=tuple(handles.handle(prepared.home, row) for row in others),
        standing=handles.handle(prepared.home, row) if row else None,
        refusal=None if row else _refusal(handles, prepared, max_credits),
        seed_is_drawn=drawn,
        who=prepared.channel.settings.who,
        warnings=prepared.warnings,
    )


def standing(handles: Handles, prepared: Prepared) -> RunRow | None:
    """The run that asking would find; not an abandoned one, which asking cancels and sends anew."""
    row = handles.ledger(prepared.home).standing(new_run(prepared))
    if row is None or row.state != State.INTENT:
        return row
    with handles.begin_lock:
        return None if handles.supervisor.is_abandoned(Record(row, handles.ledger(prepared.home))) else row


def _refusal(handles: Handles, prepared: Prepared, max_credits: float | None) -> KieError | None:
    new = new_run(prepared)
    try:
        check(prepared, max_credits)
        handles.ledger(prepared.home).check_limits(new.service, new.estimate, new.scopes)
    except (AuthError, BudgetExceeded) as exc:
        return exc
    return None


def _address(prepared: Prepared) -> str | None:
    image = prepared.request.image
    if image is None:
        return None
    return (
        image.url if prepared.content is None else f"<uploaded: {image.label}, sha256 {image.sha256[:12]}…>"
    )


@contextlib.contextmanager
def nothing_charged() -> Iterator[None]:
    """Where nothing can have been sent yet, trouble with the ledger has cost nothing, and says so."""
    try:
        yield
    except LedgerError as exc:
        exc.charged = exc.charged or NOTHING
        raise


def resend(handles: Handles, run: Run, *, yes: bool = False) -> Run:
    """Send the request again although the first try may be billed: once, whoever asks for it how often.

    A run of the same request that was begun since then is given instead, or this one if somebody has found its task
    meanwhile; then nothing is sent.

    Args:
        yes: Go on without asking; else the worst case is said, and asked about once.

    Raises:
        OutcomeUnknown: it was not agreed to; nothing was sent.
    """
    need_unsettled(run)
    home = run.ledger.home
    row = run.ledger.later(run.row)
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
                handles.supervisor.ensure_driven(new, may_send=to_send(handles, prepared))
        if is_new:
            handles.wait_for_answer(new)
            return new
    new = handles.handle(home, row)
    if new.state is State.WRITTEN_OFF:  # while the question stood
        raise nothing_to_settle(new)
    handles.supervisor.ensure_driven(new)
    return new
