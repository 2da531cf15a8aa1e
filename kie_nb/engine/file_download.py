"""Download one file of a task, inspect it, and keep it whatever the inspection says: no received byte is thrown away.

A wrong answer (a page, an empty reply) or a partial download is kept as `<name>.received.<ending>`, one for each file, until
the file itself arrives; when no link serves it any more, the partial download becomes the file. Links are tried in this order: the
recorded one, a fresh one for it, the one that the task names now.
"""

from __future__ import annotations

import contextlib
import functools
import glob
import itertools
import os
import re
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from typing_extensions import TypedDict

from .. import settings as settings_
from ..bounds import Seconds, Sha256, Text, Whole
from ..errors import DownloadFailed, InvalidRequest, KieError, NotFetched
from ..fileops import hash_of
from ..home import NAME, is_plain_file, is_real_folder, make_folder
from ..ledger import owner
from ..service.media import CutShort, LinkDead, NotTheFile, Received, download
from ..service.reach import Patience
from ..tables import said_size
from ..video import ENDINGS, MEDIA, PAGES, Look, inspect
from .channel import Channel
from .record import Record
from .workers import Piece

_Fetch = Callable[[str, Path], Received]
_Worth = tuple[bool, bool, float, int]
NOTHING_YET: _Worth = (False, False, -1.0, 0)
BROKE_OFF = "the download broke off"
STALE_S = 3600.0
# A download under way, its number, and the process that writes it.
INCOMING = re.compile(rf"{NAME}\.\d+\.(\d+|[0-9a-f]{{12}}-\d+-\d+)\.incoming(?:\.part)?")
_numbers = itertools.count(1)


async def download_file(
    run: Record,
    number: int,
    channel: Channel,
    work: Callable[..., Awaitable[Any]],
    place: Path,
    *,
    patience: Patience,
    target: Path | None = None,
) -> dict[str, Any]:
    """The facts of file *number* as `fetch_one` gives them; where no link serves it, those of what is here of it.

    *work* runs a function in a worker; the file belongs in *place*, and is put into *target* for now, if given.
    """
    # A file in the ledger was changed since, if it is there: do not take it. One that is not in the ledger was left by a
    # process that died before recording it.
    is_known = any(kept.number == number for kept in run.row.files)
    is_known = is_known and await work(is_plain_file, place)
    await work(take_leftovers, place)
    await work(make_room, (target or place).parent)
    here = None if is_known else await work(named_here, place)
    if here is not None and not here["remark"]:
        await work(_forget_received, place)  # its process died in between, or another left a part of it
        return dict(here)

    async def fetch(url: str) -> dict[str, Any]:
        way = (target or place, place, channel.own, patience, is_known)
        found = dict(await work(FETCH, url, *way))
        if settings_.executor() is not None:  # a worker that was killed has left a part of it
            await work(take_leftovers, place)
            await work(_forget_received, place)
        return found

    try:
        return await from_any_link(run, number, channel, fetch)
    except DownloadFailed as exc:
        may_come = run.link_lives and not isinstance(exc, LinkDead)
        if is_known or may_come or isinstance(exc.__cause__, OSError):
            raise
        found: dict[str, Any] | None = await work(what_is_here, place)
        if found is None:
            raise
        return found


def fetch_one(  # noqa: PLR0917 - an executor may take no keywords
    url: str, target: Path, place: Path, own: Sequence[str], patience: Patience, is_known: bool
) -> dict[str, Any]:
    """Download *url* to *target*, look at it, and give it its true ending; runs in a worker.

    If an earlier download got more of the file, that one is used, unless *is_known*: then what is on disk is not the task's
    file. DownloadFailed if nothing or a page was received, or it cannot be written: what was received is kept at *place*.

    Returns:
        `path`, `sha256`, `bytes`, `seconds`, `width` and `height` (None unless it is a video), `remark` (what is wrong with it) and
        `version` (what the service says of a file with a remark).
    """
    # The process is named last, for `INCOMING`; the number keeps apart two fetches of one file.
    incoming = target.with_name(f"{target.name}.{next(_numbers)}.{owner.mark()}.incoming")
    try:
        fetch = functools.partial(download, own=own, patience=patience)
        received, look = _looked_at(url, incoming, place, fetch)
        if look.kind == "page":
            raise NotTheFile(f"what came is {look.remark}{_kept_as(keep_aside(incoming, place))}.")
        facts = what_is_here(place, _worth(look, received.size), is_known=is_known)
        if facts is None:
            path = target.with_suffix(f".{look.ending}")
            facts = facts_of(incoming, look, path=path, version=received.version)
            os.replace(incoming, path)
        _forget_received(place)
    except OSError as exc:
        raise DownloadFailed(f"The video could not be written: {exc.strerror or exc}.") from exc
    finally:
        for left in (incoming, _second(incoming), _part(incoming), _part(_second(incoming))):
            with contextlib.suppress(OSError):
                left.unlink(missing_ok=True)
    return facts


