"""A picture, a video or a sound as people give it → what is sent of it, by its kind.

The kinds beside pictures are told by their address here. A slot's limits are checked where the request is built.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import PurePath
from typing import Any
from urllib.parse import urlsplit

from ..catalogue import Kind, MediaIdentity
from ..errors import InvalidRequest
from ..ledger import Ledger
from ..video.sniff import mime_of
from . import image_urls
from .images import Picture, check_url, read_picture
from .prepare import Way
from .sources import is_url


def kind_of(source: Any) -> Kind:
    """Which kind of medium *source* is, by its name; a picture where that cannot be told."""
    if not isinstance(source, str | os.PathLike):
        return "image"
    name = urlsplit(str(source)).path if is_url(source) else os.fspath(source)
    kind = mime_of(PurePath(name).name).partition("/")[0]
    return kind if kind in {"video", "audio"} else "image"  # type: ignore[return-value]


def read_medium(source: Any, kind: Kind, *, fit: bool = False, keep_metadata: bool = False) -> Picture:
    """Read and check a medium that is at hand (everything but a URL)."""
    if kind == "image":
        return read_picture(source, fit=fit, keep_metadata=keep_metadata)
    raise InvalidRequest(f"A {kind} is given by its address.", hint="pass an http(s) URL")


def recorded_media(url: str, kind: Kind, ledger: Ledger, *, channel: Way) -> list[Picture]:
    """What runs were made with when *url* served it, newest first."""
    if kind == "image":
        return image_urls.recorded_pictures(url, ledger, channel=channel)
    return []


def medium_at(
    url: str, kind: Kind, ledger: Ledger, *, channel: Way, check: bool = True
) -> tuple[Picture, tuple[str, ...]]:
    """What *url* serves now, and warnings."""
    if kind == "image":
        return image_urls.picture_at(url, ledger, channel=channel, check=check)
    url = check_url(url, own=channel.own)
    digest = hashlib.sha256(url.encode()).hexdigest()
    label = PurePath(urlsplit(url).path).name[:80] or url[:80]
    return Picture(identity=MediaIdentity(sha256=digest, label=label, url=url, by_url=True, kind=kind)), ()
