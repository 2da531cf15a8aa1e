"""`Draft`: the fields of the form as they were typed, and their mistakes; no widgets."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ...catalogue import (
    ROLES,
    Estimate,
    ImageIdentity,
    MediaIdentity,
    Request,
    Role,
    build_request,
    describe,
    find,
    media_of,
    rows,
)
from ...catalogue.models import DEFAULT_MODEL
from ...errors import InvalidRequest
from ...requests.images import Picture
from ...service.callback_address import chosen_address

MOST_SEEDS = 16
CALLBACK = "call_back_url"
_ANY = ImageIdentity(sha256="0" * 64, label="any")
_NAME = re.compile(r"(\w+)(?:=| )")


@dataclass(kw_only=True)
class Draft:
    """A request that is being written.

    Attributes:
        values: The model's fields but picture and seed; None, or nothing, means not given.
        source: The picture: a path, a URL, or bytes that were read.
        held: Files that were given, by the lines that name them; any other line is a path or an address.
        kept: The texts of the request that it was filled from. White space around them is part of it, until they are changed.
        seed: A number, or what was typed for one.
        count: Runs, with the seeds counted up from `seed`.
        first_repeat: Of a model without seeds, the number of the first of them: each is a repetition of the request.
        is_found: The picture's address comes from a file, which may be a stranger's: the user has not agreed to load it.
        remark: What the user should know of what it was filled from.
    """

    model: str = DEFAULT_MODEL
    values: dict[str, Any] = field(default_factory=dict)
    source: str | Picture | None = None
    held: Mapping[str, Picture] = field(default_factory=dict)
    kept: dict[str, Any] = field(default_factory=dict)
    seed: Any = None
    count: int = 1
    first_repeat: int = 0
    is_found: bool = False
    remark: str = ""

    @property
    def image_field(self) -> str | None:
        """The model's field for a picture."""
        model = find(self.model)
        return model.image_field if model else None

    @property
    def fields(self) -> dict[str, Any]:
        """What is asked of the model, but its picture and seed; an empty text is none."""
        kinds = {entry.name: entry.kind for entry in describe(self.model) if entry.kind != "media"}
        kinds.pop("seed", None)
        given = {name: self._text(name, value) for name, value in self.values.items() if name in kinds}
        return {
            name: read_as(kinds[name], value) for name, value in given.items() if value not in (None, "", [])
        }

    @property
    def media(self) -> dict[Role, list[str | Picture]]:
        """The media beside the picture, by role: a path, an address or a file that was given a line."""
        found: dict[Role, list[str | Picture]] = {}
        for entry in describe(self.model):
            lines = [line.strip() for line in str(self.values.get(entry.name) or "").splitlines()]
            if entry.role and entry.role != "image" and any(lines):
                found[entry.role] = [self.held.get(line, line) for line in lines if line]
        return found

    def _text(self, name: str, value: Any) -> Any:
        """As the magic takes the body of a cell: without white space around it."""
        return value.strip() if isinstance(value, str) and value != self.kept.get(name) else value

    def with_seed(self) -> Draft:
        """The same, with a seed that is drawn where none was given."""
        if self.seed is not None or not self.takes_seed:
            return self
        drawn = rows()[self.model].seeds
        return replace(self, seed=secrets.choice(drawn[: len(drawn) + 1 - self.count]))

    @property
    def seeds(self) -> list[int]:
        """The seeds that are asked for; of a model without one, the numbers of its repetitions."""
        if not self.takes_seed:
            return list(range(self.first_repeat, self.first_repeat + self.count))
        if self.seed is None:
            raise InvalidRequest("There is no seed yet.")
        is_whole = isinstance(self.seed, int) and not isinstance(self.seed, bool)
        if not is_whole or self.seed not in rows()[self.model].seeds:
            self.request(seed=self.seed)  # raises, in the words of the description
        last = int(self.seed) + self.count - 1
        if last > (most := rows()[self.model].seeds[-1]):
            raise InvalidRequest(
                f"seed={self.seed}: with {self.count} runs the last would be {last}, above {most}."
            )
        return list(range(int(self.seed), last + 1))

    def asked(self, seed: int) -> dict[str, Any]:
        """What the session is asked, as keywords."""
        source = self.source if self.image_field else None
        number = {"seed": seed} if self.takes_seed else {"replicate": seed}
        told = {"model": self.model, "image": source, CALLBACK: self.callback, **number}
        names = {entry.role: entry.name for entry in describe(self.model) if entry.role}
        others = {names[role]: given for role, given in self.media.items()}
        return told | others | self.fields

    @property
    def takes_seed(self) -> bool:
        """Whether the model has a seed."""
        row = rows().get(self.model)
        return row is not None and row.has_seed

    @property
    def callback(self) -> str | None:
        """The address that the service calls at the end: no field of a model, and never taken from a file."""
        return str(self.values.get(CALLBACK) or "").strip() or None

    def request(self, *, seed: Any = None) -> Request:
        """The request but for its media, which are taken to be there and to fit."""
        told = {"seed": seed} if self.takes_seed else {}
        return build_request(
            model=self.model,
            image=self._image,
            media=self._others,
            call_back_url=chosen_address(self.callback),
            **told,
            **self.fields,
        )

    @property
    def _image(self) -> ImageIdentity | None:
        """Any picture, where one is needed or given."""
        entry = next((entry for entry in describe(self.model) if entry.role == "image"), None)
        return _ANY if entry and (entry.required or self.source) else None

    @property
    def _others(self) -> dict[Role, list[MediaIdentity]]:
        row = rows().get(self.model)
        kinds = {slot.role: slot.kind for slot in row.slots} if row else {}
        return {
            role: [media_of(one.identity if isinstance(one, Picture) else _ANY, kinds[role]) for one in given]
            for role, given in self.media.items()
        }

    @property
    def estimate(self) -> Estimate | None:
        """What one run should cost, whatever is still missing of the texts; None where no price is known."""
        kinds = {entry.name: entry.kind for entry in describe(self.model)}
        asked = {name: value for name, value in self.fields.items() if kinds[name] != "str"}
        needed = {entry.name for entry in describe(self.model) if entry.kind == "str" and entry.required}
        asked |= dict.fromkeys(needed, "any text")
        try:
            return build_request(
                model=self.model, image=self._image, media=self._any_needed, **asked
            ).estimate
        except InvalidRequest:
            return None

    @property
    def _any_needed(self) -> dict[Role, list[MediaIdentity]]:
        """The media, those that are still missing too."""
        row, others = rows().get(self.model), self._others
        slots = [slot for slot in row.slots if slot.least and slot.role != "image"] if row else []
        return {slot.role: [media_of(_ANY, slot.kind)] * slot.least for slot in slots} | others

    def errors(self) -> dict[str, str]:
        """What is wrong, by field; under "" what belongs to none."""
        found: dict[str, str] = {}
        checks: list[Callable[[], object]] = [self.request, self._need_picture]
        if self.seed is not None and self.takes_seed:  # one that was left out is drawn
            checks.append(lambda: self.seeds)
        for check in checks:
            try:
                check()
            except InvalidRequest as exc:
                found |= by_field(
                    exc, [*(entry.name for entry in describe(self.model)), *ROLES], self.image_field
                )
        return found

    def _need_picture(self) -> None:
        if self.image_field in self.missing():
            build_request(model=self.model, media=self._any_needed, **{**self.fields, "prompt": "any text"})

    def missing(self) -> set[str]:
        """Required fields that nothing was given for yet: no mistake before *Generate* is pressed."""
        given = {*self.fields, *self.media, *([self.image_field] if self.source else [])}
        named = {entry.name for entry in describe(self.model) if entry.role in self.media}
        given |= named
        return {entry.name for entry in describe(self.model) if entry.required and entry.name not in given}


def read_as(kind: str, value: Any) -> Any:
    """What was typed, as a value of its field; what is none is refused there."""
    readers: dict[str, Callable[[str], Any]] = {"int": int, "number": float, "json": json.loads}
    read = readers.get(kind)
    try:
        return read(value) if read is not None and isinstance(value, str) else value
    except ValueError:
        return value


def by_field(exc: InvalidRequest, names: list[str], image_field: str | None) -> dict[str, str]:
    """The lines of *exc*, each under the field that it names."""
    found: dict[str, str] = {}
    for line in exc.message.split("\n"):
        named = _NAME.match(line)
        name = named[1].lower() if named and named[1].lower() in names else ""
        if line.startswith("callBackUrl="):
            name = CALLBACK
        elif not name and line.partition(":")[0] in names:  # of a role: `reference: …`
            name = line.partition(":")[0]
        elif not name and image_field and (" image" in line or " picture" in line):
            name = image_field
        found[name] = f"{found[name]} {line}" if name in found else line
    return found
