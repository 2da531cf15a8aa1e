"""From loose arguments to a checked request, with what the ledger knows of it; and the request of a run once more."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import settings as settings_
from ..catalogue.wan import DEFAULT_MODEL
from ..engine.record import Record
from ..errors import NOTHING, BadImage, InvalidRequest, LedgerError
from ..home import read_plain
from ..paths import shown_path
from ..requests import provenance
from ..requests.image_urls import by_address, check_unchanged, picture_at, picture_for_all, recorded_pictures
from ..requests.images import Picture, read_picture
from ..requests.prepare import Prepared, build, new_run
from ..requests.sources import is_url, unwrapped

if TYPE_CHECKING:
    from ..engine.channel import Channel
    from ..engine.workspace import Workspace


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
            prepared = build(dict(asked), recorded, channel, current.home)
            if ledger.standing(new_run(prepared)) is not None:
                return prepared
        picture, warnings = picture_at(str(source), ledger, channel=channel, check=check)
        return build(asked, picture, channel, current.home, warnings)
    if isinstance(source, Record):
        raise InvalidRequest(
            "a run is a video, not a picture.", hint="pass a frame of it, or the address of a picture"
        )
    if source is not None and not isinstance(source, Picture):
        source = read_picture(source, **how)
    if source is None:
        return build(asked, None, channel, current.home)
    if source.as_given is not None:  # a run that was made with the file as it is stands for it
        former = replace(source, identity=source.as_given)
        prepared = build(dict(asked), former, channel, current.home)
        if workspace.ledger(current.home).standing(new_run(prepared)) is not None:
            return prepared
    return build(asked, source, channel, current.home, source.remarks)


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