def make_room(folder: Path) -> None:
    """Make *folder*; never in a worker, where a missing one shows that it sees other disks.

    Raises:
        DownloadFailed: it cannot be made.
    """
    try:
        make_folder(folder)
    except OSError as exc:
        raise DownloadFailed(f"The video could not be written: {exc.strerror or exc}.") from exc


class _Facts(TypedDict):
    path: Path
    sha256: Sha256
    bytes: Whole
    seconds: Seconds | None
    width: Whole | None
    height: Whole | None
    remark: Text | None
    version: Text | None


def _fetched(answer: Any, _url: str, target: Path, place: Path, *_more: Any) -> dict[str, Any]:
    """What a worker elsewhere says that it has fetched, if it is here; ValueError if not."""
    facts = TypeAdapter(_Facts).validate_python(answer)
    path, ending = facts["path"], facts["path"].suffix[1:]
    is_ours = ending in ENDINGS and path in {each.with_suffix(f".{ending}") for each in (target, place)}
    if not is_ours or not is_plain_file(path):
        raise ValueError("its workers do not write to the folder of the videos")
    if (path.stat().st_size, hash_of(path)) != (facts["bytes"], facts["sha256"]):
        raise ValueError("its workers do not say what they have written")
    return {**facts}


FETCH = Piece(fetch_one, _fetched)


def _looked_at(url: str, incoming: Path, place: Path, fetch: _Fetch) -> tuple[Received, Look]:
    """What *url* serves, in *incoming*; once more where a fresh download could differ, and the better of both."""
    received = _received(url, incoming, place, fetch)
    look = inspect(incoming)
    if received.is_announced or not look.remark or look.kind == "page":
        return received, look
    second = _second(incoming)
    with contextlib.suppress(DownloadFailed):
        again = _received(url, second, place, fetch)
        other = inspect(second)
        if _worth(other, again.size) > _worth(look, received.size):
            os.replace(second, incoming)
            return again, other
    return received, look


def _received(url: str, target: Path, place: Path, fetch: _Fetch) -> Received:
    part = _part(target)
    try:
        return fetch(url, target)
    except CutShort:
        os.replace(part, target)
        return Received(size=target.stat().st_size, is_announced=True, version="")
    except DownloadFailed as exc:
        if not part.is_file() or not part.stat().st_size:
            raise
        words = f"{exc.message.rstrip('.')}{_kept_as(keep_aside(part, place))}."
        raise type(exc)(words) from exc.__cause__


def keep_aside(came: Path, place: Path) -> Path:
    """Keep what was received instead of the file: one for each file, the better of two. Gives its new name."""
    look, size = inspect(came), came.stat().st_size
    target = _aside(place, look.ending)
    known = [path for path in _received_of(place) if is_plain_file(path)]
    if any(_value(path.suffix[1:], path.stat().st_size) >= _value(look.ending, size) for path in known):
        came.unlink()
        return known[0]
    os.replace(came, target)
    for path in known:
        if path != target:
            path.unlink(missing_ok=True)
    return target


def take_leftovers(place: Path) -> None:
    """Take over what dead processes left of the file at *place*: a complete download gets the file's name."""
    name, stem = glob.escape(place.name), glob.escape(place.stem)
    left = [path for path in place.parent.glob(f"{name}.*.incoming*") if writer_is_dead(path)]
    for apart in filter(is_real_folder, place.parent.glob(".again-*")):  # where the doctor fetches to
        left += [path for path in apart.glob(f"{name}.*.incoming*") if writer_is_dead(path)]
        left += [path for path in apart.glob(f"{stem}.*") if path.stem == place.stem and is_stale(path)]
    for path in sorted(filter(is_plain_file, left)):
        with contextlib.suppress(OSError):
            look = inspect(path)
            whole = place.with_suffix(f".{look.ending}")
            if path.suffix != ".part" and look.kind != "page" and not os.path.lexists(whole):
                os.replace(path, whole)
            elif path.stat().st_size:
                keep_aside(path, place)
            path.unlink(missing_ok=True)


def what_is_here(
    place: Path, least: _Worth = NOTHING_YET, *, is_known: bool = False
) -> dict[str, Any] | None:
    """The facts of what is on disk, if it is worth more than *least*: the file, if its record was lost, else a part of it."""
    for path in () if is_known else _named(place):
        look = inspect(path)
        if _worth(look, path.stat().st_size) > least:
            return facts_of(path, look, path=path)
    for half in (
        path for path in _received_of(place) if path.suffix[1:] not in PAGES and is_plain_file(path)
    ):
        look = inspect(half)
        if _worth(look, half.stat().st_size) > least:
            path = place.with_suffix(half.suffix)
            facts = facts_of(half, look, path=path)
            os.replace(half, path)
            return facts | {"remark": " and ".join(filter(None, (BROKE_OFF, facts["remark"])))}
    return None


