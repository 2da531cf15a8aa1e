"""Which network addresses are public, which are Kie's, and which parts of one may be stored; no I/O.

A key goes to Kie's own hosts; to another host only over https and if the same place (environment or call) names both; to this
machine only with `KIE_NB_SERVICE=kie`.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import unicodedata
from typing import Any
from urllib.parse import unquote_plus, urlsplit, urlunsplit

from .errors import InvalidRequest

_SECRET_NAMES = re.compile(
    r"(?i)sig|token|credential|secret|key|auth|pass|pwd|session|policy|hmac|hash|expires|jwt|ticket|^x-(amz|goog|oss|cos)-|"
    r"^(code|sas|hm|oh|oe|se|sp|sv|sr|st|spr|sk.{1,3})$"
)
_LONGEST_PLAIN = 40  # characters of a value; what is longer may be a secret under any name

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Our own tables: what `ipaddress` calls global differs between Python versions.
_NOT_PUBLIC_4 = {
    "this machine": ("127.0.0.0/8", "0.0.0.0/8"),
    "a private network": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"),
    "this network segment": ("169.254.0.0/16",),
    "a multicast group": ("224.0.0.0/4",),
    "a reserved range": (
        "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
    ),
}  # fmt: skip
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_NOT_PUBLIC_6 = {
    "this machine": ("::1/128", "::/128"),
    "a private network": ("fc00::/7", "fec0::/10", "64:ff9b:1::/48"),
    "this network segment": ("fe80::/10",),
    "a multicast group": ("ff00::/8",),
    # Teredo is in the first; a 6to4 or Teredo address hides an IPv4 address of anybody's choice.
    "a reserved range": ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
}
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_TABLE = [
    (ipaddress.ip_network(net), where)
    for table in (_NOT_PUBLIC_4, _NOT_PUBLIC_6)
    for where, nets in table.items()
    for net in nets
]
_FAKE_IP = ipaddress.IPv4Network("198.18.0.0/15")

# RFC 6761, 6762 and 8375, ICANN's `internal`, and what resolvers and routers put behind a machine's name.
_PRIVATE_NAMES = (".localhost", ".localdomain", ".local", ".internal", ".home.arpa", ".lan")
KIE = frozenset({"https://api.kie.ai", "https://kieai.redpandaai.co"})  # kie-api §1
# No user, no password, no query, nothing that two readers could take for two hosts.
_ADDRESS = re.compile(
    r"https?://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~/-]*)?"
)


def why_not_public(address: Address) -> str:
    """Why *address* is not on the public internet, in words; "" for a public one."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return why_not_public(address.ipv4_mapped)
        if address in _NAT64:  # how an IPv6-only network reaches IPv4 hosts
            return why_not_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    where = next((words for net, words in _TABLE if address.version == net.version and address in net), "")
    if where or isinstance(address, ipaddress.IPv4Address):
        return where
    return "" if address in _GLOBAL_UNICAST else "a reserved range"


def is_fake(address: Address) -> bool:
    """Whether *address* is a "fake IP": proxies that work as a network card answer every name with one, and carry it out by name."""
    return address.version == _FAKE_IP.version and address in _FAKE_IP


def shareable(url: str) -> str:
    """*url* as it may be written into a file that is given away: without a user, a password, a signature or a fragment."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    query = [pair for pair in parts.query.split("&") if not _lets_in(*pair.partition("=")[::2])]
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "&".join(query), ""))


def secrets_in(url: str) -> list[str]:
    """The names in the query of *url* that `shareable` leaves out."""
    try:
        pairs = [pair.partition("=") for pair in urlsplit(url).query.split("&")]
    except ValueError:
        return []
    return [unquote_plus(name) for name, _, value in pairs if name and _lets_in(name, value)]


def shareable_value(value: Any) -> Any:
    """An input or a place in a grid for such a file: what is an address, or a list of them, as `shareable` gives it."""
    if isinstance(value, list | tuple):
        return [shareable_value(one) for one in value]
    if isinstance(value, dict):
        return {name: shareable_value(one) for name, one in value.items()}
    is_address = isinstance(value, str) and re.match(r"\s*https?:\S+\s*$", value, re.IGNORECASE)
    return shareable(value.strip()) if is_address else value


def _lets_in(name: str, value: str) -> bool:
    return bool(_SECRET_NAMES.search(unquote_plus(name))) or len(value) > _LONGEST_PLAIN


def is_public_name(host: str) -> bool:
    """Whether *host*, a name, may be one of the public internet's: of several labels, and under no domain that is kept for networks."""
    name = host.lower().removesuffix(".")
    is_name = "." in name and all(sign.isalnum() or sign in "-_." for sign in name)
    return is_name and not f".{name}".endswith(_PRIVATE_NAMES)


def literal(host: str) -> Address | None:
    """The address that *host* spells, as resolvers understand it (`127.1`, `0x7f.1`, `2130706433`); None for a name."""
    text = unicodedata.normalize("NFKC", host).strip("[]").partition("%")[0].rstrip(".")
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(text))
    except (OSError, ValueError):
        return None


def service_from_environment(name: str) -> str:
    """The address in the variable *name*, or ""; InvalidRequest, without its text (a password?), if it is none."""
    # No local holds it: it may be a password.
    return service_address(os.environ[name].strip(), name) if os.environ.get(name, "").strip() else ""


def service_address(url: str, name: str) -> str:
    """*url* as the address of a service, without a slash at its end; InvalidRequest if it is none."""
    if not isinstance(url, str) or not _ADDRESS.fullmatch(url):
        why = (
            "holds a user or a password, which would be sent and shown"
            if "@" in str(url)
            else "is not the address of a service"
        )
        url = ""  # not in a traceback either
        hint = "it looks like https://gateway.example: a key of its own goes into KIE_API_KEY"
        raise InvalidRequest(f"{name} {why}.", hint=hint)
    return url.rstrip("/")


def is_kie(url: str) -> bool:
    """Whether *url* leads to Kie's own."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.lower()}".removesuffix(":443") in KIE


def host_of(url: str) -> str:
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
            words = f"{host_of(url)} is not asked over https: the key could be read on the way."
            raise InvalidRequest(words, hint="begin KIE_BASE_URL and KIE_UPLOAD_URL with https://")
