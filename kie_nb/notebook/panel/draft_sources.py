"""A run, a request or a video → a draft of the same request, with its picture where it can be found."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path

from ...catalogue import Request, describe
from ...errors import BadImage, InvalidRequest
from ...fileops import hash_of
from ...handles import Run, get_session
from ...home import is_name
from ...operations.embedded_request import Recalled, recall
from ...requests.images import Picture, read_picture
from ...requests.sources import is_url
from ...stores import find_input
from .draft import Draft


def draft_of(source: Run | Request | Recalled | str | os.PathLike[str]) -> Draft:
    """The draft of *source*."""
    if not isinstance(source, Run | Request | Recalled):
        source = _maker(source)
    if isinstance(source, Run):
        source = source.request
    if isinstance(source, Request):
        image = source.image
        url = image.url if image else None
        sha256 = image.sha256 if image else None
        label = image.label if image else None
    else:
        label, sha256 = source.image, source.image_sha256
        url = label if label is not None and is_url(label) else None
    describe(source.model)  # raises where there is no form for it
    picture: str | Picture | None = url
    remark = ""
    if label and not url:
        picture = _kept(sha256, label) if sha256 else None
        remark = "" if picture else f"Its picture {label} is not in this folder: choose it."
    values = dict(source.inputs) | _media_lines(source)
    return Draft(
        model=source.model,
        values=values,
        kept=dict(source.inputs),
        source=picture,
        seed=source.seed,
        is_found=isinstance(source, Recalled) and isinstance(picture, str),
        remark=remark,
    )


def _media_lines(source: Request | Recalled) -> dict[str, str]:
    """The media beside the picture, by field, a path or an address a line."""
    given = source.media if isinstance(source, Recalled) else _kept_media(source)
    fields = {str(entry.role): entry.name for entry in describe(source.model) if entry.role}
    return {fields[role]: "\n".join(names) for role, names in given.items() if role in fields}


def _kept_media(request: Request) -> dict[str, list[str]]:
    """Where they are, by role; InvalidRequest where a file of theirs is not here: without it the request is another one."""
    files = get_session().here.files
    found: dict[str, list[str]] = {}
    for role, given in request.media.items():
        for one in given:
            kept = None if one.url else find_input(files, one)
            if kept is None and not one.url:
                words = f"The file {one.label} ({role}) is not in this folder."
                raise InvalidRequest(words, hint="ask for it by its cell")
            found.setdefault(role, []).append(one.url or str(kept))
    return found


def draft_of_video(content: bytes, name: str) -> Draft:
    """The draft of one of our own MP4s, given as bytes."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / (name if is_name(name) else "video.mp4")
        file.write_bytes(content)
        return draft_of(file)


def _maker(path: str | os.PathLike[str]) -> Run | Recalled:
    """What the video at *path* says of itself, else the run of this folder that made it: its own files say nothing."""
    try:
        return recall(path)
    except InvalidRequest:
        try:
            sha256 = hash_of(Path(path), follow=True)
        except OSError:
            sha256 = ""
        run = get_session().of_video(sha256) if sha256 else None
        if run is None:
            raise
        return run


def _kept(sha256: str, label: str) -> Picture | None:
    """The copy beside the ledger, under the name it had."""
    file = get_session().here.files.find_input(sha256)
    if file is None:
        return None
    try:
        found = read_picture(file)
    except BadImage:
        return None
    return (
        replace(found, identity=replace(found.identity, label=label))
        if found.identity.sha256 == sha256
        else None
    )
