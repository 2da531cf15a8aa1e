"""The media that were sent for a run: on this disk, in the store, or at the address in the ledger while that lives."""

from __future__ import annotations

import datetime as dt
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from ..catalogue import ImageIdentity
from ..engine.sending import UPLOAD_LIFE
from ..errors import KieError
from ..fileops import hash_of
from ..home import make_folder
from ..ledger import input_name
from ..service.media import download
from ..stores import find_input

if TYPE_CHECKING:
    from ..engine.record import Record
    from ..engine.workspace import Workspace


def find_sent(workspace: Workspace, run: Record, one: ImageIdentity) -> Path | None:
    """The copy of a medium that *run* sent, brought to this disk if it is elsewhere; None where nobody gives it. It blocks."""
    files = run.ledger.files
    found = find_input(files, one)
    if found is not None or one.url is not None:
        return found
    known = run.ledger.find_upload(run.row.account, one.sha256)
    channel = workspace.channel_of(run)
    if known is None or not channel.is_upload_address(known.url):
        return None
    age = run.ledger.now() - dt.datetime.fromisoformat(known.uploaded_at)
    if not dt.timedelta(0) <= age < UPLOAD_LIFE:
        return None
    part = files.inputs / f".{input_name(one.label, one.sha256, one.mime)}.{secrets.token_hex(4)}.part"
    try:
        make_folder(files.inputs)
        download(known.url, part, own=channel.own, patience=workspace.timing.patience)
        if hash_of(part) != one.sha256:
            return None
        return files.keep_input(part.read_bytes(), one.sha256, one.mime, one.label)
    except (KieError, OSError):
        return None
    finally:
        part.unlink(missing_ok=True)


def where_sent(run: Record) -> str:
    """Which machine has what was sent for *run*, in words; "" where it is this one, or nobody knows."""
    origin = run.row.origin or {}
    told = {name: origin.get(name) for name in ("host", "folder")}
    if told["host"] is None or told == run.ledger.files.whereabouts():
        return ""
    return f"on machine {told['host']} (folder {told['folder']})"
