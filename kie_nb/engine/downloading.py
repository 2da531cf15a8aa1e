"""Download all files of a succeeded task and record them in its row; `file_download` does one file."""

from __future__ import annotations

import asyncio
import contextlib
import errno
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..errors import MADE, DownloadFailed, KieError, LedgerError, NotFetched, NoVideo
from ..ledger import Files, KeptFile, files_made, with_kept
from ..ledger.states import State
from ..paths import shown_path
from ..service.media import LinkDead
from ..wording.next_steps import LOGS
from .file_download import download_file, received
from .record import Record
from .shelving import find, noted, pull, push, where_fetched
from .transitions import Step, error_of, stored
from .workspace import Workspace

_FACTS = ("sha256", "bytes", "seconds", "width", "height", "remark", "version")
_DISK_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", None)}


class Downloading(Step):
    """Downloads the files of a task."""

    async def fetch(self) -> None:
        """Fetch all files of the task; those that arrive are kept even if others fail, which `Run.missing` names.

        Raises:
            NoVideo: the service names none.
            DownloadFailed: none arrived; they stay at the service for about a day.
        """
        if _told(self.run) and self.run.state is State.SUCCESS:
            raise error_of(self.run)
        shelf, is_fetched = self.workspace.shelf(self.ledger), self.run.state is State.FETCHED
        if shelf is not None and is_fetched and await pull(shelf, self.run, wait_s=self.timing.store_wait_s):
            return
        if self.run.is_film:
            raise self._gone("is not in the store")
        if not self.run.row.urls:
            await self._look_for_urls()
        urls = self.run.row.urls or []
        kept = self.run.row.files
        # An existing file stays, even changed or damaged: `doctor` reports that.
        here = {one.number for one in kept if self.files.find_kept(one)}
        wanted = [number for number in range(len(urls)) if number not in here]
        left: dict[int, dict[str, Any]] = {}
        if shelf is not None and not is_fetched and self.drive.may_send is None:
            events = await self.db(self.ledger.events, self.run.id)
            left = await find(shelf, self.run, wanted, events, wait_s=self.timing.store_wait_s)
            wanted = [number for number in wanted if number not in left]
        open_ = [number for number in wanted if not is_given_up(self.workspace, self.run, number)]
        came, error = await self._fetch_all(open_ or wanted, (0.0, *self.timing.fetch_pauses_s))
        came = left | came
        there = here | set(came)
        if error is not None:
            await self._note_received(number for number in range(len(urls)) if number not in there)
        if error is not None and (not there or any(first.number not in there for first in kept[:1])):
            told = self._failed(error, urls)
            if isinstance(told, NotFetched) and self.run.state is State.SUCCESS:
                await self.move_until_written(
                    State.SUCCESS, error=stored(told)
                )  # else every resume would fetch it again
            raise told from error
        if self.run.state is not State.FETCHED:
            await self._keep(came)
        else:  # by another machine, whose record stands: a copy for this home, and for the store where it has none
            known = {kept.number: kept.sha256 for kept in kept}
            same = {number: facts for number, facts in came.items() if facts["sha256"] == known.get(number)}
            self._settle(same, is_pushed=await self._push(same))

    async def fetch_missing(self) -> None:
        """Try missing files once more; those that fail again stay missing."""
        missing = [number for number in self.run.missing if not is_given_up(self.workspace, self.run, number)]
        came, error = await self._fetch_all(missing, (0.0,))
        if came:
            await self._keep(came)
        self.say(error.message if error else "")

    def _failed(self, error: DownloadFailed, urls: list[str]) -> DownloadFailed:
        run, kind, charged = self.run, DownloadFailed, None
        words = f"The video of {run.label} is made"
        if isinstance(error, NotFetched):
            kind, words = NotFetched, f"{words} but is not fetched"
            hint = f"it is not tried again by itself; its link lives about a day: {urls[0]}"
        elif where_fetched(run):
            return self._gone(
                "has a dead link" if isinstance(error, LinkDead) else "cannot be fetched from its link"
            )
        elif run.row.video_sha256:
            where = shown_path(self.files.place(run.row.video) or self.files.videos)
            words, charged = f"The file of {run.label} is gone from {where}, and its link too", "nothing now"
            hint = "put the file back there, or `%kie doctor` tries again; --fresh would buy another video"
        elif isinstance(error, LinkDead):
            words, charged = f"{words}, but its link is dead", MADE if run.service == "kie" else None
            hint = f"`%kie doctor` asks the service for a fresh link; {LOGS} may still have it"
        elif getattr(error.__cause__, "errno", None) in _DISK_FULL:
            words, home = f"{words}, and there is no room for it", shown_path(self.files.home)
            hint = f"make room in {home}, then `%kie resume` fetches it; its link lives about a day"
        else:
            words = f"{words} but could not be fetched yet"
            hint = f"it is tried again every five minutes while this process lives; `%kie resume` too; or open {urls[0]}"
        return kind(f"{words}: {error.message}", hint=hint, charged=charged, run_id=run.id)

    def _gone(self, why: str) -> DownloadFailed:
        """Why a file that the ledger has is not here, and who has it."""
        run, where = self.run, where_fetched(self.run)
        hint = "ask there for `kie export`, or share a store: KIE_NB_FILES"
        if not where:
            hint = (
                "`%kie doctor` tries again; kie.join joins its clips again"
                if run.is_film
                else "`%kie doctor` tries again"
            )
        words = (
            f"The video of {run.label} was fetched {where}, and " if where else f"The video of {run.label} "
        )
        return DownloadFailed(
            f"{words}{'it ' if where else ''}{why}.", hint=hint, charged="nothing now", run_id=run.id
        )

    async def _push(self, came: Mapping[int, dict[str, Any]]) -> bool:
        """Put what came into the store, if there is one; whether it is there."""
        shelf = self.workspace.shelf(self.ledger)
        if shelf is None or not came:
            return False
        if self.run.state is not State.FETCHED:
            with contextlib.suppress(LedgerError):  # then a crash from here on costs another download
                await self.db(self.ledger.note_step, self.run.id, noted(came))
        files = [(facts["path"], facts["sha256"]) for facts in came.values()]
        is_pushed = await push(shelf, self.run, files, wait_s=self.timing.store_wait_s)
        if not is_pushed:
            self.workspace.unpushed.add(self.ledger)
            self.ledger.remark(
                f"Files stay in {shown_path(self.files.home)} until the store has them: {shelf.store.address} failed or was slow."
            )
        return is_pushed

    def _settle(self, came: Mapping[int, dict[str, Any]], *, is_pushed: bool) -> None:
        """Leave what is in the store, and now in the ledger, to the cache."""
        shelf = self.workspace.shelf(self.ledger)
        if shelf is not None and is_pushed:
            for facts in came.values():
                shelf.settle(facts["path"], facts["sha256"])

    async def _look_for_urls(self) -> None:
        client = await self.channel.client()
        for pause in self.timing.link_pauses_s:
            await asyncio.sleep(pause)
            try:
                record = await client.record(str(self.run.task_id))
            except KieError:
                continue
            if record.urls:
                await self.move_until_written(State.SUCCESS, urls=list(record.urls))
                return
        raise NoVideo(
            f"Task {self.run.task_id} succeeded but the service names no file for it.",
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
                    way = (self.channel, self._work, place_of(self.run, self.files, number))
                    came[number] = await download_file(self.run, number, *way, patience=self.timing.patience)
                    failed.pop(number, None)
                except DownloadFailed as exc:
                    failed[number] = exc
                    self.say(exc.message if isinstance(exc, NotFetched) else f"{exc.message} Trying again.")
            if all(isinstance(exc, NotFetched) for exc in failed.values()):
                break
            is_told = all(isinstance(exc, LinkDead) for exc in failed.values()) or not self.run.link_lives
            if self.run.state is State.FETCHED and is_told:
                break  # another machine has it, and can be named at once
        if not failed:
            self.say("")
        given_up = (number for number, exc in failed.items() if isinstance(exc, NotFetched))
        self.workspace.not_fetched.update((self.run.id, number) for number in given_up)
        # A failure that may pass is reported first: that file is tried again.
        return came, min(failed.values(), key=lambda exc: isinstance(exc, NotFetched), default=None)

    async def _keep(self, came: dict[int, dict[str, Any]]) -> None:
        is_pushed = await self._push(came)
        changes = with_files(self.run, self.files, came)
        names = ("sha256", "bytes", "remark")
        fetched = [
            {"number": number, **{name: facts[name] for name in names if facts[name] is not None}}
            for number, facts in came.items()
        ]
        evidence = {"fetched": fetched, "files": f"{len(changes['files'])} of {changes['files_made']}"}
        await self.move_until_written(State.FETCHED, evidence=evidence, **changes)
        self._settle(came, is_pushed=is_pushed and self.run.state is State.FETCHED)

    async def _note_received(self, numbers: Iterable[int]) -> None:
        """Record, once, what was received instead of files."""
        told = [
            (number, await self._work(received, place_of(self.run, self.files, number))) for number in numbers
        ]
        evidence = {"received": [{"number": number, **facts} for number, facts in told if facts]}
        known = [step["evidence"] for step in await self.db(self.ledger.events, self.run.id)]
        if evidence["received"] and evidence not in known and self.run.state is State.SUCCESS:
            await self.move_until_written(State.SUCCESS, evidence=evidence)

    async def _work(self, fn: Any, *args: Any) -> Any:
        try:
            future = self.workspace.downloads.submit(fn, *args)
        except RuntimeError as exc:  # an executor that takes no more work
            raise DownloadFailed(f"No worker could fetch it: {exc}.") from exc
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            if not future.cancelled():
                raise  # we are being ended, not the worker
            raise DownloadFailed("The download worker was stopped.") from None


def is_given_up(workspace: Workspace, run: Record, number: int) -> bool:
    """Whether file *number* of the task was too large, or its link led where nothing is fetched from: told, and not tried again."""
    return (run.id, number) in workspace.not_fetched or _told(run)


def _told(run: Record) -> bool:
    return (run.row.error or {}).get("class") == NotFetched.__name__


def place_of(run: Record, files: Files, number: int) -> Path:
    """Where file *number* of the task of *run* belongs: under the name that it has, which may be an import's, or will have."""
    for kept in run.row.files:
        if kept.number == number and (path := files.place(kept.name)) is not None:
            return path
    return files.video(prompt=run.prompt, seed=run.seed, task_id=str(run.task_id), number=number)


def with_files(run: Record, files: Files, came: Mapping[int, dict[str, Any]]) -> dict[str, Any]:
    """The columns of *run* with the files that *came*, by their number, beside those that it has."""
    is_shared = run.ledger.database.is_shared or files.cache is not None
    where: dict[str, Any] = {**files.whereabouts()} if is_shared else {}
    fresh = [
        KeptFile(
            name=files.relative(facts["path"]),
            number=number,
            **{name: facts[name] for name in _FACTS},
            **where,
        )
        for number, facts in came.items()
    ]
    return {**with_kept(run.row, fresh, made=files_made(run.row)), "error": None}
