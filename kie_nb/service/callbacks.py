"""Is this callback from Kie? (kie-api §6.2). The body is not signed: use a callback as a wake-up, then look at the task."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Any

MAX_AGE_S = 300.0  # customary; none is documented


def task_id_of(body: Mapping[str, Any]) -> str | None:
    """The task id, which three kinds of body keep in three places."""
    data = body.get("data")
    inner = data if isinstance(data, Mapping) else {}
    found = inner.get("taskId") or inner.get("task_id") or body.get("taskId")
    return str(found) if found else None


def is_signed(headers: Mapping[str, str], body: Mapping[str, Any], secret: str, *, now: float) -> bool:
    """Whether the headers carry the right signature for the body's task, not older than five minutes.

    Args:
        now: Unix time, in seconds.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    stamp, signature = lowered.get("x-webhook-timestamp", ""), lowered.get("x-webhook-signature", "")
    task_id = task_id_of(body)
    if task_id is None or not re.fullmatch(r"[0-9]{1,15}", stamp) or abs(now - int(stamp)) > MAX_AGE_S:
        return False
    digest = hmac.new(secret.encode(), f"{task_id}.{stamp}".encode(), hashlib.sha256).digest()
    return hmac.compare_digest(base64.b64encode(digest), signature.encode())
