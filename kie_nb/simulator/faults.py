"""The refusals of the service, and injected faults with the choice of the one that applies to a call.

A `Fault` names a call and a kind of fault. The routes ask `FaultBox.strike` and do what it says. Faults come
from the constructor, from `KIE_SIM_FAULTS` (a JSON list), from a file named by `KIE_SIM_FAULTS_FILE` (read
again whenever it changes) and from `PUT /_sim/faults`. No network here.

The texts are those seen on the wire, because clients tell errors apart by text: the service uses body code 500 for a low balance
and for a wrong field alike.
"""

import json
import math
import os
import random
import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from types import NoneType
from typing import Any


class Refusal(Exception):
    """A refused call. Nothing was made and nothing was charged."""

    def __init__(self, code: int, msg: str, http_status: int = 200) -> None:
        super().__init__(msg)
        self.code, self.msg = code, msg
        self.http_status = http_status  # the service refuses under HTTP 200, nearly always


PURSE = (
    "Credits insufficient : Your current balance isn’t enough to run this request. Please top up to continue."
)
UNAUTHORIZED = "Unauthorized – Authentication failed, please check your API key."
UNKNOWN_MODEL = "The model name you specified is not supported. Please verify the model name and try again."
TOO_FAST = "Your call frequency is too high. Please try again later."
UNKNOWN_TASK = "recordInfo is null"
WRONG_URL = "url is wrong"

REFUSALS: dict[str, Refusal] = {
    "400": Refusal(400, "taskId parameter is required"),
    "401": Refusal(401, UNAUTHORIZED),
    "401_old": Refusal(401, "You do not have access permissions"),
    "402": Refusal(402, PURSE),
    "404": Refusal(404, "The requested resource or endpoint does not exist"),
    "408": Refusal(408, "Upstream is currently experiencing service issues. No result for over 10 minutes."),
    "422": Refusal(422, "prompt cannot be empty"),
    "422_model": Refusal(422, UNKNOWN_MODEL),
    "422_url": Refusal(422, WRONG_URL),
    "429": Refusal(429, TOO_FAST),
    "http_429": Refusal(429, TOO_FAST, http_status=429),
    "430": Refusal(430, TOO_FAST),
    "433": Refusal(433, "The sub-key has exceeded its usage limit."),
    "451": Refusal(451, "Failed to fetch the image. Kindly verify any access limits set by you."),
    "455": Refusal(455, "Service unavailable: the system is currently undergoing maintenance."),
    "500": Refusal(500, "Server error, please try again later."),
    "500_credits": Refusal(500, PURSE),
    "500_invalid": Refusal(500, "resolution is not within the range of allowed options"),
    "500_required": Refusal(500, "resolution is required"),
    "paused": Refusal(500, "This interface is temporarily paused"),
    "not_provisioned": Refusal(500, "Operation not found: Market_wan_2-5-image-to-video_5"),
    "501": Refusal(501, "Playground task failed."),
    "505": Refusal(505, "This feature is currently disabled."),
    "531": Refusal(531, "Generation failed, the credits have been returned."),
    "550": Refusal(550, "Connection denied, please try again later."),
    "4030": Refusal(4030, "Not supported in the current region"),
}

