"""Kie's own hosts, and checks of the address of a service.

A key goes to Kie's own hosts; to another one only over https and from the place that names that host too (the environment, or one
call); to this machine by the word `KIE_NB_SERVICE=kie`.
"""

from __future__ import annotations

import ipaddress
import os
import re
from urllib.parse import urlsplit

from .errors import InvalidRequest

KIE = frozenset({"https://api.kie.ai", "https://kieai.redpandaai.co"})  # kie-api §1
# No user, no password, no query, nothing that two readers could take for two hosts.
_ADDRESS = re.compile(
    r"https?://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~/-]*)?"
)


def from_environment(name: str) -> str:
    """The address in the variable *name*, or ""; InvalidRequest, without its text (a password?), if it is none."""
    # No local holds it: it may be a password.
    return checked(os.environ[name].strip(), name) if os.environ.get(name, "").strip() else ""


def checked(url: str, name: str) -> str:
    """*url* as the address of a service, without a slash at its end; InvalidRequest if it is none."""
    if not isinstance(url, str) or not _ADDRESS.fullmatch(url):
        is_named = "@" in str(url)
        url = ""  # not in a traceback either
        raise InvalidRequest(
            f"{name} {'holds a user or a password, which would be sent and shown' if is_named else 'is not the address of a service'}.",
            hint="it looks like https://gateway.example: a key of its own goes into KIE_API_KEY",
        )
    return url.rstrip("/")


def is_kie(url: str) -> bool:
    """Whether *url* leads to Kie's own."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.lower()}".removesuffix(":443") in KIE


def shown(url: str) -> str:
    """The host of *url*, with its port: a path may be somebody's secret."""
    return urlsplit(url).netloc.rpartition("@")[2]


def is_loopback(url: str) -> bool:
    """Whether *url* leads to this machine."""
    try:
        host = (urlsplit(url).hostname or "").lower()
    except ValueError:  # no address at all
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def check_encrypted(*urls: str) -> None:
    """Raise InvalidRequest where a key could be read on the way: neither https nor on this machine."""
    for url in urls:
        if not url.startswith("https://") and not is_loopback(url):
            raise InvalidRequest(
                f"{shown(url)} is not asked over https: the key could be read on the way.",
                hint="begin KIE_BASE_URL and KIE_UPLOAD_URL with https://",
            )
