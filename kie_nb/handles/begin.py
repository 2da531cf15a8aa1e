"""From user arguments to a checked request, then to an intent in the ledger or to a dry run; nothing is sent here."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .. import settings as settings_
from ..catalogue import Estimate, ImageIdentity, noun_of, resolve
from ..catalogue.building import check_address
from ..catalogue.models import DEFAULT_MODEL
from ..engine.record import Record
from ..engine.transitions import ToSend
from ..errors import (
    NOTHING,
    AuthError,
    BadImage,
    BudgetExceeded,
    InvalidRequest,
    KieError,
    LedgerError,
    NotSent,
    OutcomeUnknown,
)
from ..home import read_plain
from ..ledger import Ledger, RunRow
from ..ledger.money import CellTerms
from ..ledger.states import State
from ..operations.evidence import need_unsettled, nothing_to_settle
from ..operations.pictures import find_sent, where_sent
from ..operations.settling import question
from ..paths import shown_path
from ..presenter import agreed
from ..requests import image_urls, provenance
from ..requests.images import Picture, read_picture
from ..requests.prepare import Key, Prepared, build, check, check_number, new_run
from ..requests.sources import is_url, unwrapped
from ..service.callback_address import AUTO, chosen_address, takes_token
from .gathering import Gathering
from .run import Run

if TYPE_CHECKING:
    from ..engine.channel import Channel
    from ..engine.workspace import Workspace
    from .registry import Handles


def prepare(
    workspace: Workspace, prompt: str | None, asked: dict[str, Any], current: settings_.Settings | None = None
) -> Prepared:
    """Check *asked*, read its media, and draw a seed where none was given; nothing is sent or written."""
    current = current or settings_.current()
    channel, ledger = workspace.channel(current), workspace.ledger(current.home)
    callback, said = callback_of(asked.get("call_back_url"), current)
    asked = {
        "prompt": prompt,
        **asked,
        "model": resolve(asked.get("model") or DEFAULT_MODEL),
        "call_back_url": callback,
    }
    gathered = Gathering(asked, channel, ledger)
    for media in gathered.before():
        prepared = build(dict(asked), media, channel, current.home)
        if ledger.standing(Key(prepared)) is not None:
            return prepared
    media, warnings = gathered.now()
    return build(asked, media, channel, current.home, (*warnings, *said))


def callback_of(told: str | None, current: settings_.Settings) -> tuple[str | None, tuple[str, ...]]:
    """The address that `--callback` means, and what is said of one that is not the user's own word: who is asked to call it."""
    address = chosen_address(told)
    check_address(address)
    if address is None or told != AUTO:
        return address, ()
    whom = "The simulator" if current.service == "simulator" else current.who
    words = f"{whom} is asked to call {address} when the task has ended, with a token of this run's alone."
    return address, (words,)


def picture_of_all(
    workspace: Workspace, source: Any, *, check_image: bool = True, **how: bool
) -> tuple[Picture, tuple[str, ...]]:
    """The picture that many requests are to share, read or fetched once, and warnings; *how* is for `read_picture`."""
    source = unwrapped(source)
    if not is_url(source):
        picture = read_picture(source, **how)
        return picture, picture.remarks
    current = settings_.current()
    channel, ledger = workspace.channel(current), workspace.ledger(current.home)
    return image_urls.picture_for_all(str(source), ledger, channel=channel, check=check_image)


def as_it_was_asked(workspace: Workspace, prepared: Prepared, kept: Collection[str]) -> Prepared:
    """The same request as it is known already, where it was asked for while its picture's address could not be read.

    Such a run is known by the address; the bytes that are known since make no other request of it. If there is no run yet,
    *kept* has the fingerprints that it was to be asked for by.
    """
    image = prepared.request.image
    if image is None or image.url is None or image.by_url:
        return prepared
    ledger = workspace.ledger(prepared.home)
    blind = replace(prepared, request=replace(prepared.request, image=image_urls.by_address(image.url)))
    if ledger.standing(Key(prepared)) is not None:
        return prepared
    meant = blind.fingerprint in kept and prepared.fingerprint not in kept
    return blind if meant or ledger.standing(Key(blind)) is not None else prepared