CALLS = ("create", "record", "upload", "download", "credits", "download_url", "task")
MOST_SECONDS = 86_400.0
_MOST_FAULTS = 1000
_WIRE = frozenset({"http_500", "http_502", "http_403_1010", "html", "lost_reply", "reset", "slow_reply"})
_JSON = frozenset(REFUSALS) | _WIRE | {"broken_json", "http_502_done", "message_key"}
KINDS: dict[str, frozenset[str]] = {
    "create": _JSON | {"no_task_id"},
    "record": _JSON | {"null_record", "unknown_state", "broken_param", "no_param", "no_urls", "two_urls"},
    "upload": _JSON,
    "download": _WIRE | {"truncate", "empty", "expired", "slow"},
    "credits": _JSON,
    "download_url": _JSON,
    "task": frozenset({"fail", "fail_moderation", "fail_image", "slow"}),
}
_FIELDS: tuple[tuple[str, tuple[type, ...], str], ...] = (
    ("times", (int, NoneType), "a whole number or None"),
    ("probability", (int, float), "a number"),
    ("seconds", (int, float), "a number"),
    ("match", (str,), "a text"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One kind of fault for one kind of call."""

    call: str
    kind: str
    times: int | None = None  # how often it strikes; None: always
    probability: float = 1.0
    match: str = ""  # only when this is in the prompt of the task, or in the name of the file asked for
    seconds: float = 3.0  # for kinds that take time: how long

    def __post_init__(self) -> None:
        if self.call not in KINDS:
            raise ValueError(f"no such call to disturb: {self.call!r}. Calls: {', '.join(CALLS)}")
        object.__setattr__(self, "kind", str(self.kind))  # kind=429 is as good as "429"
        if self.kind not in KINDS[self.call]:
            good = ", ".join(sorted(KINDS[self.call]))
            raise ValueError(f"no such fault for {self.call!r}: {self.kind!r}. Kinds: {good}")
        for name, kinds, words in _FIELDS:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, kinds):
                raise ValueError(f"{name} must be {words}, not {value!r}")  # noqa: TRY004 - one error for all of it
        if not 0 <= self.seconds <= MOST_SECONDS:
            raise ValueError(f"seconds are from 0 to {MOST_SECONDS:g}, not {self.seconds!r}")


def parse_faults(raw: Any) -> list[Fault]:
    """Faults from decoded JSON, or a ValueError that names the good words."""
    if isinstance(raw, Mapping):
        raw = raw.get("faults", [raw])
    if not isinstance(raw, list):
        raise ValueError("faults are a JSON list of objects")  # noqa: TRY004 - one error for all of it
    if len(raw) > _MOST_FAULTS:
        raise ValueError(f"at most {_MOST_FAULTS} faults can be set")
    known = [field.name for field in fields(Fault)]
    for item in raw:
        if not isinstance(item, Mapping):
            raise ValueError("each fault is a JSON object")  # noqa: TRY004
        unknown = sorted(set(item) - set(known))
        if unknown or not {"call", "kind"} <= item.keys():
            wrong = f"unknown {', '.join(map(repr, unknown))}" if unknown else "call and kind are needed"
            raise ValueError(f"{wrong}. A fault has: {', '.join(known)}")
    return [Fault(**item) for item in raw]


@dataclass(slots=True)
class _Armed:
    fault: Fault
    left: float  # how often it may still be applied


class FaultBox:
    """The faults in force. Safe to use from any thread."""

    def __init__(self, faults: Iterable[Fault] = (), environ: Mapping[str, str] | None = None) -> None:
        environ = os.environ if environ is None else environ
        self._lock = threading.Lock()
        self._strikes: Counter[tuple[str, str]] = Counter()
        self._chance = random.Random(20261122)  # noqa: S311 - repeatable
        self._given = _armed(faults)
        if text := environ.get("KIE_SIM_FAULTS", "").strip():
            self._given += _armed(_decode(text, "KIE_SIM_FAULTS"))
        name = environ.get("KIE_SIM_FAULTS_FILE", "").strip()
        self._file = Path(name) if name else None
        self._file_stamp: tuple[int, int] | None = None
        self._from_file: list[_Armed] = []
        self._read_file()

    @property
    def faults(self) -> list[Fault]:
        """The faults in force, spent ones left out."""
        with self._lock:
            self._read_file()
            return [armed.fault for armed in (*self._given, *self._from_file) if armed.left != 0]

    @property
    def strikes(self) -> Counter[tuple[str, str]]:
        """How often each (call, kind) was applied."""
        with self._lock:
            return Counter(self._strikes)

    def replace(self, faults: Sequence[Fault]) -> None:
        """Replace all faults given before; those of the file stay."""
        with self._lock:
            self._given = _armed(faults)

    def strike(self, call: str, *, prompt: str = "", age_s: float = 0.0) -> Fault | None:
        """The fault that applies to this call, if one does. It is counted as used."""
        with self._lock:
            self._read_file()
            for armed in (*self._given, *self._from_file):
                fault = armed.fault
                if armed.left == 0 or fault.call != call or fault.match not in prompt:
                    continue
                # Without a number of looks, "not known yet" is a matter of age.
                if fault.kind == "null_record" and fault.times is None and age_s >= fault.seconds:
                    continue
                if self._chance.random() < fault.probability:
                    armed.left -= 1
                    self._strikes[call, fault.kind] += 1
                    return fault
        return None

    def _read_file(self) -> None:
        if self._file is None:
            return
        try:
            info = self._file.stat()
            stamp = (info.st_mtime_ns, info.st_size)
            if stamp == self._file_stamp:
                return
            text = self._file.read_text(encoding="utf-8")
        except FileNotFoundError:
            self._file_stamp, self._from_file = None, []
            return
        try:
            faults = _decode(text, str(self._file)) if text.strip() else []
        except ValueError:
            if self._file_stamp is None:
                raise  # a wrong file at the start is an error at once
            return  # half written just now: keep the faults read before
        self._file_stamp, self._from_file = stamp, _armed(faults)


def _armed(faults: Iterable[Fault]) -> list[_Armed]:
    return [_Armed(fault, math.inf if fault.times is None else fault.times) for fault in faults]


def _decode(text: str, origin: str) -> list[Fault]:
    try:
        return parse_faults(json.loads(text))
    except ValueError as exc:
        raise ValueError(f"{origin}: {exc}") from exc
