"""A checked request: built from user arguments, with a seed and within the limits. Nothing is read, sent or written."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from .. import settings as settings_
from ..bounds import as_scalar
from ..catalogue import Estimate, MediaIdentity, Request, Role, build_request, media_of, rows
from ..errors import BudgetExceeded, InvalidRequest
from ..ledger import FILM, NewRun, owner
from ..service import Patience
from ..service.connection import check_environment
from ..settings import Settings
from . import provenance
from .images import Picture


class Way(Protocol):
    """What a request needs to know of the way to a service with one account; an engine's channel is one."""

    settings: Settings  # they name the service; limits among them are those of now
    patience: Patience  # the longest waits for replies and files

    @property
    def identity(self) -> str:
        """Who answers, as requests are told apart by."""

    @property
    def own(self) -> tuple[str, str]:
        """The addresses of the service itself, which may be on this machine: what it names there may be fetched."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """A checked request, and the way it would go."""

    request: Request
    channel: Way
    home: Path
    contents: Mapping[str, bytes]  # of its media that are to be uploaded, by sha256
    seed_drawn: bool
    warnings: tuple[str, ...] = field(default=())
    experiment: str | None = None
    origin: provenance.Origin | None = field(default=None, compare=False)
    links: tuple[dict[str, Any], ...] = field(default=(), compare=False)  # to the runs that its media are of

    @property
    def fingerprint(self) -> str:
        """What tells this request from all others at its service."""
        return self.request.fingerprint(self.channel.identity)


@dataclass(frozen=True, slots=True)
class Key:
    """By what the run that stands for a prepared request is looked up: much less than a new run has."""

    prepared: Prepared

    @property
    def fingerprint(self) -> str:
        """What tells it from all others, seed included."""
        return self.prepared.fingerprint

    @property
    def family(self) -> str:
        """The same without its seed."""
        return self.prepared.request.family(self.prepared.channel.identity)

    @property
    def seed_drawn(self) -> bool:
        """Whether a run with another drawn seed stands for it."""
        return self.prepared.seed_drawn

    @property
    def request(self) -> dict[str, Any]:
        """As JSON."""
        return self.prepared.request.to_json()


def build(
    asked: dict[str, Any],
    media: Mapping[Role, Sequence[Picture]],
    channel: Way,
    home: Path,
    warnings: tuple[str, ...] = (),
) -> Prepared:
    """The request that *asked* and *media* make; InvalidRequest if it cannot be sent as it is."""
    if asked.get("model") == FILM:
        raise InvalidRequest(
            f"{FILM} is no model of the service.", hint="kie.join makes a film of several videos"
        )
    replicate, experiment = asked.pop("replicate", 0), asked.pop("experiment", None)
    asked = {name: as_scalar(value) for name, value in asked.items()}
    others: dict[Role, list[MediaIdentity]] = {
        role: [media_of(one.identity) for one in given] for role, given in media.items() if role != "image"
    }
    pictures = media.get("image", ())
    if len(pictures) > 1:
        raise InvalidRequest(
            "One picture can be the first frame.",
            hint="more of them are reference=[...], where a model takes it",
        )
    request = build_request(image=pictures[0].identity if pictures else None, media=others, **asked)
    if replicate:
        request = replace(request, replicate=replicate)
    seed_drawn = request.seed is None and request.takes_seed
    if seed_drawn:
        request = request.with_seed(secrets.choice(rows()[request.model].seeds))
    contents = {
        one.identity.sha256: one.content
        for given in media.values()
        for one in given
        if one.content is not None
    }
    links = tuple(
        {**one.link, "role": role, "sha256": one.identity.sha256}
        for role, given in media.items()
        for one in given
        if one.link is not None
    )
    way: dict[str, Any] = {"channel": channel, "home": home, "warnings": warnings, "experiment": experiment}
    return Prepared(request=request, contents=contents, seed_drawn=seed_drawn, links=links, **way)


def new_run(prepared: Prepared) -> NewRun:
    """What is known of the run before anything is sent."""
    request, channel = prepared.request, prepared.channel
    estimate = request.estimate
    return NewRun(
        service=channel.settings.service,
        account=channel.settings.account,
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
        asked_by=settings_.user(),
        notebook=provenance.notebook(prepared.home, is_shared=settings_.ledger_url() is not None),
        experiment=prepared.experiment,
        origin=_origin(prepared),
    )


def _origin(prepared: Prepared) -> dict[str, Any] | None:
    known = prepared.origin.known() if prepared.origin else None
    return known if not prepared.links else {**(known or {}), "sources": list(prepared.links)}


def check(prepared: Prepared, max_credits: float | None) -> None:
    """Refuse what may not cost so much (BudgetExceeded), and what no key or no connection is there for (AuthError, NotSent)."""
    estimate, current = prepared.request.estimate, prepared.channel.settings
    check_limit(estimate, max_credits, "max_credits={:g}")
    check_limit(estimate, current.max_credits, "configure(max_credits={:g})")
    if current.service == "kie":
        settings_.require_key(current)
        check_environment((current.base_url, current.upload_url))


def check_number(max_credits: object) -> None:
    """Refuse a limit that would limit nothing, or that a text stands for."""
    max_credits = as_scalar(max_credits)
    is_number = isinstance(max_credits, int | float) and not isinstance(max_credits, bool)
    if max_credits is not None and not (is_number and max_credits >= 0):  # type: ignore[operator]  # nan is not
        words = f"max_credits={max_credits!r}: use a number of credits."
        raise InvalidRequest(words, hint="max_credits=500, or leave it out for no limit")


def check_limit(estimate: Estimate | None, limit: float | None, name: str) -> None:
    """Refuse what is estimated above *limit*, which the message calls *name*, a template."""
    if limit is None:
        return
    if estimate is None:
        words = f"The price of this model is not known here, so {name.format(limit)} cannot be kept."
        raise BudgetExceeded(words, hint="leave the limit out for this run if you know the price")
    if estimate.credits > limit:
        words = f"This video ({estimate.credits:g} credits) would exceed {name.format(limit)}."
        raise BudgetExceeded(words, hint="choose a shorter or smaller video, or raise the limit")