def again(workspace: Workspace, run: Record, channel: Channel, *, replicate: int | None = None) -> Prepared:
    """The request of *run* once more, with the picture that was kept; or its repetition of number *replicate*.

    Raises:
        BadImage: the picture is gone, was altered, or its address serves another one now.
        LedgerError: the ledger has another request in its place.
    """
    # A callback's address is the user's own word each time: a record may be a stranger's.
    if run.is_film:
        words = f"{run.label} is a film that was joined here: nobody can be asked for it again."
        raise InvalidRequest(words, hint="kie.join joins its clips again, and buys nothing")
    request, contents = replace(run.request, call_back_url=None), dict[str, bytes]()
    if request.fingerprint(channel.identity) != run.row.fingerprint:
        raise LedgerError(
            f"The request of run {run.id[:8]} in the ledger is not the one that was sent; nothing was sent.",
            hint="run its cell, which says what is asked",
            charged=NOTHING,
        )
    for _role, one in request.all_media:
        image_urls.check_unchanged(one, channel=channel)
        if one.url is None:
            contents[one.sha256] = _kept_content(workspace, run, one)
    drawn, experiment = run.row.seed_drawn, run.row.experiment
    if replicate is not None:
        request, drawn = replace(request, replicate=replicate), False
    return Prepared(
        request=request,
        channel=channel,
        home=run.ledger.home,
        contents=contents,
        seed_drawn=drawn,
        experiment=experiment,
        origin=provenance.here(),
        links=tuple({**link} for link in (run.row.origin or {}).get("sources") or ()),
    )


def _kept_content(workspace: Workspace, run: Record, one: ImageIdentity) -> bytes:
    files, hint = run.ledger.files, "run the cell with --fresh"
    kept, noun = find_sent(workspace, run, one), noun_of(one)
    if kept is None:
        where = where_sent(run)
        words = f"The {noun} {one.label} is {where or f'no longer in {shown_path(files.inputs)}'}."
        raise BadImage(words, hint=hint)
    content = read_plain(kept)
    if hashlib.sha256(content).hexdigest() != one.sha256:  # paid for, and not what was asked
        raise BadImage(f"{kept.name} is no longer the {noun} {one.label} that was sent.", hint=hint)
    return content


@dataclass(frozen=True, kw_only=True, slots=True)
class Started:
    """The result of asking: the run, and whether it is new.

    Attributes:
        how: "new" (it was sent), "shown" (its video was there), "fetched again" (its file was not) or "joined" (it was already running).
        warnings: What the user should know, a line each.
    """

    run: Run
    how: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class DryRun:
    """What would be sent, what it should cost, and what there is already."""

    service: str
    body: dict[str, Any]
    estimate: Estimate | None
    picture: ImageIdentity | None
    same: tuple[Run, ...]
    other_seeds: tuple[Run, ...]
    standing: Run | None  # what is taken in place of a new one
    refusal: KieError | None  # why a new one would be refused before anything is sent
    seed_is_drawn: bool
    has_no_seed: bool = False  # by the model's description
    who: str = ""  # answers, in words; a host that is not Kie's is named
    warnings: tuple[str, ...] = ()


def intend(
    handles: Handles,
    prepared: Prepared,
    *,
    fresh: bool,
    max_credits: float | None,
    instead_of: RunRow | None = None,
    cell_terms: CellTerms | None = None,
) -> tuple[RunRow, bool]:
    """Record the intent, or find the run that stands for the request; the second value says whether it is new.

    What refuses it (`BudgetExceeded`, `AuthError`, `InvalidRequest`, `NotSent`) does so before anything is written.
    """
    check_number(max_credits)
    new = new_run(prepared)
    ledger = handles.ledger(prepared.home)
    if ledger.database.is_shared or ledger.files.cache is not None:
        new = replace(new, origin={**(new.origin or {}), **ledger.files.whereabouts()})
    if fresh or ledger.standing(new) is None:
        if handles.dispatcher.is_ending:
            raise NotSent("This process is shutting down and sends nothing more.", hint="run it again")
        # What needs a key, money or its media on disk is checked before the intent is recorded, not after.
        check(prepared, max_credits)
        ledger.files.check_folders()
        for _role, one in prepared.request.all_media:
            content = prepared.contents.get(one.sha256)
            if content is not None:
                ledger.files.keep_input(content, one.sha256, one.mime, one.label)
            image_urls.remember(one, ledger)
    row, is_new = ledger.intend(new, fresh=fresh, instead_of=instead_of, cell_terms=cell_terms)
    if is_new:
        _tell_sources(ledger, prepared, row)
    if is_new and prepared.origin is not None and "git" not in (new.origin or {}):
        prepared.origin.tell_later(ledger, row.id)
    return row, is_new


