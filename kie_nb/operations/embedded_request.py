"""The request that a video carries: what is written into an exported file, and the call that it gives back."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import settings as settings_
from ..addresses import shareable, shareable_value
from ..bounds import MAX_CREDITS, number_of
from ..catalogue import ImageIdentity, Request, describe, find, read_request
from ..errors import InvalidRequest
from ..fileops import hash_of
from ..home import is_sha256
from ..ledger import FILM, Files, input_name
from ..paths import shown_path
from .manifest import plain_json, stored_request

if TYPE_CHECKING:
    from ..ledger import RunRow

NOTE_VERSION = 1
Place = Callable[[ImageIdentity], str | None]  # the path of a medium's copy; None where there is none


@dataclass(frozen=True, kw_only=True, slots=True)
class Recalled:
    """The request that a video was made with, as the file itself says.

    Attributes:
        call: The Python call that asks for it again, with the copy of its picture where there is one: beside the file, as in
            an exported folder, or in kie-runs/inputs. A callback's address is in no file that is given away.
        inputs: What was sent, without the picture and the seed.
        image: What the picture was called: a file's name, or an address.
        image_sha256: The hash of the picture's bytes, by which it can be told.
        media: The other media, by role: addresses, or the names of their copies.
        run_id: The run in the ledger that made it.
    """

    call: str
    model: str
    inputs: dict[str, Any]
    seed: int | None
    image: str | None
    image_sha256: str | None
    service: str
    run_id: str
    task_id: str | None
    made_at: str | None
    credits: float | None
    media: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def prompt(self) -> str:
        """The prompt, or nothing for models without one."""
        return str(self.inputs.get("prompt", ""))

    def __repr__(self) -> str:
        return self.call


def note_of(row: RunRow, request: Request) -> str:
    """What is written into the file of a run."""
    told = {
        "kie_nb": NOTE_VERSION,
        "request": stored_request(request),
        "service": row.service,
        "run": row.id,
        "task": row.task_id,
        "made_at": row.completed_at or row.created_at,
        "credits": row.credits,
        "call": call_of(request, place=kept_as),
    }
    return plain_json(told)


def recall(path: str | os.PathLike[str]) -> Recalled:
    """The request that the video at *path* carries; InvalidRequest if it carries none, or is not a video."""
    from ..video import NotAVideo
    from ..video import read_request as read_note

    name = Path(path).name
    try:
        note = read_note(path)
    except NotAVideo as exc:
        raise InvalidRequest(f"{exc}.", charged="") from exc
    except (OSError, ValueError) as exc:  # ValueError: a name that no file can have
        why = getattr(exc, "strerror", None) or exc
        raise InvalidRequest(f"{name} cannot be read: {why}.", charged="") from exc
    if note is None:
        hint = "files that `kie.export` has written do; kie.runs() knows the others by their names"
        raise InvalidRequest(f"{name} carries no kie_nb request.", hint=hint, charged="")
    try:
        request = read_request(note.get("request"))
    except ValueError as exc:
        hint = "it was written by another version of kie_nb, or by something else"
        raise InvalidRequest(f"The request in {name} cannot be read.", hint=hint, charged="") from exc
    image = request.image
    return Recalled(
        call=call_of(request, place=partial(_copy_of, video=Path(path))),
        model=request.model,
        inputs=dict(request.inputs),
        seed=request.seed,
        image=(image.url or image.label) if image else None,
        image_sha256=image.sha256 if image and not image.by_url else None,
        service=str(note.get("service", "")),
        run_id=str(note.get("run", "")),
        task_id=_text(note.get("task")),
        made_at=_text(note.get("made_at")),
        credits=number_of(note.get("credits"), least=0, most=MAX_CREDITS),
        media={role: [_named(one) for one in given] for role, given in request.media.items()},
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def kept_name(request: Request, folder: str = "inputs") -> str | None:
    """What the copy of its picture is called in *folder*; None without one, or where an address names it."""
    return None if request.image is None else kept_as(request.image, folder)


def kept_as(one: ImageIdentity, folder: str = "inputs") -> str | None:
    """What the copy of a medium is called in *folder*; None where an address names it."""
    if one.url is not None or not is_sha256(one.sha256):
        return None
    return f"{folder}/{input_name(one.label, one.sha256, one.mime)}"


def _copy_of(one: ImageIdentity, *, video: Path) -> str | None:
    """The path of the copy of a medium that is here: beside the video, or in the ledger's folder."""
    if one.url is not None:
        return None
    beside = Path(os.path.normpath(video.expanduser().parent / ".."))
    for home in (beside, settings_.current().home):
        kept = Files(home).find_input(one.sha256)
        with contextlib.suppress(OSError):
            if kept is not None and hash_of(kept) == one.sha256:
                return shown_path(kept) if kept.is_absolute() else kept.as_posix()
    return None


def call_of(request: Request, *, picture: str | None = None, place: Place | None = None) -> str:
    """The Python call that asks for *request* again; without its callback's address, which may hold a secret.

    Its picture is named by the path *picture*, and each medium by the path that *place* gives; else by its URL, or by `...` and the
    hash that tells which it is.
    """
    if request.model == FILM:
        clips = request.inputs.get("clips")
        named = ", ".join(str(one)[:8] for one in clips) if isinstance(clips, list) else ""
        return f"kie.join([...])  # the clips by their sha256: {named}"
    known = {entry.name for entry in describe(request.model)} if find(request.model) else set()
    inputs = {name: value for name, value in request.inputs.items() if name in known}
    if "audio" in inputs and "audio" in request.media:  # the switch, by the word that no medium has
        inputs["sound"] = inputs.pop("audio")
    # What is not a field of the model stays an input, whatever it is called: `fresh` or `wait` would be ours.
    others = {name: shareable_value(value) for name, value in request.inputs.items() if name not in known}
    parts = [_literal(inputs.pop("prompt"))] if "prompt" in inputs else []
    image = request.image
    lost: list[str] = []

    def told(role: str, one: ImageIdentity, path: str | None = None) -> str:
        path = path or (place(one) if place else None) or (one.url and shareable(one.url))
        if not path:
            lost.append(f"{role}: sha256 {one.sha256}")
        return _literal(path) if path else "..."

    if image is not None:
        parts.append(f"image={told('image', image, picture)}")
    for role, given in request.media.items():
        several = ", ".join(told(role, one) for one in given)
        parts.append(f"{role}={several}" if len(given) == 1 else f"{role}=[{several}]")
    parts.append(f"model={_literal(request.model)}")
    if request.seed is not None:
        parts.append(f"seed={_literal(request.seed)}")
    parts += [f"{name}={_literal(value)}" for name, value in inputs.items()]
    if others:
        parts.append(f"input={_literal(others)}")
    if request.replicate:
        parts.append(f"replicate={_literal(request.replicate)}")
    which = f"  # {', '.join(lost)}" if lost else ""
    return f"kie.generate({', '.join(parts)}){which}"


def _named(one: ImageIdentity) -> str:
    return kept_as(one) or (one.url and shareable(one.url)) or one.label


def _literal(value: Any) -> str:
    """*value* in Python's words, text in double quotes."""
    if isinstance(value, str):
        signs = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{"".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in signs)}"'
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_literal(name)}: {_literal(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    return repr(value)
