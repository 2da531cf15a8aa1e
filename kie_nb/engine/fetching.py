"""From the result's link to the file: downloaded at once, checked, hashed, then renamed into place."""

from __future__ import annotations

import asyncio
import glob
import hashlib
import itertools
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DownloadFailed, KieError, NotFetched, NoVideo
from ..home import make_folder
from ..ledger import Files, KeptFile, files_made, kept_files, with_kept
from ..paths import shown_path
from ..service.media import NotTheFile, download
from ..service.pace import Patience
from ..settings import LOGS
from .links import from_any_link
from .outcomes import error_of, stored
from .run import Run
from .states import State
from .step import Step
from .strays import is_of_the_dead

if TYPE_CHECKING:
    from .session import Session

FETCH_PAUSES_S = (2.0, 5.0, 15.0, 40.0)
LOOK_PAUSES_S = (0.0, 2.0, 5.0)  # for the files of a task that succeeded and named none
_numbers = itertools.count(1)
PICTURES = {"PNG": "png", "JPEG": "jpg", "WEBP": "webp", "GIF": "gif"}


class Fetching(Step):
    """Brings the files of a task home."""

    async def fetch(self) -> None:
        """Fetch all files of the task; those that came are kept whatever becomes of the others, which `Run.missing` names.

        Raises:
            NoVideo: the service names none.
            DownloadFailed: none came; they stay at the service for about a day.
        """
        if _told(self.run) and self.run.state is State.SUCCESS:
            raise error_of(self.run)
        if not self.run.row.urls:
            await self._look_for_urls()
        urls = self.run.row.urls or []
        kept = kept_files(self.run.row)
        # What is there stays, though its owner may have changed it: that is the doctor's to say, who keeps both.
        here = {one.number for one in kept if self.files.find(one.name)}
        wanted = [number for number in range(len(urls)) if number not in here]
        open_ = [number for number in wanted if not is_given_up(self.session, self.run, number)]
        came, error = await self._fetch_all(open_ or wanted, (0.0, *FETCH_PAUSES_S))
        there = here | set(came)
        if error is not None and (not there or any(first.number not in there for first in kept[:1])):
            told = self._failed(error, urls)
            if isinstance(told, NotFetched) and self.run.state is State.SUCCESS:
                await self.surely(State.SUCCESS, error=stored(told))  # else every resume would fetch it again
            raise told from error
        if (
            self.run.state is not State.FETCHED
        ):  # else by another machine, whose record stands: a copy for this home
            await self._keep(came)

    async def fetch_missing(self) -> None:
        """Try once more for what has not come; what does not come now either stays missing."""
        missing = [number for number in self.run.missing if not is_given_up(self.session, self.run, number)]
        came, error = await self._fetch_all(missing, (0.0,))
        if came:
            await self._keep(came)
        self.run._say(error.message if error else "")

    def _failed(self, error: DownloadFailed, urls: list[str]) -> DownloadFailed:
        run = self.run
        if isinstance(error, NotFetched):
            return NotFetched(
                f"the video of run {run.id[:8]} is made but is not fetched: {error.message}",
                hint=f"it is not tried again by itself; its link lives about a day: {urls[0]}",
                run_id=run.id,
            )
        if run.row.video_sha256:
            where = shown_path(self.files.place(run.row.video) or self.files.videos)
            return DownloadFailed(
                f"the file of run {run.id[:8]} is gone from {where}, and its link too: {error.message}",
                hint="put the file back there, or `%kie doctor` tries again; --fresh would buy another video",
                charged="nothing now",
                run_id=run.id,
            )
        return DownloadFailed(
            f"the video of run {run.id[:8]} is made but could not be fetched yet: {error.message}",
            hint=f"it is tried again every five minutes while this process lives; `%kie resume` too; or open {urls[0]}",
            run_id=run.id,
        )

    async def _look_for_urls(self) -> None:
        client = await self.channel.client()
        for pause in LOOK_PAUSES_S:
            await asyncio.sleep(pause)
            try:
                record = await client.record(str(self.run.task_id))
            except KieError:
                continue
            if record.urls:
                await self.surely(State.SUCCESS, urls=list(record.urls))
                return
        raise NoVideo(
            f"task {self.run.task_id} succeeded but the service names no file for it.",
            hint=f"look at {LOGS}; `%kie resume` asks again",
            run_id=self.run.id,
        )

    async def _fetch_all(
        self, numbers: Iterable[int], pauses: tuple[float, ...]
    ) -> tuple[dict[int, dict[str, Any]], DownloadFailed | None]:
        """What came, by its number, and why not all of it did; what would be no use is not tried again."""
        came: dict[int, dict[str, Any]] = {}
        failed: dict[int, DownloadFailed] = {}
        for pause in pauses:
            await asyncio.sleep(pause)
            for number in numbers:
                if number in came or isinstance(failed.get(number), NotFetched):
                    continue
                try:
                    came[number] = await self._fetch_file(number)
                    failed.pop(number, None)
                except DownloadFailed as exc:
                    failed[number] = exc
                    self.run._say(
                        exc.message if isinstance(exc, NotFetched) else f"{exc.message} Trying again."
                    )
            if all(isinstance(exc, NotFetched) for exc in failed.values()):
                break
        if not failed:
            self.run._say("")
        self.session.not_fetched |= {
            (self.run.id, n) for n, exc in failed.items() if isinstance(exc, NotFetched)
        }
        # What may yet come is told rather than what will not: it is tried again.
        return came, min(failed.values(), key=lambda exc: isinstance(exc, NotFetched), default=None)

    async def _keep(self, came: dict[int, dict[str, Any]]) -> None:
        changes = with_files(self.run, self.files, came)
        evidence = {
            "fetched": [
                {"number": number, "sha256": facts["sha256"], "bytes": facts["bytes"]}
                for number, facts in came.items()
            ],
            "files": f"{len(changes['files'])} of {changes['files_made']}",
        }
        await self.surely(State.FETCHED, evidence=evidence, **changes)

    async def _fetch_file(self, number: int) -> dict[str, Any]:
        target = place_of(self.run, self.files, number)
        return await from_any_link(self.run, number, self.channel, lambda url: self._work(url, target))

    async def _work(self, url: str, target: Path) -> dict[str, Any]:
        try:
            future = self.session.downloads.submit(
                fetch_one, url, target, self.channel.own, self.session.patience
            )
        except RuntimeError as exc:  # an executor that takes no more work
            raise DownloadFailed(f"no worker could fetch it: {exc}.") from exc
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            if not future.cancelled():
                raise  # we are being ended, not the worker
            raise DownloadFailed("the worker that fetched it was ended.") from None


