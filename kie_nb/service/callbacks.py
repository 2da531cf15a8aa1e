"""Is this callback from Kie? (kie-api §6.2). The body is not signed: use a callback as a wake-up, then look at the task."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Any

from .wirejson import parsed, text_of

MAX_AGE_S = 300.0  # customary; none is documented
MOST_BYTES = 1 << 20  # a callback has some kilobytes
MOST_ID = 200  # characters


def body_of(content: bytes) -> dict[str, Any]:
    """The body of a callback; empty for whatever is none: too large, too deep, no JSON, no object."""
    try:
        found = parsed(content) if len(content) <= MOST_BYTES else None
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {}


def task_id_of(body: Mapping[str, Any]) -> str | None:
    """The task id, which three kinds of body keep in three places; None where none of them holds a text or a number."""
    outer = body if isinstance(body, Mapping) else {}
    data = outer.get("data")
    inner = data if isinstance(data, Mapping) else {}
    told = (inner.get("taskId"), inner.get("task_id"), outer.get("taskId"))
    return next((text for value in told if (text := text_of(value, MOST_ID))), None)


def is_signed(headers: Mapping[str, str], body: Mapping[str, Any], secret: str, *, now: float) -> bool:
    """Whether the headers carry the right signature for the body's task, not older than five minutes.

    An empty secret verifies nothing: with it anybody could sign. Odd input is not signed.

    Args:
        now: Unix time, in seconds.
    """
    if not isinstance(secret, str) or not secret.strip() or not isinstance(headers, Mapping):
        return False
    told = {name.lower(): value for name, value in headers.items() if isinstance(name, str)}
    stamp, signature = told.get("x-webhook-timestamp"), told.get("x-webhook-signature")
    task_id = task_id_of(body)
    if not isinstance(stamp, str) or not isinstance(signature, str) or task_id is None:
        return False
    if not re.fullmatch(r"[0-9]{1,15}", stamp) or not abs(now - int(stamp)) <= MAX_AGE_S:
        return False
    signed = f"{task_id}.{stamp}".encode("utf-8", "replace")
    digest = hmac.new(secret.encode("utf-8", "replace"), signed, hashlib.sha256).digest()
    return hmac.compare_digest(base64.b64encode(digest), signature.encode("utf-8", "replace"))
