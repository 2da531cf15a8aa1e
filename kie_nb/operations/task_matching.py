"""Is this task the one that a run made? What fits, what does not, and what the service does not say. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..ledger.schema import moment
from ..requests.images import upload_name
from ..service import TaskRecord

if TYPE_CHECKING:
    from ..engine.record import Record

CLOCKS_S = 900.0  # a create takes a minute at most; our clock and the service's may disagree


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """A task beside a run.

    Attributes:
        agree: What of the request is the same.
        differ: What does not fit, a part of a sentence each; any of it means that the run did not make the task.
        unsaid: What cannot be compared, for the service does not say what was asked.
        late_s: How long after the run was sent the task was made, in seconds; None where one of the two is not known.
    """

    agree: tuple[str, ...]
    differ: tuple[str, ...]
    unsaid: tuple[str, ...]
    late_s: float | None

    @property
    def words(self) -> str:
        """What fits and what is not known, in words."""
        parts = [f"{_listed(self.agree)} agree{'s' if len(self.agree) == 1 else ''}"] if self.agree else []
        if self.late_s is not None:
            when = "before" if self.late_s < 0 else "after"
            parts.append(f"it was made {abs(self.late_s):.0f} s {when} the run was sent")
        if self.unsaid:
            parts.append(f"its {_listed(self.unsaid)} cannot be compared")
        return "; ".join(parts)


def compare(run: Record, record: TaskRecord) -> Comparison:
    """*record* beside *run*: model, prompt, seed, picture, every other input that it tells, and the moment."""
    asked, param = run.request, record.param or {}
    theirs = param.get("input") or {}
    model = str(param.get("model") or record.model)
    # What is compared: its name, whether the service says it, whether it is the same, and what is said where it is not.
    parts = [("model", bool(model), model == asked.model, f"its model is {model}")]
    if asked.prompt:
        parts.append(
            ("prompt", bool(theirs), theirs.get("prompt") == asked.prompt, "its prompt is another one")
        )
    if asked.seed is not None:
        seed = theirs.get("seed")
        parts.append(("seed", bool(theirs), str(seed) == str(asked.seed), f"its seed is {seed}"))
    if asked.image is not None and asked.image_field:
        is_same = _is_picture(run, str(theirs.get(asked.image_field) or ""))
        parts.append(("picture", bool(theirs), is_same, "its picture is another one"))
    for name, value in asked.inputs.items():
        if name != "prompt" and name in theirs:
            is_same = str(theirs[name]).lower() == str(value).lower()
            parts.append((name, True, is_same, f"its {name} is {theirs[name]}"))
    differ = [words for _, is_said, is_same, words in parts if is_said and not is_same]
    sent = moment(run.row.sent_at)
    late_s = record.created_ms / 1000 - sent.timestamp() if sent and record.created_ms else None
    if late_s is not None and abs(late_s) > CLOCKS_S:
        when = "before" if late_s < 0 else "after"
        differ.append(f"it was made {abs(late_s) / 60:.0f} minutes {when} this run was sent")
    return Comparison(
        agree=tuple(name for name, is_said, is_same, _ in parts if is_said and is_same),
        differ=tuple(differ),
        unsaid=tuple(name for name, is_said, _, _ in parts if not is_said),
        late_s=late_s,
    )


def not_asked(run: Record, record: TaskRecord) -> list[str]:
    """What the task was asked beyond what *run* asks; a service may also fill in defaults of its own."""
    asked, theirs = run.request, (record.param or {}).get("input", {})
    known = {*asked.inputs, "seed", asked.image_field}
    return [name for name, value in theirs.items() if name not in known and value is not None]


def _is_picture(run: Record, address: str) -> bool:
    """Whether *address* is that of the run's picture: its own, or an upload whose name holds its hash."""
    image: Any = run.request.image
    return address == image.url if image.url else upload_name(image) in address


def _listed(names: tuple[str, ...]) -> str:
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)
