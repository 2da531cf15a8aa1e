"""A link to a run's video for people outside the team, signed by the store that has it."""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING

from ..bounds import as_scalar
from ..engine.shelving import push_file
from ..engine.waiting import wait_blocking
from ..errors import InvalidRequest
from ..ledger.states import State
from ..stores import video_key

if TYPE_CHECKING:
    from ..engine.record import Record
    from ..engine.workspace import Workspace

LONGEST_S = 7 * 24 * 3600  # S3 signs for no longer


def share(workspace: Workspace, run: Record, expires: float | dt.timedelta) -> str:
    """A link that serves the video of *run* to whoever has it, for *expires* seconds.

    Raises:
        InvalidRequest: it has no video, its files are in no store, or *expires* is no such time.
        StoreError: the store cannot sign, has not got it, or does not answer.
    """
    seconds = expires.total_seconds() if isinstance(expires, dt.timedelta) else as_scalar(expires)
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool) and math.isfinite(seconds)
    if not is_number or not 1 <= seconds <= LONGEST_S:
        words = f"share(expires={expires!r}): use seconds from 1 to {LONGEST_S} (7 days), or a timedelta."
        raise InvalidRequest(words, charged="")
    shelf, path, kept = workspace.shelf(run.ledger), run.video, next(iter(run.row.files), None)
    if run.state is not State.FETCHED or path is None or kept is None or kept.sha256 is None:
        words = f"{run.label} has no video to share: its state is {run.state}."
        raise InvalidRequest(words, hint="" if run.is_final else "wait for it with run.wait()", charged="")
    if shelf is None:
        words = f"The video of {run.label} is in a folder of this machine, which cannot sign a link."
        raise InvalidRequest(
            words,
            hint="KIE_NB_FILES=s3://… keeps files in a store that can; `%kie export` makes a folder to give away",
            charged="",
        )
    sha256 = kept.sha256

    def sign() -> str:
        if path.is_relative_to(run.ledger.files.videos):  # it is in the home alone
            push_file(shelf, run, path, sha256)
        return shelf.store.sign(video_key(path.name, sha256), path.name, int(seconds))

    job = shelf.submit(sign)
    wait_blocking(job, timeout_s=None, goes_on="no link was made.")
    return str(job.result())
