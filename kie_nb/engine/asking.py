"""What is asked: from loose arguments to a checked request, an intention in the ledger, or a look without sending."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import settings as settings_
from ..catalogue import SEED_MAX, Estimate, ImageIdentity, Request, build_request
from ..catalogue.wan import DEFAULT_MODEL
from ..errors import (
    NOTHING,
    AuthError,
    BadImage,
    BudgetExceeded,
    InvalidRequest,
    KieError,
    LedgerError,
    NotSent,
)
from ..home import read_plain
from ..ledger import NewRun, RunRow, owner
from ..paths import shown_path
from . import origin as origin_
from .facts import Facts
from .images import Picture, is_url, read_picture
from .states import State
from .urls import by_address, check_unchanged, picture_at, picture_for_all, recorded_pictures, remember

if TYPE_CHECKING:
    from .channel import Channel
    from .run import Run
    from .session import Session


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


@dataclass(frozen=True, slots=True)
class ToSend:
    """What somebody here has asked for and had checked. The ledger's copy of it is for looking: a file may be anybody's.

    Attributes:
        content: The picture, where it is to be uploaded.
    """

    request: Request
    content: bytes | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """A checked request, and the way it would go."""

    request: Request
    channel: Channel
    home: Path
    content: bytes | None
    seed_drawn: bool
    warnings: tuple[str, ...] = field(default=())
    experiment: str | None = None
    origin: origin_.Origin | None = field(default=None, compare=False)

    @property
    def fingerprint(self) -> str:
        """What tells this request from all others at its service."""
        return self.request.fingerprint(self.channel.identity)

    @property
    def to_send(self) -> ToSend:
        """What is sent of it."""
        return ToSend(self.request, self.content)


def prepare(
    session: Session, prompt: str | None, asked: dict[str, Any], current: settings_.Settings | None = None
) -> Prepared:
    """Check *asked*, read its picture, and draw a seed where none was given; nothing is sent or written.

    Args:
        current: The settings, where they have been read for many requests.

    Raises:
        InvalidRequest: it cannot be sent as it is.
    """
    current = current or settings_.current()
    channel = session.channel(current)
    source = asked.pop("image", None)
    asked = {"prompt": prompt, **asked, "model": asked.get("model") or DEFAULT_MODEL}
    if is_url(source):
        ledger = session.ledger(current.home)
        for recorded in recorded_pictures(str(source), ledger, channel=channel):
            prepared = _prepared(dict(asked), recorded, channel, current.home)
            if ledger.standing(new_run(prepared)) is not None:
                return prepared
        picture, warnings = picture_at(str(source), ledger, channel=channel)
        return _prepared(asked, picture, channel, current.home, warnings)
    if isinstance(source, Facts):
        raise InvalidRequest(
            "a run is a video, not a picture.", hint="pass a frame of it, or the address of a picture"
        )
    if source is not None and not isinstance(source, Picture):
        source = read_picture(source)
    return _prepared(asked, source, channel, current.home)


def picture_of_all(session: Session, source: Any) -> tuple[Picture, tuple[str, ...]]:
    """The picture that many requests are to share, read or fetched once, and warnings.

    Raises:
        BadImage: it cannot be used.
    """
    if not is_url(source):
        return read_picture(source), ()
    current = settings_.current()
    channel = session.channel(current)
    return picture_for_all(str(source), session.ledger(current.home), channel=channel)


def as_it_was_asked(session: Session, prepared: Prepared, kept: Collection[str]) -> Prepared:
    """The same request as it is known already, where it was asked for while its picture's address could not be read.

    Such a run is known by the address; the bytes that are known since make no other request of it.

    Args:
        session: Whose it is.
        prepared: The request, its picture known by its bytes.
        kept: Fingerprints that it was to be asked for by, if there is no run yet.
    """
    image = prepared.request.image
    if image is None or image.url is None or image.by_url:
        return prepared
    ledger = session.ledger(prepared.home)
    blind = replace(prepared, request=replace(prepared.request, image=by_address(image.url)))
    if ledger.standing(new_run(prepared)) is not None:
        return prepared
    meant = blind.fingerprint in kept and prepared.fingerprint not in kept
    return blind if meant or ledger.standing(new_run(blind)) is not None else prepared


def _prepared(
    asked: dict[str, Any],
    picture: Picture | None,
    channel: Channel,
    home: Path,
    warnings: tuple[str, ...] = (),
) -> Prepared:
    replicate, experiment = asked.pop("replicate", 0), asked.pop("experiment", None)
    request = build_request(image=picture.identity if picture else None, **asked)
    if replicate:
        request = replace(request, replicate=replicate)
    seed_drawn = request.seed is None and request.takes_seed
    if seed_drawn:
        request = request.with_seed(secrets.randbelow(SEED_MAX + 1))
    return Prepared(
        request=request,
        channel=channel,
        home=home,
        content=picture.content if picture else None,
        seed_drawn=seed_drawn,
        warnings=warnings,
        experiment=experiment,
    )


def again(
    session: Session, run: Run, channel: Channel, home: Path, *, replicate: int | None = None
) -> Prepared:
    """The request of *run* once more, with the picture that was kept beside the ledger.

    Args:
        session: Whose it is.
        run: What was asked before.
        channel: The way to its service.
        home: Its folder.
        replicate: The number of a wanted repetition, which is a request of its own; by default the same request.

    Raises:
        BadImage: the picture is gone, was altered, or its address serves another one now.
        LedgerError: the ledger has another request in its place.
    """
    # A callback's address is the user's own word each time: a record may be a stranger's.
    request, content = replace(run.request, call_back_url=None), None
    if request.fingerprint(channel.identity) != run.row.fingerprint:
        raise LedgerError(
            f"the request of run {run.id[:8]} in the ledger is not the one that was sent; nothing was sent.",
            hint="run its cell, which says what is asked",
            charged=NOTHING,
        )
    image = request.image
    if image is not None:
        check_unchanged(image, channel=channel)
    if image is not None and image.url is None:
        kept = session.files(home).find_input(image.sha256)
        if kept is None:
            raise BadImage(
                f"the picture {image.label} is no longer in {shown_path(session.files(home).inputs)}.",
                hint="run the cell with --fresh",
            )
        content = read_plain(kept)
        if hashlib.sha256(content).hexdigest() != image.sha256:  # paid for, and not what was asked
            raise BadImage(
                f"{kept.name} is no longer the picture {image.label} that was sent.",
                hint="run the cell with --fresh",
            )
    drawn, experiment = run.row.seed_drawn, run.row.experiment
    if replicate is not None:
        request, drawn = replace(request, replicate=replicate), False
    return Prepared(
        request=request,
        channel=channel,
        home=home,
        content=content,
        seed_drawn=drawn,
        experiment=experiment,
        origin=origin_.here(),
    )


def new_run(prepared: Prepared) -> NewRun:
    """What is known of the run before anything is sent."""
    request, channel = prepared.request, prepared.channel
    estimate = request.estimate
    return NewRun(
        service=channel.service,
        account=channel.account,
        model=request.model,
        request=request.to_json(),
        fingerprint=prepared.fingerprint,
        family=request.family(channel.identity),
        seed=request.seed,
        seed_drawn=prepared.seed_drawn,
        estimate=estimate.credits if estimate else None,
        owner=owner.me(),
        owner_hint=owner.hint(),
        made_by=origin_.made_by(),
        notebook=origin_.notebook(),
        experiment=prepared.experiment,
        origin=prepared.origin.known() if prepared.origin else None,
    )


def intend(
    session: Session,
    prepared: Prepared,
    *,
    fresh: bool,
    max_credits: float | None,
    instead_of: RunRow | None = None,
    experiment_limit: float | None = None,
) -> tuple[RunRow, bool]:
    """Write the intention down, or find the run that stands for the request; the second value says which.

    Raises:
        BudgetExceeded, AuthError, InvalidRequest, NotSent: before anything is written.
    """
    check_number(max_credits)
    request = prepared.request
    ledger = session.ledger(prepared.home)
    new = new_run(prepared)
    if fresh or ledger.standing(new) is None:
        if session.dispatcher.is_ending:
            raise NotSent("the process has begun to end, and sends nothing more.", hint="run it again")
        # What needs a key, money or the picture on disk is checked before the intention, not after.
        check(prepared, max_credits)
        session.files(prepared.home).check_folders()
        if prepared.content is not None and request.image is not None:
            session.files(prepared.home).keep_input(
                prepared.content, request.image.sha256, request.image.mime
            )
        if request.image is not None:
            remember(request.image, ledger)
    row, is_new = ledger.intend(new, fresh=fresh, instead_of=instead_of, experiment_limit=experiment_limit)
    if is_new and prepared.origin is not None and "git" not in (new.origin or {}):
        prepared.origin.tell_later(ledger, row.id)
    return row, is_new


def look(
    session: Session, prepared: Prepared, *, fresh: bool = False, max_credits: float | None = None
) -> DryRun:
    """What would be sent, what there is already, and what would come of asking."""
    request, ledger = prepared.request, session.ledger(prepared.home)
    service, drawn = prepared.channel.service, prepared.seed_drawn
    fingerprint = request.fingerprint(prepared.channel.identity)
    family = ledger.same_request(family=request.family(prepared.channel.identity))
    same = [] if drawn else ledger.same_request(fingerprint=fingerprint)
    others = [row for row in family if drawn or row.fingerprint != fingerprint]
    row = None if fresh else standing(session, prepared)
    image = request.image
    body: dict[str, Any] = {"model": request.model, "input": request.wire_input(_address(prepared))}
    if request.call_back_url:
        body["callBackUrl"] = request.call_back_url
    return DryRun(
        service=service,
        body=body,
        estimate=request.estimate,
        picture=image,
        same=tuple(session.handle(prepared.home, row) for row in same),
        other_seeds=tuple(session.handle(prepared.home, row) for row in others),
        standing=session.handle(prepared.home, row) if row else None,
        refusal=None if row else _refusal(session, prepared, max_credits),
        seed_is_drawn=drawn,
        who=prepared.channel.settings.who,
        warnings=prepared.warnings,
    )


def standing(session: Session, prepared: Prepared) -> RunRow | None:
    """The run that asking would find; not one that was left unsent, which asking takes back and sends."""
    row = session.ledger(prepared.home).standing(new_run(prepared))
    if row is None or row.state != State.INTENT:
        return row
    with session.begin_lock:
        return None if session.was_left(session.handle(prepared.home, row)) else row


def _refusal(session: Session, prepared: Prepared, max_credits: float | None) -> KieError | None:
    new = new_run(prepared)
    try:
        check(prepared, max_credits)
        session.ledger(prepared.home).check_limits(new.service, new.estimate, new.scopes)
    except (AuthError, BudgetExceeded) as exc:
        return exc
    return None


def check(prepared: Prepared, max_credits: float | None) -> None:
    """Refuse what may not cost so much, and what needs a key where there is none.

    Raises:
        BudgetExceeded, AuthError: saying which.
    """
    estimate, current = prepared.request.estimate, prepared.channel.settings
    check_limit(estimate, max_credits, "max_credits")
    check_limit(estimate, current.max_credits, "the limit of configure(max_credits=...)")
    if prepared.channel.service == "kie":
        settings_.require_key(current)


def _address(prepared: Prepared) -> str | None:
    image = prepared.request.image
    if image is None:
        return None
    return (
        image.url if prepared.content is None else f"<uploaded: {image.label}, sha256 {image.sha256[:12]}…>"
    )


def check_number(max_credits: object) -> None:
    """Refuse a limit that would limit nothing, or that a text stands for.

    Raises:
        InvalidRequest: saying what is needed.
    """
    is_number = isinstance(max_credits, int | float) and not isinstance(max_credits, bool)
    if max_credits is not None and not (is_number and max_credits >= 0):  # type: ignore[operator]  # nan is not
        raise InvalidRequest(
            f"max_credits={max_credits!r}: a number of credits is needed.",
            hint="max_credits=500, or leave it out for no limit",
        )


def check_limit(estimate: Estimate | None, limit: float | None, name: str) -> None:
    """Refuse what is estimated above *limit*, which the message calls *name*."""
    if limit is None:
        return
    if estimate is None:
        raise BudgetExceeded(
            f"the price of this model is not known here, so {name}={limit:g} cannot be kept.",
            hint="leave the limit out for this run if you know the price",
        )
    if estimate.credits > limit:
        raise BudgetExceeded(
            f"this run is estimated at {estimate.credits:g} credits, above {name}={limit:g}.",
            hint="choose a shorter or smaller video, or raise the limit",
        )


@contextlib.contextmanager
def nothing_charged() -> Iterator[None]:
    """Where nothing can have been sent yet, trouble with the ledger has cost nothing, and says so."""
    try:
        yield
    except LedgerError as exc:
        exc.charged = exc.charged or NOTHING
        raise