def is_given_up(session: Session, run: Run, number: int) -> bool:
    """Whether file *number* of the task was too large, or its link led where nothing is fetched from: told, and not tried again."""
    return (run.id, number) in session.not_fetched or _told(run)


def _told(run: Run) -> bool:
    return (run.row.error or {}).get("class") == NotFetched.__name__


def place_of(run: Run, files: Files, number: int) -> Path:
    """Where file *number* of the task of *run* belongs: under the name that it has, which may be an import's, or will have."""
    for kept in kept_files(run.row):
        if kept.number == number and (path := files.place(kept.name)) is not None:
            return path
    return files.video(prompt=run.prompt, seed=run.seed, task_id=str(run.task_id), number=number)


def with_files(run: Run, files: Files, came: Mapping[int, dict[str, Any]]) -> dict[str, Any]:
    """The columns of *run* with the files that *came*, by their number, beside those that it has."""
    fresh = [
        KeptFile(
            name=files.relative(facts["path"]), number=number, sha256=facts["sha256"], bytes=facts["bytes"]
        )
        for number, facts in came.items()
    ]
    changes = {**with_kept(run.row, fresh, made=files_made(run.row)), "error": None}
    first = changes["files"][0]
    if first["number"] in came:
        changes["video_seconds"] = came[first["number"]]["seconds"]
    elif first["name"] != run.row.video:  # it stands in the place of one whose length that was
        changes["video_seconds"] = None
    return changes


def fetch_one(
    url: str, target: Path, own: Sequence[str] = (), patience: Patience | None = None
) -> dict[str, Any]:
    """Download *url*, check that it is a whole video or picture, and give it its final name; runs in a worker.

    Returns:
        `path` (its ending is the true one), `sha256`, `bytes` and `seconds` (None for a picture).

    Raises:
        DownloadFailed: it did not come, is no video, or cannot be written.
    """
    # The process is named last, for `strays`; the number keeps apart two fetches of one file.
    incoming = target.with_name(f"{target.name}.{next(_numbers)}.{os.getpid()}.incoming")
    try:
        make_folder(target.parent)
        for left in target.parent.glob(f"{glob.escape(target.name)}.*.incoming*"):
            if is_of_the_dead(left):
                left.unlink(missing_ok=True)
        size = download(url, incoming, own=own, accept=_is_no_page, patience=patience)
        seconds, extension = _what_it_is(incoming)
        with incoming.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        path = target.with_suffix(f".{extension}")
        os.replace(incoming, path)
    except OSError as exc:
        raise DownloadFailed(f"the video could not be written: {exc.strerror or exc}.") from exc
    finally:
        incoming.unlink(missing_ok=True)
    return {"path": path, "sha256": sha256, "bytes": size, "seconds": seconds}


def _is_no_page(head: bytes) -> bool:
    """An error page under HTTP 200 is told by its first byte."""
    return head.lstrip()[:1] not in {b"<", b"{", b""}


def _what_it_is(path: Path) -> tuple[float | None, str]:
    """Length in seconds and the true ending of what came.

    Raises:
        NotTheFile: it is neither a whole video nor a whole picture.
    """
    from ..video import NotAVideo, check, open_picture

    try:
        return check(path).duration_s, "mp4"
    except NotAVideo as exc:
        try:
            with open_picture(path) as image:
                image.load()
                return None, PICTURES[image.format or ""]
        except Exception:  # noqa: BLE001 - Pillow raises many classes for what is no picture
            raise NotTheFile(f"what came is not a whole video: {exc}.") from exc
