"""The driver: takes a run from where it is to the file on disk. Every step is in the ledger before the next begins."""

from __future__ import annotations

import asyncio

from ..errors import NOTHING, KieError
from ..ledger.states import AT_SERVICE, State
from .downloading import Downloading
from .polling import Polling
from .sending import Sending
from .transitions import Drive, OwnershipLost, error_of, log


async def drive_to_end(drive: Drive) -> KieError | None:
    """Take the run to its end: what went wrong, or None when its video is on disk.

    Nothing is raised but `OwnershipLost` (another process drives it, or it was cancelled: nothing was sent here) and a cancellation.
    """
    try:
        await _steps(drive)
    except (OwnershipLost, asyncio.CancelledError):
        raise
    except KieError as exc:
        if drive.run.task_id and drive.run.state is not State.FAIL and exc.charged == NOTHING:
            # Met after the service has accepted: it must not say that nothing was charged.
            exc.charged = f"nothing more; task {drive.run.task_id} was accepted before and goes on"
        return exc
    except Exception as exc:  # noqa: BLE001 - logged, and shown on the handle
        log.exception("internal error while driving run %s", drive.run.id)
        return KieError(
            f"An internal error stopped run {drive.run.id[:8]}: {type(exc).__name__}: {exc}.",
            hint="nothing is sent again by itself; `%kie resume` takes it up where it is",
            charged="unknown" if drive.run.state is State.SENDING else None,
        )
    return None


async def _steps(drive: Drive) -> None:
    if drive.run.state is State.INTENT:
        await Sending(drive).send()
    elif drive.run.state is State.SENDING:
        await Sending(drive).recover()
    if drive.run.state in AT_SERVICE:
        await Polling(drive).watch()
    if drive.run.state is State.SUCCESS:
        await Downloading(drive).fetch()
    if drive.run.state is not State.FETCHED:
        raise error_of(drive.run)