def _tell_sources(ledger: Ledger, prepared: Prepared, row: RunRow) -> None:
    """Note in the history of each run that this one was made of something of it."""
    for link in prepared.links:
        told = {name: link[name] for name in ("frame", "role", "sha256") if name in link}
        with contextlib.suppress(LedgerError):  # the clip itself is recorded, and knows its sources
            ledger.note_step(str(link.get("run")), {"continued by": {"run": row.id, **told}})


def to_send(handles: Handles, prepared: Prepared) -> ToSend:
    """What is sent of it."""
    return ToSend(prepared.request, prepared.contents, handles.channel(prepared.channel.settings))


def look(
    handles: Handles, prepared: Prepared, *, fresh: bool = False, max_credits: float | None = None
) -> DryRun:
    """What would be sent, what there is already, and what would come of asking."""
    request, ledger = prepared.request, handles.ledger(prepared.home)
    channel, drawn, image = prepared.channel, prepared.seed_drawn, request.image
    family = ledger.same_request(family=request.family(channel.identity))
    same = [] if drawn else ledger.same_request(fingerprint=prepared.fingerprint)
    others = [row for row in family if drawn or row.fingerprint != prepared.fingerprint]
    row = None if fresh else standing(handles, prepared)
    addresses = {
        one.sha256: f"<uploaded: {one.label}, sha256 {one.sha256[:12]}…>"
        if one.sha256 in prepared.contents
        else str(one.url)
        for _role, one in request.all_media
    }
    wire = request.wire_input(addresses[image.sha256] if image else None, addresses)
    body: dict[str, Any] = {"model": request.model, "input": wire}
    if request.call_back_url:
        address = request.call_back_url
        body["callBackUrl"] = f"{address}(token of the run)" if takes_token(address) else address
    return DryRun(
        service=channel.settings.service,
        body=body,
        estimate=request.estimate,
        picture=image,
        same=tuple(handles.handle(prepared.home, row) for row in same),
        other_seeds=tuple(handles.handle(prepared.home, row) for row in others),
        standing=handles.handle(prepared.home, row) if row else None,
        refusal=None if row else _refusal(handles, prepared, max_credits),
        seed_is_drawn=drawn,
        has_no_seed=request.has_no_seed,
        who=channel.settings.who,
        warnings=prepared.warnings,
    )


def standing(handles: Handles, prepared: Prepared) -> RunRow | None:
    """The run that asking would find; not an abandoned one, which asking cancels and sends anew."""
    row = handles.ledger(prepared.home).standing(Key(prepared))
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


@contextlib.contextmanager
def nothing_charged() -> Iterator[None]:
    """Mark ledger errors in this block as costing nothing: nothing was sent yet."""
    try:
        yield
    except LedgerError as exc:
        exc.charged = exc.charged or NOTHING
        raise


def resend(handles: Handles, run: Run, *, yes: bool = False) -> Run:
    """Send the request again although the first try may be billed: once, whoever asks for it how often.

    A run of the same request that was begun since then is given instead, or this one if somebody has found its task
    meanwhile; then nothing is sent. Unless *yes*, the worst case is said, and asked about once.
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
        prepared = again(handles, run, handles.channel_of(run))  # with the picture that was kept
        with handles.begin_lock:
            with nothing_charged():
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
