"""`AsyncKie`: the wire for those who want it, with the key, the service and the rate that the settings say."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Self

from .. import notice
from .. import settings as settings_
from ..errors import LedgerError, RateLimited
from ..keys import Secret
from ..ledger import Grant, GrantStore
from ..service import Client
from .channel import RATE_PAUSE_S, SHORTEST_PAUSE_S, embedded_simulator
from .session import get_session


class AsyncKie(Client):
    """The wire itself: what goes through it is written into no ledger.

    A create waits for its turn in the account's rate, as every run does. Nothing else is applied: no check of the inputs, no
    budget or limit, no upload of a picture, no look at what was bought before. The same create twice is paid twice, and a
    video is lost unless you fetch it.

    Args:
        key: The API key, for Kie.ai, unless the simulator was chosen; by default the one the settings find. Without any, the
            embedded simulator answers.
        base_url: Where the API answers; `KIE_BASE_URL` or https://api.kie.ai.
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
        self._settings = settings = _settings_for(key, base_url, upload_url)
        super().__init__(settings.key or "", base_url=settings.base_url, upload_url=settings.upload_url)

    def __repr__(self) -> str:
        where = "embedded" if self._settings.embedded else settings_.without_password(self._base_url)
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
        grant = await self._take(grants)
        try:
            yield
        except RateLimited:
            with contextlib.suppress(LedgerError):
                await asyncio.to_thread(grants.pause, self._settings.account, RATE_PAUSE_S)
            raise
        finally:
            # The service has answered: trouble with a rate file must not lose its answer. The slot frees itself in time.
            with contextlib.suppress(LedgerError, RuntimeError):
                await asyncio.to_thread(grants.replied, grant)

    async def _take(self, grants: GrantStore) -> Grant:
        settings = self._settings
        async with self._turn:
            while True:
                grant, pause = await asyncio.to_thread(
                    grants.take,
                    settings.account,
                    limit=settings.creates_per_window,
                    window_s=settings_.WINDOW_S,
                )
                if grant is not None:
                    return grant
                await asyncio.sleep(max(SHORTEST_PAUSE_S, pause))


def _settings_for(key: str | None, base_url: str | None, upload_url: str | None) -> settings_.Settings:
    """The settings of one client: a key that it is given counts as one that is set, and an address as one that is chosen."""
    is_kie = base_url is not None or (key is not None and not settings_.is_chosen())
    found = settings_.current("kie" if is_kie else None)
    if base_url is not None:
        # Who names both means both; the key of the settings is Kie.ai's, and has no business on this machine.
        is_here = key is None and settings_.is_loopback(base_url)
        found = replace(
            found,
            service="simulator" if is_here else "kie",
            base_url=base_url.rstrip("/"),
            upload_url=base_url.rstrip("/"),
        )
    if upload_url is not None:
        found = replace(found, upload_url=upload_url.rstrip("/"))
    if found.service == "simulator":
        return replace(found, key=Secret("simulator"))
    return replace(found, key=Secret(key)) if key is not None else found
