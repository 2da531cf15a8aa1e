"""Check every file of the folder: is it there, unchanged, and if not, fetch it again. Never buys anything."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import functools
import itertools
import os
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..catalogue import ImageIdentity, noun_of
from ..engine.downloading import is_given_up, place_of, with_files
from ..engine.file_download import download_file, from_any_link, names_of
from ..engine.record import Record
from ..engine.shelving import push_file, where_fetched
from ..engine.waiting import wait_blocking
from ..errors import KieError
from ..fileops import hash_of
from ..home import VIDEOS, is_plain_file, make_folder
from ..ledger import Files, KeptFile, files_made
from ..ledger.schema import moment
from ..ledger.states import AT_SERVICE, State
from ..service.media import version_at
from ..video import MEDIA, inspect
from .integrity import PARTS_OF_VIDEO, Finding, Report, orphans
from .pictures import find_sent, where_sent

if TYPE_CHECKING:
    from ..engine.supervisor import Supervisor
    from ..engine.workspace import Workspace
    from ..stores import Shelf

ASK_THERE = "ask there for `kie export`, or share a store: KIE_NB_FILES"
SOON_DEAD = dt.timedelta(hours=18)  # links live about a day (kie-api §8)


def doctor(supervisor: Supervisor, *, mend: bool = True) -> Report:
    """Look at all runs and files of the current home, and unless *mend* is False fetch again what can be had.

    No task is created. A file that was altered is kept beside the fetched one, as `*.altered`.
    """
    workspace, ledger = supervisor.workspace, supervisor.workspace.here
    runs = [Record(row, ledger) for row in ledger.runs(limit=None)]
    visit = _Visit(supervisor, workspace, ledger.files, mend=mend, shelf=workspace.shelf(ledger))
    future = workspace.dispatcher.submit(visit.all(runs))
    wait_blocking(future, timeout_s=None, goes_on="what was fetched so far is whole; look again at any time.")
    findings, files = future.result()
    return Report(findings=tuple(findings), runs=len(runs), files=files)


@dataclass
class _Visit:
    """One look at everything; its coroutines live on the dispatcher's loop, its heavy work in workers."""

    supervisor: Supervisor
    workspace: Workspace
    files: Files
    mend: bool
    shelf: Shelf | None = None
    count: int = 0
    known: set[str] = field(default_factory=set)

    async def all(self, runs: Sequence[Record]) -> tuple[list[Finding], int]:
        gate = asyncio.Semaphore(8)

        async def one(run: Record) -> list[Finding]:
            self._know(run)
            async with gate:
                found = await self._run(run)
            if found:  # by now it may be known how many files its task made
                self._know(await self._now(run))
            return found

        found = [finding for part in await asyncio.gather(*map(one, runs)) for finding in part]
        found += await self._pictures(runs)
        if self.mend:
            self.supervisor.push_later(self.workspace.here)
        found += await asyncio.to_thread(orphans, self.files, self.known, mend=self.mend)
        return found, self.count

    def _know(self, run: Record) -> None:
        paths = list(run.videos)
        if run.task_id:
            named = functools.partial(self.files.video, prompt=run.prompt, seed=run.seed, task_id=run.task_id)
            targets = [named(number=number) for number in range(max(1, files_made(run.row)))]
            paths += targets
            if run.state is State.SUCCESS or run.missing:
                self.known |= {name for target in targets for name in names_of(target)}
        for path in paths:
            self.known |= {path.name, *(f"{path.stem}.{end}" for end in PARTS_OF_VIDEO)}

    async def _run(self, run: Record) -> list[Finding]:
        if run.state is State.FETCHED:
            found = [finding for kept in run.row.files for finding in await self._file(run, kept)]
            found += [await self._not_fetched(run, number) for number in (await self._now(run)).missing]
            run = await self._now(run)
            if run.length_remark:
                what, name = run.length_remark.rstrip(".").lower(), run.video.name if run.video else ""
                done = "left as it is: it is what the service made; --fresh buys another"
                found.append(Finding(run=run.id, file=name, kind="not as asked", what=what, done=done))
            return found
        if run.state is State.SUCCESS:
            return [await self._not_fetched(run, number) for number in range(await self._count(run))]
        age = _age(run.ledger.now(), run.row.accepted_at)
        if run.state in AT_SERVICE and age > SOON_DEAD and not self._is_driven(run):
            what = f"accepted {_hours(age)} ago and not followed"
            return [Finding(run=run.id, file="", kind="open", what=what, done="`%kie resume` takes it up")]
        return []

    async def _file(self, run: Record, kept: KeptFile) -> list[Finding]:
        self.count += 1
        path = self.files.place_of(kept)
        if self.shelf is not None and path is not None and kept.sha256 is not None:
            found = await self._in_store(self.shelf, run, kept)
            if found is None or found.kind == "not in the store":
                return [found] if found else []
            path = place_of(run, self.files, kept.number)  # not the cache: what is fetched again is kept
        if path is None:
            kind, what = "not ours", "the ledger names a file that kie_nb did not make: it is not read"
            path = place_of(run, self.files, kept.number)
        else:
            kind, what = await self._work(look_at, path, kept.sha256, kept.bytes)
        if not kind:
            return []
        done, is_mended = "it was only looked at", False
        if kind == "missing" and (where := where_fetched(run)):
            kind, what = "elsewhere", f"fetched {where}"
            done = ASK_THERE
        if kind == "elsewhere" and (run.is_film or not run.link_lives):
            pass
        elif run.is_film:
            done = "join its clips again with kie.join, which buys nothing"
        elif self.mend and kind in {"damaged", "not a video"} and not await self._has_another(run, kept):
            done = "left as it is: the service has no other"
        elif self.mend:
            done, is_mended = await self._again(run, path, kept.number)
        return [Finding(run=run.id, file=path.name, kind=kind, what=what, done=done, is_mended=is_mended)]

    async def _in_store(self, shelf: Shelf, run: Record, kept: KeptFile) -> Finding | None:
        """What is wrong with a file that belongs in the store, where it is read to its last byte; None if nothing is."""
        here, sha256 = self.files.find_kept(kept), str(kept.sha256)
        while here is not None and (await self._work(look_at, here, sha256, kept.bytes))[0] == "altered":
            if here.is_relative_to(self.files.home / VIDEOS):  # left to `_file`, and never put into the store
                return Finding(run=run.id, file=here.name, kind="altered", what="", done="")
            await asyncio.to_thread(shelf.drop, here)
            here = self.files.find_kept(kept) if here != self.files.find_kept(kept) else None
        in_words = {"missing": "not in the store", "altered": "other bytes in the store than were fetched"}
        done, is_mended = "it was only looked at", False
        try:
            trouble = await self._at_store(shelf, shelf.look_at, kept)
            if here is not None and self.mend and (trouble or here.is_relative_to(self.files.home / VIDEOS)):
                await self._at_store(shelf, push_file, shelf, run, here, sha256)
                done, is_mended = "put there from this machine", True
        except (KieError, OSError) as exc:
            words = exc.message if isinstance(exc, KieError) else str(exc)
            trouble, done = words.rstrip("."), "tried again by the next look"
        if not trouble:
            return None
        kind = "not in the store" if here is not None or trouble not in in_words else "missing"
        name, what = kept.name.rpartition("/")[2], in_words.get(trouble, trouble)
        return Finding(run=run.id, file=name, kind=kind, what=what, done=done, is_mended=is_mended)

    async def _at_store(self, shelf: Shelf, fn: Any, *args: Any) -> Any:
        return await asyncio.wrap_future(shelf.submit(fn, *args))

    async def _has_another(self, run: Record, kept: KeptFile) -> bool:
        """Whether the service serves other bytes by now than those that came damaged; to be seen without fetching them."""
        channel = self.workspace.channel_of(run)
        headers = functools.partial(version_at, own=channel.own, patience=self.workspace.timing.patience)

        async def ask(url: str) -> dict[str, Any]:
            length, version = await self._work(headers, url)
            other = kept.version is not None and version != kept.version
            return {"other": other or length not in {None, kept.bytes}}

        try:
            return bool((await from_any_link(run, kept.number, channel, ask))["other"])
        except KieError:
            return False

    async def _count(self, run: Record) -> int:
        """How many files its task made: the service is asked where that is not known yet; one where it does not say."""
        if not run.row.urls and self.mend and not self._is_driven(run):
            with contextlib.suppress(KieError):
                client = await self.workspace.channel_of(run).client()
                urls = list((await client.record(str(run.task_id))).urls)
                await self._move(run, State.SUCCESS, expect={State.SUCCESS}, urls=urls or None)
        return max(1, files_made((await self._now(run)).row))

    async def _not_fetched(self, run: Record, number: int) -> Finding:
        run = await self._now(run)
        age = _age(run.ledger.now(), run.row.completed_at)
        kind, what = "not fetched", f"made {_hours(age)} ago and not fetched"
        if age > SOON_DEAD:
            kind, what = "link expires", f"{what}: its link lives about a day"
        target = place_of(run, self.files, number)
        done, is_mended = "`%kie resume` fetches it", False
        if self._is_driven(run):
            done = "it is being fetched now"
        elif is_given_up(self.workspace, run, number):
            done = f"it is not fetched by itself: `%kie show {run.id[:8]}` tells why"
        elif self.mend:
            done, is_mended = await self._again(run, target, number)
        return Finding(run=run.id, file=target.name, kind=kind, what=what, done=done, is_mended=is_mended)

    # --- fetching again ----------------------------------------------------------------------------------------

    async def _again(self, run: Record, path: Path, number: int) -> tuple[str, bool]:
        """Fetch a file once more, and say what came of it."""
        apart = path.parent / f".again-{secrets.token_hex(4)}"
        try:
            make_folder(path.parent)
            before = next((kept.sha256 for kept in run.row.files if kept.number == number), None)
            channel, patience = self.workspace.channel_of(run), self.workspace.timing.patience
            fetched = await download_file(
                run, number, channel, self._work, path, patience=patience, target=apart / path.name
            )
            is_here = await asyncio.to_thread(is_plain_file, path)
            if is_here and fetched["remark"] and fetched["sha256"] == before:
                return "left as it is: the service sent the same again", False
            path = path.with_suffix(fetched["path"].suffix)
            aside = await asyncio.to_thread(_settle, fetched["path"], path)
            # What is on disk now is written down; the state moves only from made to fetched.
            hashes = {"sha256": fetched["sha256"], "before": before}
            now, evidence = await self._now(run), {"fetched again": path.name, "number": number, **hashes}
            changes = with_files(now, self.files, {number: {**fetched, "path": path}})
            expect = {State.SUCCESS, State.FETCHED}
            await self._move(now, State.FETCHED, expect=expect, evidence=evidence, **changes)
        except KieError as exc:
            return f"cannot be fetched again: {exc.message.rstrip('.')}", False
        except OSError as exc:
            return f"cannot be put in its place: {exc.strerror or exc}", False
        finally:
            await asyncio.to_thread(shutil.rmtree, apart, ignore_errors=True)
        words = "fetched"
        if before not in {None, fetched["sha256"]}:
            words = "fetched, but the service sent other bytes than the first time"
        said = [words, fetched["remark"], f"what was there is kept as {aside}" if aside else ""]
        return "; ".join(filter(None, said)), not fetched["remark"]

    async def _move(self, run: Record, to: State, **step: Any) -> None:
        await self.workspace.dispatcher.ledger(run.ledger.move, run.id, to, **step)

    async def _now(self, run: Record) -> Record:
        """*run* as it is after what was done about it."""
        return await self.workspace.dispatcher.ledger(run.reread)

    def _is_driven(self, run: Record) -> bool:
        return self.supervisor.is_driven(run) or run.ledger.leases.is_others(run.row)

    async def _work(self, fn: Any, *args: Any) -> Any:
        return await asyncio.wrap_future(self.workspace.downloads.submit(fn, *args))

    # --- pictures ----------------------------------------------------------------------------------------------

    async def _pictures(self, runs: Sequence[Record]) -> list[Finding]:
        wanted: dict[str, tuple[ImageIdentity, list[Record]]] = {}
        for run in runs:
            for one in {one.sha256: one for _role, one in run.request.all_media}.values():
                if one.url is None and run.task_id:
                    wanted.setdefault(one.sha256, (one, []))[1].append(run)
        findings = []
        for sha256, (one, users) in wanted.items():
            self.count += 1
            was_here = self.files.find_input(sha256)
            if await self._is_sent_in_store(one):
                continue
            found = was_here
            if found is None and self.mend:
                found = await self._work(find_sent, self.workspace, users[0], one)
            is_whole = found is not None and await self._work(hash_of, found) == sha256
            if is_whole and was_here is not None:
                continue
            others = f" and of {len(users) - 1} more" if len(users) > 1 else ""
            which = f"the {noun_of(one)} {one.label} of this run{others}"
            what = f"{which} {'was altered' if was_here else 'is missing'}"
            kind, done = "no picture", "fetched from where it was sent"
            name = found.name if found else f"{sha256[:12]}…"
            if not is_whole:
                done = f"cannot be fetched: run its cell again with the {noun_of(one)}; the video is not concerned"
            if found is None and (where := where_sent(users[0])):
                kind, what, done = "elsewhere", f"{which} is {where}", ASK_THERE
            run_id = users[0].id
            findings.append(
                Finding(run=run_id, file=name, kind=kind, what=what, done=done, is_mended=is_whole)
            )
        return findings

    async def _is_sent_in_store(self, one: ImageIdentity) -> bool:
        """Whether the store has a medium that was sent; it is put there from here if that may be."""
        if self.shelf is None:
            return False
        try:
            if self.mend:
                await self._at_store(self.shelf, self.shelf.push_input, one)
            return bool(await self._at_store(self.shelf, self.shelf.has_input, one))
        except KieError:  # said of the videos
            return False


