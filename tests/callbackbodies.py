"""Callbacks as the service sends them: the two bodies of the user's page, byte for byte, and their signatures."""

import base64
import hashlib
import hmac
import time
from pathlib import Path

SECRET = "geheim ü"
HERE = Path(__file__).parent / "server"
BODIES = {name: (HERE / f"{name}.json").read_bytes() for name in ("success", "failure")}


def signed(task, *, at=None, secret=SECRET):
    stamp = str(int(time.time() if at is None else at))
    digest = hmac.new(secret.encode(), f"{task}.{stamp}".encode(), hashlib.sha256).digest()
    return {"X-Webhook-Timestamp": stamp, "X-Webhook-Signature": base64.b64encode(digest).decode()}
