"""Where a file of a task can be had now: at the link that is known, at a fresh one for it, or where the task says today."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from ..errors import DownloadFailed, InvalidRequest, KieError, NotFetched
from ..service.media import LinkDead
from .channel import Channel
from .record import Record


async def from_any_link(
    run: Record, number: int, channel: Channel, fetch: Callable[[str], Awaitable[dict[str, Any]]]
) -> dict[str, Any]:
    """What *fetch* gives for the first link that serves file *number* of the task; on the dispatcher's loop.

    Raises:
        NotFetched: it is too large, or leads where nothing is fetched from.
        LinkDead: none does any more.
        DownloadFailed: none does now, or the disk took nothing.
    """
    client = await channel.client()
    known = (run.row.urls or [])[number : number + 1]
    # An embedded simulator comes back on another port: there the old address is nobody's, or somebody else's.
    is_gone = run.service == "simulator" and not any(map(channel.is_own_address, known))
    tried: list[str] = list(known) if is_gone else []
    reasons: list[str] = []
    is_dead = True

    async def first() -> list[str]:
        return known

    async def fresh() -> list[str]:
        return [await client.download_url(known[0])] if known and not is_gone else []

    async def named() -> list[str]:
        return list((await client.record(str(run.task_id))).urls)[number : number + 1]

    for ask in (first, fresh, named):
        try:
            url = next((url for url in await ask() if url not in tried), None)
            if url is not None:
                tried.append(url)
                return await fetch(url)
        except KieError as exc:
            # Our disk is in trouble, not the link; or the file is too large at every link.
            if isinstance(exc, NotFetched) or isinstance(exc.__cause__, OSError):
                raise
            is_dead = is_dead and isinstance(exc, LinkDead | InvalidRequest)
            reasons.append(exc.message.rstrip("."))
    raise (LinkDead if is_dead else DownloadFailed)(
        f"{'; '.join(dict.fromkeys(reasons)) or 'the service names no file for it'}."
    )
