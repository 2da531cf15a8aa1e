"""From loose arguments to a checked request; nothing is sent or written."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import settings as settings_
from ..catalogue import SEED_MAX, Estimate, Request, build_request
from ..catalogue.wan import DEFAULT_MODEL
from ..engine.record import Record
from ..engine.sending import ToSend
from ..errors import NOTHING, BadImage, BudgetExceeded, InvalidRequest, LedgerError
from ..home import read_plain
from ..ledger import NewRun, owner
from ..paths import shown_path
from ..requests import provenance
from ..requests.image_urls import by_address, check_unchanged, picture_at, picture_for_all, recorded_pictures
from ..requests.images import Picture, read_picture
from ..requests.sources import is_url, unwrapped

if TYPE_CHECKING:
    from ..engine.channel import Channel
    from ..engine.workspace import Workspace


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
    origin: provenance.Origin | None = field(default=None, compare=False)

    @property
    def fingerprint(self) -> str:
        """What tells this request from all others at its service."""
        return self.request.fingerprint(self.channel.identity)

    @property
    def to_send(self) -> ToSend:
        """What is sent of it."""
        return ToSend(self.request, self.content)


def prepare(
    workspace: Workspace, prompt: str | None, asked: dict[str, Any], current: settings_.Settings | None = None
) -> Prepared:
    """Check *asked*, read its picture, and draw a seed where none was given; nothing is sent or written.

    Args:
        current: The settings, where they have been read for many requests.

    Raises:
        InvalidRequest: it cannot be sent as it is.
    """
    current = current or settings_.current()
    channel = workspace.channel(current)
    source = unwrapped(asked.pop("image", None))
    how = {name: asked.pop(name, False) for name in ("fit", "keep_metadata")}
    check = asked.pop("check_image", True)
    asked = {"prompt": prompt, **asked, "model": asked.get("model") or DEFAULT_MODEL}
    if is_url(source):
        ledger = workspace.ledger(current.home)
        for recorded in recorded_pictures(str(source), ledger, channel=channel):
            prepared = _prepared(dict(asked), recorded, channel, current.home)
            if ledger.standing(new_run(prepared)) is not None:
                return prepared
        picture, warnings = picture_at(str(source), ledger, channel=channel, check=check)
        return _prepared(asked, picture, channel, current.home, warnings)
    if isinstance(source, Record):
        raise InvalidRequest(
            "a run is a video, not a picture.", hint="pass a frame of it, or the address of a picture"
        )
    if source is not None and not isinstance(source, Picture):
        source = read_picture(source, **how)
    if source is None:
        return _prepared(asked, None, channel, current.home)
    if source.as_given is not None:  # a run that was made with the file as it is stands for it
        former = replace(source, identity=source.as_given)
        prepared = _prepared(dict(asked), former, channel, current.home)
        if workspace.ledger(current.home).standing(new_run(prepared)) is not None:
            return prepared
    return _prepared(asked, source, channel, current.home, source.remarks)


def picture_of_all(
    workspace: Workspace, source: Any, *, check_image: bool = True, **how: bool
) -> tuple[Picture, tuple[str, ...]]:
    """The picture that many requests are to share, read or fetched once, and warnings.

    Args:
        workspace: Whose it is.
        source: The picture.
        check_image: Refuse an address that nobody can read.
        **how: `fit` and `keep_metadata`, as `read_picture` takes them.

    Raises:
        BadImage: it cannot be used.
    """
    source = unwrapped(source)
    if not is_url(source):
        picture = read_picture(source, **how)
        return picture, picture.remarks
    current = settings_.current()
    channel = workspace.channel(current)
    return picture_for_all(str(source), workspace.ledger(current.home), channel=channel, check=check_image)


def as_it_was_asked(workspace: Workspace, prepared: Prepared, kept: Collection[str]) -> Prepared:
    """The same request as it is known already, where it was asked for while its picture's address could not be read.

    Such a run is known by the address; the bytes that are known since make no other request of it.

    Args:
        workspace: Whose it is.
        prepared: The request, its picture known by its bytes.
        kept: Fingerprints that it was to be asked for by, if there is no run yet.
    """
    image = prepared.request.image
    if image is None or image.url is None or image.by_url:
        return prepared
    ledger = workspace.ledger(prepared.home)
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
    workspace: Workspace, run: Record, channel: Channel, home: Path, *, replicate: int | None = None
) -> Prepared:
    """The request of *run* once more, with the picture that was kept beside the ledger.

    Args:
        workspace: Whose it is.
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
        kept = workspace.files(home).find_input(image.sha256)
        if kept is None:
            raise BadImage(
                f"the picture {image.label} is no longer in {shown_path(workspace.files(home).inputs)}.",
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
        origin=provenance.here(),
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
        made_by=provenance.made_by(),
        notebook=provenance.notebook(),
        experiment=prepared.experiment,
        origin=prepared.origin.known() if prepared.origin else None,
    )


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
