"""A picture, a video or a sound as people give it → what is sent of it, by its kind.

A slot's limits are checked where the request is built.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import urlsplit

from ..catalogue import Kind
from ..home import open_file
from ..ledger import Ledger
from ..video.sniff import HEAD_BYTES, ending_of, mime_of
from . import image_urls
from .images import Picture, read_picture
from .prepare import Way
from .recordings import read_recording
from .sources import is_url


def kind_of(source: Any) -> Kind:
    """Which kind of medium *source* is: by its first bytes where they are at hand, else by its name; else a picture."""
    if isinstance(source, bytes | bytearray | memoryview):
        return _kind_named(f"file.{ending_of(bytes(source[:HEAD_BYTES]))}")
    if not isinstance(source, str | os.PathLike):
        return "image"
    if is_url(source):
        return _kind_named(urlsplit(str(source)).path)
    with contextlib.suppress(OSError, ValueError, RuntimeError), open_file(Path(source).expanduser()) as file:
        return _kind_named(f"file.{ending_of(file.read(HEAD_BYTES))}")
    return _kind_named(os.fspath(source))


def _kind_named(name: str) -> Kind:
    kind = mime_of(PurePath(name).name).partition("/")[0]
    return kind if kind in {"video", "audio"} else "image"  # type: ignore[return-value]


def read_medium(
    source: Any,
    kind: Kind,
    *,
    fit: bool = False,
    keep_metadata: bool = False,
    link: Mapping[str, Any] | None = None,
) -> Picture:
    """Read and check a medium that is at hand (everything but a URL); *link* names the run that it is of."""
    if kind == "image":
        return read_picture(source, fit=fit, keep_metadata=keep_metadata)
    return read_recording(source, kind, keep_metadata=keep_metadata, link=link)


def recorded_media(url: str, kind: Kind, ledger: Ledger, *, channel: Way) -> list[Picture]:
    """What runs were made with when *url* served it, newest first."""
    return image_urls.recorded_pictures(url, ledger, channel=channel, kind=kind)


def medium_at(
    url: str, kind: Kind, ledger: Ledger, *, channel: Way, check: bool = True
) -> tuple[Picture, tuple[str, ...]]:
    """What *url* serves now, and warnings."""
    return image_urls.picture_at(url, ledger, channel=channel, check=check, kind=kind)