def look_at(path: Path, sha256: str | None, size: int | None) -> tuple[str, str]:
    """What is wrong with a result, as a kind and in words; both empty if nothing is. Runs in a worker."""
    if not is_plain_file(path):
        return "missing", "missing"
    found = path.stat().st_size
    is_altered = (size is not None and found != size) or (sha256 is not None and hash_of(path) != sha256)
    look = inspect(path, thoroughly=True)
    trouble = look.remark
    if is_altered:
        length = f"{found} bytes in place of {size}" if size not in {None, found} else "its hash is another"
        return "altered", f"altered: {length}{f'; {trouble}' if trouble else ''}"
    if not trouble:
        return "", ""
    return ("damaged" if look.ending in MEDIA else "not a video"), trouble


def _settle(fetched: Path, path: Path) -> str:
    """Put a fetched file in its place; what was there under its name with other contents is kept, and its name returned."""
    if path == fetched:  # it was here
        return ""
    aside = ""
    if os.path.lexists(path) and not (is_plain_file(path) and hash_of(path) == hash_of(fetched)):
        names = (f"{path.name}.altered{f'-{number}' if number > 1 else ''}" for number in itertools.count(1))
        aside = next(name for name in names if not os.path.lexists(path.with_name(name)))
        path.rename(path.with_name(aside))
    fetched.replace(path)
    for end in (
        PARTS_OF_VIDEO if aside else ()
    ):  # they may show what was altered, and are made again when wanted
        path.with_name(f"{path.stem}.{end}").unlink(missing_ok=True)
    return aside


def _age(now: dt.datetime, at: str | None) -> dt.timedelta:
    then = moment(at)
    return now - then if then else dt.timedelta(0)


def _hours(age: dt.timedelta) -> str:
    hours = age.total_seconds() / 3600
    return f"{hours:.0f} h" if hours >= 1 else f"{max(0.0, hours * 60):.0f} min"
