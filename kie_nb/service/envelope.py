"""Reply → value or error: the envelope and its traps, with no I/O (kie-api §2 and §5).

HTTP 200 does not mean accepted, 500 is often the user's mistake, and the text is under `msg` or `message`.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any

from ..bounds import number_of, parsed, text_of
from ..errors import (
    AuthError,
    InvalidRequest,
    KieError,
    ModelUnavailable,
    OutcomeUnknown,
    OutOfCredits,
    RateLimited,
    Refused,
    ServiceTrouble,
    TaskLost,
)
from ..wording.next_steps import LOGS
from .records import scan_record

OK = 200
KEY_LIMIT = 433
# Of a create these leave it open whether a task was made (kie-api §5.3), whatever their text seems to say.
_UNSURE_CODES = frozenset({408, 501, 502, 503, 504})
_UNSURE_WORDS = ("deadline", "timed out", "timeout", "time limit", "connection", "no result")
NOT_FOUND = 404
_TASK_ID = re.compile(r"[!-~]{1,200}")  # opaque (kie-api §3), but a line, a row and an address can hold it
_ID_NAMES = ("taskid", "recordid")
SHOWN_OF_ID = 80


class Call(StrEnum):
    """Which question was asked: only `CREATE` can cost money."""

    CREATE = "createTask"
    RECORD = "recordInfo"
    CREDITS = "credit"
    UPLOAD = "upload"
    DOWNLOAD_URL = "download-url"


class Kind(StrEnum):
    """What a refusal means, whatever number it came under."""

    AUTH = "auth"
    CREDITS = "credits"
    RATE = "rate limit"
    INVALID = "invalid input"
    MODEL = "model unavailable"
    UNKNOWN_TASK = "unknown task"
    MAINTENANCE = "maintenance"
    REFUSED = "refused"
    TOO_LARGE = "too large"
    SERVER = "server error"


# kie-api §5.2: 500 and 422 are told apart by their text; the first match wins.
_BY_TEXT = (
    ("recordinfo is null", Kind.UNKNOWN_TASK),
    ("call frequency|rate limit|frequency is too high", Kind.RATE),  # a field's value may be "too high" too
    ("insufficient|top up", Kind.CREDITS),
    ("authentication failed|access permissions", Kind.AUTH),
    ("model name|temporarily paused|operation not found", Kind.MODEL),
    ("not within the range of allowed options|is required|cannot be empty|exceed|url is wrong", Kind.INVALID),
)
# The body codes, the error, what happened, and the next step. 501 of a create is unsure, see above.
_KINDS: dict[Kind, tuple[tuple[int, ...], type[KieError], str, str]] = {
    Kind.AUTH: ((401, 403), AuthError, "the key was not accepted", "check the key at https://kie.ai/api-key, then %kie login or KIE_API_KEY"),
    Kind.CREDITS: ((402,), OutOfCredits, "not enough credits", "top up at https://kie.ai/pricing, then run the cell again"),
    Kind.RATE: ((429, 430), RateLimited, "too many requests in a short time", "wait ten seconds and run the cell again"),
    Kind.INVALID: ((400, 422, 451), InvalidRequest, "the request was refused", "correct the field it names and run the cell again"),
    Kind.TOO_LARGE: ((413,), InvalidRequest, "what was sent is too large", "scale the picture: --fit on the line, fit=True in Python"),
    Kind.MODEL: ((505,), ModelUnavailable, "the model is unavailable", "try again later, or another one with --model"),
    Kind.UNKNOWN_TASK: ((), TaskLost, "the service does not know this task", f"look at {LOGS}; ids are kept for two months"),
    Kind.MAINTENANCE: ((455,), Refused, "the service is under maintenance", "run the cell again later"),
    Kind.REFUSED: ((404, 501, 531, 550, 4030), Refused, "the request was refused", ""),
}  # fmt: skip
_BY_CODE = {code: kind for kind, (codes, *_) in _KINDS.items() for code in codes}
_KEY_LIMIT_HINT = "raise the key's own limit at https://kie.ai/api-key, then run the cell again"


def classify(code: int, text: str) -> Kind:
    """What a body code other than 200 means."""
    if code == KEY_LIMIT:
        return Kind.CREDITS
    lowered = text.lower()
    told = (kind for words, kind in _BY_TEXT if any(word in lowered for word in words.split("|")))
    return next(told, None) or _BY_CODE.get(code, Kind.SERVER)


def read(call: Call, status: int, body: bytes) -> Any:
    """The `data` of an accepted reply, or the error that says what a caller should do.

    For `Call.CREATE`, whatever is not a clear refusal is `OutcomeUnknown`, because a task may exist.
    """
    try:
        reply = parsed(body)
    except ValueError:
        reply = None
    if not isinstance(reply, dict):
        if call is Call.RECORD and status == OK and (found := scan_record(body)) is not None:
            return found
        raise _not_an_envelope(call, status, body)
    code, text, task = _code(reply, status), message_of(reply), _task_named_in(reply)
    if code != OK and call is Call.CREATE and (_leaves_open(status, code, text) or task):
        told = f" and named a task, {ascii(task)[:SHOWN_OF_ID]}" if task else ""
        raise _unsure(call, f"HTTP {status}, the service said: {text!r} (code {code}){told}")
    if code != OK:
        raise refusal(call, code, text)
    if not OK <= status < 300:  # noqa: PLR2004
        raise _unsure(call, f"the service answered HTTP {status} with a body that says 200")
    return reply.get("data")


def _leaves_open(status: int, code: int, text: str) -> bool:
    """Whether a refusal of a create may come from beyond the point where a task is made."""
    if not (status == OK or 400 <= status < 500) or status in _UNSURE_CODES:  # noqa: PLR2004
        return True
    if code < 400 or code in _UNSURE_CODES:  # noqa: PLR2004 - no refusal has such a number
        return True
    return code == 500 and any(word in text.lower() for word in _UNSURE_WORDS)  # noqa: PLR2004


def task_id_in(data: Any) -> str:
    """The id in the `data` of an accepted create; OutcomeUnknown, naming what there is, where none can be kept."""
    found = (data.get("taskId") or data.get("recordId")) if isinstance(data, dict) else None
    found = found or _task_named_in(data)
    if isinstance(found, int) and not isinstance(found, bool):
        found = str(found)
    if isinstance(found, str) and _TASK_ID.fullmatch(found):
        return found
    if not found:
        raise outcome_unknown("it was accepted without a task id")
    raise outcome_unknown(f"it was accepted with a task id that cannot be kept, {ascii(found)[:SHOWN_OF_ID]}")


def _task_named_in(value: Any) -> Any:
    """The id of a task wherever it stands in *value*, in whatever spelling of its name; None if nowhere."""
    if isinstance(value, dict):
        told = (inner for name, inner in value.items() if name.lower().replace("_", "") in _ID_NAMES)
        return next(filter(None, told), None) or _task_named_in(list(value.values()))
    if isinstance(value, list):
        return next(filter(None, map(_task_named_in, value)), None)
    return None


def message_of(reply: dict[str, Any]) -> str:
    """`msg` on the wire, `message` on the older page."""
    return text_of(reply.get("msg")) or text_of(reply.get("message"))


def refusal(call: Call, code: int, text: str) -> KieError:
    """The error for a reply whose body code is not 200."""
    kind = classify(code, text)
    if call is Call.RECORD and code == NOT_FOUND and kind is Kind.REFUSED:
        kind = Kind.UNKNOWN_TASK  # the docs' way of saying what the wire says with 422 (kie-api §4.6)
    said = f"said: {text!r} (code {code})" if text else f"answered code {code} without a text"
    if kind is Kind.SERVER:
        return _unsure(call, f"the service {said}")
    _codes, error, words, hint = _KINDS[kind]
    if code == KEY_LIMIT:
        hint = _KEY_LIMIT_HINT
    more: dict[str, Any] = {"code": code} if issubclass(error, Refused) else {}
    return error(f"{words}; the service {said}.", hint=hint, **more)


def _not_an_envelope(call: Call, status: int, body: bytes) -> KieError:
    text = body[:200].decode("utf-8", "replace")
    if status == 403 and ("1010" in text or "cloudflare" in text.lower()):  # noqa: PLR2004
        words = "Blocked before Kie.ai: its front door answered HTTP 403, which says nothing about your key."
        hint = "check for a proxy or VPN that changes the User-Agent, then run the cell again"
        return Refused(words, code=status, hint=hint)
    if status == 429:  # noqa: PLR2004
        return refusal(call, 429, "too many requests")
    if status in {401, 403} or (status == 413 and call is not Call.CREATE):  # noqa: PLR2004
        return refusal(call, status, f"HTTP {status}")
    return _unsure(call, f"HTTP {status} with a body that is not JSON")


def _unsure(call: Call, said: str) -> KieError:
    return outcome_unknown(said) if call is Call.CREATE else unusable(call, said)


def unusable(call: Call, why: str) -> ServiceTrouble:
    """The error for an answer to a harmless question that cannot be used."""
    return ServiceTrouble(f"No usable answer to {call}: {why}.", hint="asking again is safe")


def outcome_unknown(why: str) -> OutcomeUnknown:
    """The error for a create that may have made a task."""
    return OutcomeUnknown(
        f"The answer to createTask was lost: {why}. A task may exist; it is not sent again by itself.",
        hint=f"compare your balance and look at {LOGS} before you send it again",
    )


def _code(reply: dict[str, Any], status: int) -> int:
    """The body's code; 0 where there is none that can be understood."""
    code = number_of(reply.get("code", status if status != OK else None), least=0, most=99_999)
    return int(code) if code is not None and code == int(code) else 0
