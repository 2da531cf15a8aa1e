"""The request that a video carries: what is written into an exported file, and the call that it gives back."""

from __future__ import annotations

import keyword
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..catalogue import Request, find
from ..errors import InvalidRequest
from .manifest import plain_json, read_request, stored_request

if TYPE_CHECKING:
    import os

    from ..ledger import RunRow

NOTE_VERSION = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Recalled:
    """The request that a video was made with, as the file itself says.

    Attributes:
        call: The Python call that asks for it again.
        inputs: What was sent, without the picture and the seed.
        image: What the picture was called: a file's name, or an address.
        image_sha256: The hash of the picture's bytes, by which it can be told.
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

    @property
    def prompt(self) -> str:
        """The prompt, or nothing for models without one."""
        return str(self.inputs.get("prompt", ""))

    def __repr__(self) -> str:
        picture = f"  # image: sha256 {self.image_sha256}" if self.image_sha256 else ""
        return f"{self.call}{picture}"


def note_of(row: RunRow, request: Request) -> str:
    """What is written into the file of a run."""
    note = {
        "kie_nb": NOTE_VERSION,
        "request": stored_request(request),
        "service": row.service,
        "run": row.id,
        "task": row.task_id,
        "made_at": row.completed_at or row.created_at,
        "credits": row.credits,
        "call": call_of(request),
    }
    return plain_json(note)


def recall(path: str | os.PathLike[str]) -> Recalled:
    """The request that the video at *path* carries.

    Raises:
        InvalidRequest: it carries none, or is no video.
    """
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
        raise InvalidRequest(
            f"{name} carries no request of kie_nb.",
            hint="files that `kie.export` has written do; kie.runs() knows the others by their names",
            charged="",
        )
    try:
        return _recalled(note)
    except ValueError as exc:
        raise InvalidRequest(
            f"the request in {name} cannot be read.",
            hint="it was written by another version of kie_nb, or by something else",
            charged="",
        ) from exc


def _recalled(note: dict[str, Any]) -> Recalled:
    request = read_request(note.get("request"))
    image = request.image
    cost = note.get("credits")
    return Recalled(
        call=call_of(request),
        model=request.model,
        inputs=dict(request.inputs),
        seed=request.seed,
        image=(image.url or image.label) if image else None,
        image_sha256=image.sha256 if image and not image.by_url else None,
        service=str(note.get("service", "")),
        run_id=str(note.get("run", "")),
        task_id=_text(note.get("task")),
        made_at=_text(note.get("made_at")),
        credits=float(cost) if isinstance(cost, int | float) else None,
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def call_of(request: Request) -> str:
    """The Python call that asks for *request* again."""
    inputs = dict(request.inputs)
    is_known = find(request.model) is not None and all(
        name.isidentifier() and not keyword.iskeyword(name) for name in inputs
    )
    parts = [_literal(inputs.pop("prompt"))] if is_known and "prompt" in inputs else []
    if request.image is not None:
        parts.append(f"image={_literal(request.image.url or request.image.label)}")
    parts.append(f"model={_literal(request.model)}")
    if request.seed is not None:
        parts.append(f"seed={request.seed}")
    if is_known:
        parts += [f"{name}={_literal(value)}" for name, value in inputs.items()]
    elif inputs:
        parts.append(f"input={_literal(inputs)}")
    return f"kie.generate({', '.join(parts)})"


def _literal(value: Any) -> str:
    """*value* in Python's words, text in double quotes."""
    if isinstance(value, str):
        text = "".join(
            char if char.isprintable() else repr(char)[1:-1] for char in value.replace("\\", "\\\\")
        )
        return '"' + text.replace('"', '\\"') + '"'
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_literal(name)}: {_literal(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    return repr(value)
