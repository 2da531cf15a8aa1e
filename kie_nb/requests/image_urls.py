"""A picture, video or sound given by address: fetched once to know which one it is, then named to the service as it is."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

from ..addresses import shareable
from ..catalogue import ImageIdentity, Kind, MediaIdentity, read_image
from ..catalogue.media import kind_of, noun_of
from ..errors import BadImage, ServiceTrouble
from ..ledger import Ledger
from ..notice import is_new
from ..service.media import NotThere, UnknownHost, read_at
from ..service.reach import ForbiddenAddress
from . import recordings
from .images import MAX_BYTES, SEND_FILE, Picture, check_url, look_at
from .prepare import Way


def recorded_pictures(url: str, ledger: Ledger, *, channel: Way, kind: Kind = "image") -> list[Picture]:
    """What runs were made with when *url* served it, newest first: an old notebook can be run again.

    A run that was made while it could not be read is known by the address alone: that is always the last of them.
    """
    url = check_url(url, own=channel.own)
    found = (read_image(known, kind) for known in ledger.find_urls(url) if known.get("kind", "image") == kind)
    identities = [*(identity for identity in found if not identity.by_url), by_address(url, kind)]
    return [Picture(identity=identity) for identity in identities]


def by_address(url: str, kind: Kind = "image") -> ImageIdentity:
    """What is at *url* where its bytes are not known."""
    digest = hashlib.sha256(url.encode()).hexdigest()
    told: dict[str, Any] = {"sha256": digest, "label": _label(url), "url": url, "by_url": True}
    return ImageIdentity(**told) if kind == "image" else MediaIdentity(**told, kind=kind)


def picture_at(
    url: str, ledger: Ledger, *, channel: Way, check: bool = True, kind: Kind = "image"
) -> tuple[Picture, tuple[str, ...]]:
    """What *url* serves now, and warnings, as `seen_at` gives them."""
    return seen_at(url, ledger, channel=channel, check=check, kind=kind)[:2]


def seen_at(
    url: str, ledger: Ledger, *, channel: Way, check: bool = True, kind: Kind = "image"
) -> tuple[Picture, tuple[str, ...], bytes | None]:
    """The picture that *url* serves now, warnings, and the bytes that it served; asked before a new request is sent.

    Its bytes are fetched to know the request by them. The key is never sent along. That it is another picture than runs were
    made with before is told once for each content. BadImage where the service cannot use it; with *check* also where nobody can read it.
    """
    url = check_url(url, own=channel.own)
    label, noun = _label(url), noun_of(kind)
    try:
        content = _fetch(url, channel, kind)
    except ServiceTrouble as exc:
        if check and isinstance(exc, NotThere):
            raise BadImage(
                f"The {noun} at {shareable(url)} cannot be read ({exc.message}); the service cannot read it either.",
                hint="correct the address, or pass a file; --no-check-image (check_image=False) sends it anyway",
            ) from exc
        words = (
            f"{label} could not be fetched from here ({exc.message}), so this run is known by the address of its {noun}, not by its "
            f"bytes. The service will try for itself; a task that cannot read its {noun} fails and is not billed."
        )
        return Picture(identity=by_address(url, kind)), (words,), None
    identity, remarks = _seen(content, label, url, kind)
    return Picture(identity=identity), (*remarks, *_changed(url, identity, ledger)), content


def picture_for_all(
    url: str, ledger: Ledger, *, channel: Way, check: bool = True
) -> tuple[Picture, tuple[str, ...]]:
    """The picture that *url* serves, for a grid of requests: fetched once for all of them.

    Where it cannot be fetched now, it is taken to be the one that was used before, or a grid would change as a whole.
    """
    before = recorded_pictures(url, ledger, channel=channel)
    known = next((one for one in before if not one.identity.by_url), None)
    is_new_here = ledger.find_url(check_url(url, own=channel.own)) is None
    try:
        picture, warnings = picture_at(url, ledger, channel=channel, check=check and is_new_here)
    except BadImage as exc:
        if not isinstance(exc.__cause__, UnknownHost):
            raise
        # A grid may be planned without a network.
        picture, warnings = picture_at(url, ledger, channel=channel, check=False)
    if not picture.identity.by_url or known is None:
        return picture, warnings
    words = (
        f"{picture.identity.label} could not be fetched from here: it is taken to be the picture that it was before "
        f"(sha256 {known.identity.sha256[:8]}…)."
    )
    return known, (words,)


def check_unchanged(picture: ImageIdentity, *, channel: Way) -> None:
    """Refuse an address that serves other bytes than *picture*; one that is silent, or always was, is left to the service."""
    if picture.url is None or picture.by_url:
        return
    try:
        found = hashlib.sha256(_fetch(picture.url, channel, kind_of(picture))).hexdigest()
    except ServiceTrouble:
        return
    if found != picture.sha256:
        raise BadImage(
            f"{picture.label} now serves another {noun_of(picture)} than the run was made with: sha256 {found[:8]}…, before "
            f"{picture.sha256[:8]}…. With it this would not be the same request.",
            hint="a new cell or experiment makes videos of the picture as it is now",
        )


def remember(picture: ImageIdentity, ledger: Ledger) -> None:
    """A run is made with this picture: keep what its address served. What is known by its bytes is not given up for less."""
    if picture.url is None:
        return
    identity, known = asdict(picture), ledger.find_url(picture.url)
    if known != identity and not (picture.by_url and known is not None):
        ledger.remember_url(picture.url, identity)


def _changed(url: str, identity: ImageIdentity, ledger: Ledger) -> tuple[str, ...]:
    known = ledger.find_url(url)
    told = (ledger.database.name, url, identity.sha256)
    if known is None or known.get("by_url") or known["sha256"] == identity.sha256 or not is_new(told):
        return ()
    words = (
        f"{identity.label} now serves another {noun_of(identity)} than when a run was last made with it: sha256 {identity.sha256[:8]}…, "
        f"before {known['sha256'][:8]}…. A request with it has a new fingerprint: a video that was made of the {noun_of(identity)} before "
        "does not stand for it, and it is paid for again."
    )
    return (words,)


def _seen(content: bytes, label: str, url: str, kind: Kind) -> tuple[ImageIdentity, tuple[str, ...]]:
    if kind == "image":
        return look_at(content, label, url=url)
    return recordings.look_at(content, label, kind, url=url), ()


def _fetch(url: str, channel: Way, kind: Kind) -> bytes:
    most = MAX_BYTES if kind == "image" else recordings.MOST
    try:
        content = read_at(url, most=most, own=channel.own, patience=channel.patience)
    except ForbiddenAddress as exc:
        raise BadImage(
            f"{exc}: nothing is fetched from there, and the service cannot reach it.", hint=SEND_FILE
        ) from exc
    if len(content) > most:
        words = f"{_label(url)} is larger than the {most / 1e6:g} MB that the service takes."
        raise BadImage(words, hint=f"use a smaller {noun_of(kind)}")
    return content


def _label(url: str) -> str:
    parts = urlsplit(url)
    return parts.path.rsplit("/", 1)[-1][:80] or str(parts.hostname)
