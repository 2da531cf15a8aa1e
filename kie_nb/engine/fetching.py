"""From the result's link to the file: downloaded at once, checked, hashed, then renamed into place."""

from __future__ import annotations

import asyncio
import glob
import hashlib
import itertools
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ..errors import DownloadFailed, KieError, NoVideo
from ..ledger import Files, number_of
from ..paths import shown_path
from ..service.media import NotTheFile, download
from ..settings import LOGS
from .links import from_any_link
from .run import Run
from .states import State
from .step import Step
from .strays import is_of_the_dead

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
        if not self.run.row.urls:
            await self._look_for_urls()
        urls = self.run.row.urls or []
        came, error = await self._fetch_all(range(len(urls)), (0.0, *FETCH_PAUSES_S))
        known = number_of(str(self.run.row.video), str(self.run.task_id))
        if error is not None and (not came or (self.run.row.video and known not in came)):
            raise self._failed(error, urls) from error
        if (
            self.run.state is not State.FETCHED
        ):  # else by another machine, whose record stands: a copy for this home
            await self._keep(came)

    async def fetch_missing(self) -> None:
        """Try once more for what has not come; what does not come now either stays missing."""
        came, error = await self._fetch_all(self.run.missing, (0.0,))
        if came:
            await self._keep(came)
        self.run._say(error.message if error else "")

    def _failed(self, error: DownloadFailed, urls: list[str]) -> DownloadFailed:
        run = self.run
        if run.row.video_sha256:
            where = shown_path(self.files.absolute(str(run.row.video)))
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
        """What came, by its number, and why not all of it did."""
        came: dict[int, dict[str, Any]] = {}
        error: DownloadFailed | None = None
        for pause in pauses:
            await asyncio.sleep(pause)
            error = None
            for number in numbers:
                try:
                    came[number] = came.get(number) or await self._fetch_file(number)
                except DownloadFailed as exc:
                    error = exc
                    self.run._say(f"{exc.message} Trying again.")
            if error is None:
                self.run._say("")
                break
        return came, error

    async def _keep(self, came: dict[int, dict[str, Any]]) -> None:
        changes = with_files(self.run, self.files, list(came.values()))
        count, of = 1 + len(changes["more_videos"] or ()), len(self.run.row.urls or ())
        evidence = {
            "fetched": [{name: facts[name] for name in ("sha256", "bytes")} for facts in came.values()]
        }
        await self.surely(State.FETCHED, evidence=evidence | {"files": f"{count} of {of}"}, **changes)

    async def _fetch_file(self, number: int) -> dict[str, Any]:
        target = self.files.video(
            prompt=self.run.prompt, seed=self.run.seed, task_id=str(self.run.task_id), number=number
        )
        return await from_any_link(self.run, number, self.channel, lambda url: self._work(url, target))

    async def _work(self, url: str, target: Path) -> dict[str, Any]:
        try:
            future = self.session.downloads.submit(fetch_one, url, target)
        except RuntimeError as exc:  # an executor that takes no more work
            raise DownloadFailed(f"no worker could fetch it: {exc}.") from exc
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            if not future.cancelled():
                raise  # we are being ended, not the worker
            raise DownloadFailed("the worker that fetched it was ended.") from None


def with_files(run: Run, files: Files, came: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The columns of *run* with the files that *came* beside those that it has.

    What was asked for is a video: a still beside it comes second, wherever the service lists it. A file that is gone under
    one name and has come under another, as after an import, has the other.
    """
    fresh = {facts["path"].stem: facts for facts in came}
    numbers = {_number(facts["path"], run, 0) for facts in came}
    names = {
        path.stem: files.relative(path)
        for position, path in enumerate(run.videos)
        if path.exists() or _number(path, run, position) not in numbers
    }
    names |= {stem: files.relative(facts["path"]) for stem, facts in fresh.items()}
    first, *rest = sorted(names.values(), key=lambda name: not name.endswith(".mp4"))
    changes: dict[str, Any] = {"video": first, "more_videos": rest or None}
    if facts := fresh.get(Path(first).stem):
        changes |= {f"video_{name}": facts[name] for name in ("sha256", "bytes", "seconds")}
    return changes


def _number(path: Path, run: Run, position: int) -> int:
    """Which file of its task it is; an import may have given it a name that does not say."""
    number = number_of(path.name, str(run.task_id))
    return position if number is None else number


def fetch_one(url: str, target: Path) -> dict[str, Any]:
    """Download *url*, check that it is a whole video or picture, and give it its final name; runs in a worker.

    Returns:
        `path` (its ending is the true one), `sha256`, `bytes` and `seconds` (None for a picture).

    Raises:
        DownloadFailed: it did not come, is no video, or cannot be written.
    """
    # The process is named last, for `strays`; the number keeps apart two fetches of one file.
    incoming = target.with_name(f"{target.name}.{next(_numbers)}.{os.getpid()}.incoming")
    try:
        for left in target.parent.glob(f"{glob.escape(target.name)}.*.incoming*"):
            if is_of_the_dead(left):
                left.unlink(missing_ok=True)
        size = download(url, incoming, accept=_is_no_page)
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
    from ..video import NotAVideo, check

    try:
        return check(path).duration_s, "mp4"
    except NotAVideo as exc:
        from PIL import Image

        try:
            with Image.open(path) as image:
                image.load()
                return None, PICTURES[image.format or ""]
        except Exception:  # noqa: BLE001 - Pillow raises many classes for what is no picture
            raise NotTheFile(f"what came is not a whole video: {exc}.") from exc