def named_here(place: Path) -> dict[str, Any] | None:
    """The facts of the file with this name and any ending."""
    return next((facts_of(path, inspect(path), path=path) for path in _named(place)), None)


def _named(place: Path) -> Iterator[Path]:
    found = (place.with_suffix(f".{ending}") for ending in ENDINGS if ending not in PAGES)
    return filter(is_plain_file, found)


def received(place: Path) -> dict[str, Any] | None:
    """Name, hash and size of what was received instead of the file; None if nothing was."""
    path = next(filter(is_plain_file, _received_of(place)), None)
    return {"name": path.name, "sha256": hash_of(path), "bytes": path.stat().st_size} if path else None


def names_of(place: Path) -> set[str]:
    """The names under which received parts of a file may be kept."""
    return {path.name for end in ENDINGS for path in (_aside(place, end), place.with_suffix(f".{end}"))}


def facts_of(file: Path, look: Look, *, path: Path, version: str = "") -> dict[str, Any]:
    """What is recorded of *file*, which has its place at *path*."""
    seconds, size = (look.seconds, look.size) if look.kind == "video" else (None, None)
    return {
        "path": path,
        "sha256": hash_of(file),
        "bytes": file.stat().st_size,
        "seconds": seconds,
        "width": size[0] if size else None,
        "height": size[1] if size else None,
        "remark": look.remark or None,
        "version": version if look.remark else None,
    }


def _worth(look: Look, size: int) -> _Worth:
    return look.ending in MEDIA, not look.remark, look.seconds or 0.0, size


def _value(ending: str, size: int) -> tuple[bool, bool, int]:
    return ending in MEDIA, ending not in PAGES, size


def _kept_as(path: Path) -> str:
    return f"; {said_size(path.stat().st_size)} of it are kept as {path.name}"


def _received_of(place: Path) -> list[Path]:
    return [_aside(place, ending) for ending in ENDINGS]


def _aside(place: Path, ending: str) -> Path:
    return place.with_name(f"{place.stem}.received.{ending}")


def _forget_received(place: Path) -> None:
    for path in _received_of(place):
        path.unlink(missing_ok=True)


def _second(incoming: Path) -> Path:
    return incoming.with_name(f"again-{incoming.name}")


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def writer_is_dead(path: Path) -> bool:
    """Whether *path* is a download whose process is dead: known to have ended, or silent for an hour.

    A process id alone tells nothing: two containers that share the folder may each have a process of it.
    """
    named = INCOMING.fullmatch(path.name)
    return named is not None and (owner.marked_has_ended(named.group(1)) or is_stale(path))


def is_stale(path: Path) -> bool:
    """Whether nobody has written *path* for an hour."""
    return age_s(path) > STALE_S


def age_s(path: Path) -> float:
    """Seconds since *path* was last written; 0 for one that is gone."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:  # its process has moved it just now
        return 0.0


async def from_any_link(
    run: Record, number: int, channel: Channel, fetch: Callable[[str], Awaitable[dict[str, Any]]]
) -> dict[str, Any]:
    """What *fetch* gives for the first link that serves file *number* of the task; on the dispatcher's loop.

    NotFetched if it must not be fetched, LinkDead if no link serves it any more, DownloadFailed if none does now.
    """
    client = await channel.client()
    known = (run.row.urls or [])[number : number + 1]
    # An embedded simulator comes back on another port: there the old address is nobody's, or somebody else's.
    is_gone = run.service == "simulator" and not any(map(channel.is_own_address, known))
    tried: list[str | None] = [None, *(known if is_gone else ())]
    reasons: list[str] = []
    is_dead = True

    async def link(kind: str) -> str | None:
        if kind == "named":
            return next(iter((await client.record(str(run.task_id))).urls[number : number + 1]), None)
        if kind == "fresh" and known and not is_gone:
            return await client.download_url(known[0])
        return next(iter(known), None)  # a second time it was tried already

    for kind in ("known", "fresh", "named"):
        try:
            if (url := await link(kind)) not in tried:
                tried.append(url)
                return await fetch(str(url))
        except KieError as exc:
            # The disk is at fault, not the link; or the file is too large at every link.
            if isinstance(exc, NotFetched) or isinstance(exc.__cause__, OSError):
                raise
            is_dead = is_dead and isinstance(exc, LinkDead | InvalidRequest)
            reasons.append(exc.message.rstrip("."))
    raise (LinkDead if is_dead else DownloadFailed)(
        f"{'; '.join(dict.fromkeys(reasons)) or 'the service names no file for it'}."
    )
