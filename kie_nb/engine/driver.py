"""The life of a run: from the written intention to the file on disk. Every step is in the ledger before the next begins."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ..errors import NOTHING, KieError
from .downloading import Downloading
from .outcomes import error_of
from .polling import Polling
from .sending import Sending, ToSend
from .states import AT_SERVICE, State
from .transitions import TakenOver, log

if TYPE_CHECKING:
    from .channel import Channel
    from .tracked import Tracked
    from .workspace import Workspace


class Driver:
    """Drives one run on the dispatcher's loop, from wherever it is."""

    def __init__(self, run: Tracked, workspace: Workspace, channel: Channel, to_send: ToSend | None) -> None:
        self.run = run
        self._sending = Sending(run, workspace, channel, to_send)
        self._polling = Polling(run, workspace, channel)
        self._downloading = Downloading(run, workspace, channel)

    async def drive(self) -> KieError | None:
        """Take the run to its end; nothing but `TakenOver` and a cancellation is raised.

        Returns:
            What went wrong, or None when its video is on disk.

        Raises:
            TakenOver: another process drives it, or it was withdrawn before it was sent; nothing was sent here.
        """
        try:
            await self._steps()
        except (TakenOver, asyncio.CancelledError):
            raise
        except KieError as exc:
            return self._truly_charged(exc)
        except Exception as exc:  # noqa: BLE001 - logged, and shown on the handle
            log.exception("run %s met an error of ours", self.run.id)
            return KieError(
                f"an error of kie_nb's own stopped following run {self.run.id[:8]}: {type(exc).__name__}: {exc}.",
                hint="nothing is sent again by itself; `%kie resume` takes it up where it is",
                charged="unknown" if self.run.state is State.SENDING else None,
            )
        return None

    async def _steps(self) -> None:
        if self.run.state is State.INTENT:
            await self._sending.send()
        elif self.run.state is State.SENDING:
            await self._sending.give_up()
        if self.run.state in AT_SERVICE:
            await self._polling.watch()
        if self.run.state is State.SUCCESS:
            await self._downloading.fetch()
        if self.run.state is not State.FETCHED:
            raise error_of(self.run)

    def _truly_charged(self, exc: KieError) -> KieError:
        """An error met after the service has accepted must not say that nothing was charged."""
        if self.run.task_id and self.run.state is not State.FAIL and exc.charged == NOTHING:
            exc.charged = f"nothing more; task {self.run.task_id} was accepted before and goes on"
        return exc
