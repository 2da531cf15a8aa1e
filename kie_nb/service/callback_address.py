"""Under which address the service reaches the receiver of this user; no I/O but the environment."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from ..errors import InvalidRequest
from ..mailbox import PATH

PUBLIC = "KIE_NB_PUBLIC_URL"
AUTO, OFF = "auto", "off"


def address_here() -> str | None:
    """The receiver's address without a token: by `KIE_NB_PUBLIC_URL`, else by JupyterHub; None where neither says it."""
    found = os.environ.get(PUBLIC, "").strip() or os.environ.get("JUPYTERHUB_PUBLIC_URL", "").strip()
    if not found:
        # JupyterHub before 5 names the user's own part of it alone.
        hub = urlsplit(os.environ.get("JUPYTERHUB_PUBLIC_HUB_URL", "").strip())
        prefix = os.environ.get("JUPYTERHUB_SERVICE_PREFIX", "").strip()
        found = f"{hub.scheme}://{hub.netloc}{prefix}" if hub.netloc and prefix.startswith("/") else ""
    if not found:
        return None
    parts = urlsplit(found)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise InvalidRequest(
            f"{found!r} is no address that a service can call.",
            hint=f"set {PUBLIC} to the address of your Jupyter server, such as https://example.org/jupyter/",
            charged="",
        )
    return f"{found.rstrip('/')}/{PATH}"


def chosen_address(told: str | None) -> str | None:
    """What `--callback` means: an address, `auto` or `off`; None for no callback."""
    if told is None or told == OFF:
        return None
    if told != AUTO:
        return told
    if (found := address_here()) is None:
        raise InvalidRequest(
            "--callback auto: this machine has no public address that is known here.",
            hint=f"set {PUBLIC} to the address under which the service reaches your Jupyter server or `kie-nb listen`, or leave --callback out: the run is polled",
        )
    return found


def takes_token(address: str | None) -> bool:
    """Whether it is a receiver of ours, which gets a token for each run."""
    return address is not None and address.endswith(f"/{PATH}")
