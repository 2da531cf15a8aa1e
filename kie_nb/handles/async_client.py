"""`AsyncKie`: Kie's API without a ledger, with the key, service and rate of the settings."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Self

from .. import addresses, notice
from .. import settings as settings_
from ..engine.channel import SHORTEST_PAUSE_S, embedded_simulator, holding
from ..keys import SIMULATORS, Secret
from ..ledger import Grant, GrantStore
from ..service import Client
from .session import get_session


class AsyncKie(Client):
    """The wire itself: what goes through it is written into no ledger.

    A create waits for its turn in the account's rate, as every run does. Nothing else is applied: no check of the inputs, no
    budget or limit, no upload of a picture, no look at what was bought before. The same create twice is paid twice, and a
    video is lost unless you fetch it.

    Args:
        key: The API key, for Kie.ai, or for the hosts that are named with it, unless the simulator was chosen; by default the
            one the settings find. Without any, the embedded simulator answers.
        base_url: Where the API answers; `KIE_BASE_URL` or https://api.kie.ai. Another host than Kie's needs *key* too.
        upload_url: Where uploads go; `KIE_UPLOAD_URL` or the service's own host.

    The client belongs to the event loop that it is entered on. The key goes to these two hosts only, and never to the simulator.

        async with AsyncKie() as client:
            task_id = await client.create("wan/2-5-image-to-video", {"prompt": "…", ...})
            record = await client.wait(task_id)

    Raises:
        AuthError: on entering, where Kie.ai is to answer and no key is found.
    """

    def __init__(
        self, key: str | None = None, *, base_url: str | None = None, upload_url: str | None = None
    ) -> None:
        secret = None if key is None else Secret(key)
        del key  # no frame of ours holds its text
        self._settings = settings = _settings_for(secret, base_url, upload_url)
        super().__init__(settings.key or "", base_url=settings.base_url, upload_url=settings.upload_url)

    def __repr__(self) -> str:
        where = "embedded" if self._settings.embedded else self._base_url
        mark = " SIMULATED" if self._settings.service == "simulator" else ""
        return f"<AsyncKie {where}{mark}>"

    async def __aenter__(self) -> Self:
        settings = self._settings
        if settings.service == "kie":
            settings_.require_key(settings)
        else:
            notice.say_simulator(chosen=not settings.embedded or settings_.is_chosen())
        if settings.embedded:
            self._base_url, self._upload_url, self._key = await asyncio.to_thread(
                embedded_simulator, settings.home, settings.simulator_speed
            )
        self._turn = asyncio.Lock()  # first come, first sent
        return await super().__aenter__()

    @contextlib.asynccontextmanager
    async def _permission(self) -> AsyncIterator[None]:
        """The right to send, which counts across all kernels of the account until 10 s after the reply."""
        grants = await asyncio.to_thread(get_session().grants, self._settings)
        grant, pause_s = await self._take(grants), get_session().timing.rate_pause_s
        async with holding(grant, grants, self._settings.account, pause_s, asyncio.to_thread):
            yield

    async def _take(self, grants: GrantStore) -> Grant:
        settings = self._settings
        async with self._turn:
            while True:
                limit, window_s = settings.creates_per_window, settings_.WINDOW_S
                grant, pause = await asyncio.to_thread(
                    grants.take, settings.account, limit=limit, window_s=window_s
                )
                if grant is not None:
                    return grant
                await asyncio.sleep(max(SHORTEST_PAUSE_S, pause))


def _settings_for(key: Secret | None, base_url: str | None, upload_url: str | None) -> settings_.Settings:
    """The settings of one client: a key that it is given counts as one that is set, and an address as one that is chosen."""
    is_kie = base_url is not None or (key is not None and not settings_.is_chosen())
    found = settings_.current("kie" if is_kie else None)
    named = [url for url in (base_url, upload_url) if url is not None]
    if base_url is not None:
        base_url = addresses.service_address(base_url, "base_url")
        # The key of the settings has no business on this machine.
        is_here = key is None and addresses.is_loopback(base_url)
        service: settings_.ServiceName = "simulator" if is_here else "kie"
        found = replace(found, service=service, base_url=base_url, upload_url=base_url)
    if upload_url is not None:
        found = replace(found, upload_url=addresses.service_address(upload_url, "upload_url"))
    if found.service == "simulator":
        return replace(found, key=SIMULATORS, withheld_from="")
    addresses.check_encrypted(found.base_url, found.upload_url)
    mine, source = (key, "key=...") if key is not None else settings_.find_key()
    foreign = [url for url in (found.base_url, found.upload_url) if not _may_have(url, key, named)]
    return replace(
        found,
        key=None if foreign else mine,
        key_source=source,
        withheld_from=addresses.host_of(foreign[0]) if foreign and mine is not None else "",
    )


def _may_have(url: str, key: Secret | None, named: Sequence[str]) -> bool:
    """Whether the key of a call, or that of the settings, goes to *url*, which the call may have named."""
    is_named = any(url == each.rstrip("/") for each in named)
    if key is not None:
        return is_named or settings_.may_have(url, key, "")
    mine, source = settings_.find_key()
    return mine is None or settings_.may_have(url, mine, "" if is_named else source)
