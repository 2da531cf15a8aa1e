"""The key on the wire: added when a request is sent, for its own hosts alone, and redacted in replies."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Generator, Iterable

import httpx

from ..keys import SIMULATORS, Secret

MASK = "[key]"
_SHORTEST = 8  # characters; a shorter text is no key, and stands in many words


class Bearer(httpx.Auth):
    """Adds the header to a request for one of *hosts*; no client, default header or stack frame holds it."""

    def __init__(self, key: Secret, hosts: Iterable[str]) -> None:
        self._key = key
        self._origins = {_origin(httpx.URL(host)) for host in hosts}

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """The request with its header."""
        if _origin(request.url) in self._origins:
            request.headers["Authorization"] = f"Bearer {self._key.reveal()}"
        yield request


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


class Redactor:
    """Redacts a key in texts from the wire, however it is encoded: in JSON, in an address, in HTML, in capitals."""

    def __init__(self, key: Secret) -> None:
        is_key = len(key.reveal()) >= _SHORTEST and key != SIMULATORS
        self._pattern = re.compile("".join(map(_spellings, key.reveal())), re.IGNORECASE) if is_key else None

    def text(self, text: str) -> str:
        """*text* without the key."""
        return self._pattern.sub(MASK, text) if self._pattern else text

    def body(self, body: bytes) -> bytes:
        """The same for a body, in the encoding that it will be read in; what cannot be read in it stays as it is."""
        encoding: str = json.detect_encoding(body)
        errors = "surrogatepass"
        try:
            text = body.decode(encoding, errors)
        except UnicodeDecodeError:
            encoding, errors = "latin-1", "strict"
            text = body.decode(encoding)
        clean = self.text(text)
        return body if clean == text else clean.encode(encoding, errors)


def _spellings(sign: str) -> str:
    # One way to read each sign, none tried twice (`?>`), and an end to each repetition: the texts that almost hold a key, or a
    # megabyte of backslashes, must not take for ever.
    number, escaped = ord(sign), re.escape(sign)
    name = "" if html.escape(sign) == sign else f"|{re.escape(html.escape(sign))}"
    return (
        rf"(?>\\{{0,8}}{escaped}|%(?:25){{0,8}}{number:02x}|\\{{1,8}}u00{number:02x}|\\{{1,8}}x{number:02x}"
        rf"|&(?:amp;){{0,8}}\#0{{0,8}}{number};?|&(?:amp;){{0,8}}\#x0{{0,8}}{number:x};?{name})"
    )
