"""A look at every file of the folder: is it there, is it what was fetched, can it be had again. Never buys anything."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import functools
import os
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..engine.bringing import bring, from_any_link, names_of
from ..engine.downloading import is_given_up, place_of, with_files
from ..engine.record import Record
from ..engine.waiting import wait_blocking
from ..errors import KieError
from ..fileops import hash_of
from ..home import is_plain_file, make_folder
from ..ledger import Files, KeptFile, files_made
from ..ledger.schema import moment
from ..ledger.states import AT_SERVICE, State
from ..service.media import version_at
from ..video import MEDIA, inspect
from .integrity import PARTS_OF_VIDEO, Finding, Report, orphans

if TYPE_CHECKING:
    from ..engine.supervisor import Supervisor
    from ..engine.workspace import Workspace

SOON_DEAD = dt.timedelta(hours=18)  # links live about a day (kie-api §8)


def doctor(supervisor: Supervisor, *, mend: bool = True) -> Report:
    """Look at all runs and files of the current home, and fetch again what can be had: a live link first, else a fresh one.

    No task is created. A file that was altered is kept beside the fetched one, as `*.altered`.

    Args:
        mend: False only looks.
    """
    workspace, ledger = supervisor.workspace, supervisor.workspace.here
    runs = [Record(row, ledger) for row in ledger.runs(limit=None)]
    visit = _Visit(supervisor, workspace, Files(ledger.home), mend=mend)
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
        found += await asyncio.to_thread(orphans, self.files, self.known, mend=self.mend)
        return found, self.count

    def _know(self, run: Record) -> None:
        paths = list(run.videos)
        if run.task_id:
            targets = [self._target(run, number) for number in range(max(1, files_made(run.row)))]
            paths += targets
            if run.state is State.SUCCESS or run.missing:
                self.known |= {name for target in targets for name in names_of(target)}
        for path in paths:
            self.known |= {path.name, *(f"{path.stem}.{end}" for end in PARTS_OF_VIDEO)}

    async def _run(self, run: Record) -> list[Finding]:
        if run.state is State.FETCHED:
            looks = [await self._file(run, kept) for kept in run.row.files]
            found = [finding for finding in looks if finding is not None]
            found += [await self._not_fetched(run, number) for number in (await self._now(run)).missing]
            run = await self._now(run)
            return found + ([_not_as_asked(run)] if run.length_remark else [])
        if run.state is State.SUCCESS:
            return [await self._not_fetched(run, number) for number in range(await self._count(run))]
        age = _age(run.ledger.now(), run.row.accepted_at)
        if run.state in AT_SERVICE and age > SOON_DEAD and not self._is_driven(run):
            what = f"accepted {_hours(age)} ago and not followed"
            return [Finding(run=run.id, file="", kind="open", what=what, done="`%kie resume` takes it up")]
        return []

    def _target(self, run: Record, number: int) -> Path:
        return self.files.video(prompt=run.prompt, seed=run.seed, task_id=str(run.task_id), number=number)

    async def _file(self, run: Record, kept: KeptFile) -> Finding | None:
        self.count += 1
        path = self.files.place(kept.name)
        if path is None:
            kind, what = "not ours", "the ledger names a file that is none of ours: it is not read"
            path = place_of(run, self.files, kept.number)
        else:
            kind, what = await self._work(look_at, path, kept.sha256, kept.bytes)
        if not kind:
            return None
        done, is_mended = "it was only looked at", False
        if self.mend and kind in {"damaged", "not a video"} and not await self._has_another(run, kept):
            done = "left as it is: the service has no other"
        elif self.mend:
            done, is_mended = await self._again(run, path, kept.number)
        return Finding(run=run.id, file=path.name, kind=kind, what=what, done=done, is_mended=is_mended)

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
            channel = self.workspace.channel_of(run)
            fetched = await bring(
                run,
                number,
                channel,
                self._work,
                path,
                patience=self.workspace.timing.patience,
                target=apart / path.name,
            )
            is_here = await asyncio.to_thread(is_plain_file, path)
            if is_here and fetched["remark"] and fetched["sha256"] == before:
                return "left as it is: the service sent the same again", False
            path = path.with_suffix(fetched["path"].suffix)
            aside = await asyncio.to_thread(_settle, fetched["path"], path)
            await self._record(run, number, {**fetched, "path": path}, before)
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

    async def _record(self, run: Record, number: int, fetched: dict[str, Any], before: str | None) -> None:
        """Write down what is on disk now; the state moves only from made to fetched."""
        evidence = {
            "fetched again": fetched["path"].name,
            "number": number,
            "sha256": fetched["sha256"],
            "before": before,
        }
        run = await self._now(run)
        changes = with_files(run, self.files, {number: fetched})
        expect = {State.SUCCESS, State.FETCHED}
        await self._move(run, State.FETCHED, expect=expect, evidence=evidence, **changes)

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
        wanted: dict[str, list[Record]] = {}
        for run in runs:
            image = run.request.image
            if image is not None and image.url is None and run.task_id:
                wanted.setdefault(image.sha256, []).append(run)
        return [
            finding
            for sha256, users in wanted.items()
            if (finding := await self._picture(sha256, users)) is not None
        ]

    async def _picture(self, sha256: str, users: Sequence[Record]) -> Finding | None:
        self.count += 1
        image = users[0].request.image
        label = image.label if image else sha256
        found = self.files.find_input(sha256)
        if found is not None and await self._work(hash_of, found) == sha256:
            return None
        others = f" and of {len(users) - 1} more" if len(users) > 1 else ""
        what = f"the picture {label} of this run{others} {'was altered' if found else 'is missing'}"
        return Finding(
            run=users[0].id,
            file=found.name if found else f"{sha256[:12]}…",
            kind="no picture",
            what=what,
            done="cannot be fetched: run its cell again with the picture; the video is not concerned",
        )


def _not_as_asked(run: Record) -> Finding:
    what = run.length_remark.rstrip(".").lower()
    done = "left as it is: it is what the service made; --fresh buys another"
    name = run.video.name if run.video else ""
    return Finding(run=run.id, file=name, kind="not as asked", what=what, done=done)


def look_at(path: Path, sha256: str | None, size: int | None) -> tuple[str, str]:
    """What is wrong with a result, as a kind and in words; both empty if nothing is. Runs in a worker."""
    if not is_plain_file(path):
        return "missing", "missing"
    found = path.stat().st_size
    is_altered = (size is not None and found != size) or (sha256 is not None and hash_of(path) != sha256)
    look = inspect(path)
    trouble = look.remark
    if is_altered:
        length = f"{found} bytes in place of {size}" if size not in {None, found} else "its hash is another"
        return "altered", f"altered: {length}{f'; {trouble}' if trouble else ''}"
    if not trouble:
        return "", ""
    return ("damaged" if look.ending in MEDIA else "not a video"), trouble


def _settle(fetched: Path, path: Path) -> str:
    """Put a fetched file in its place; what was there under its name with other contents is kept, and its name returned."""
    aside = ""
    if path == fetched:  # it was here
        return ""
    if os.path.lexists(path) and not (is_plain_file(path) and hash_of(path) == hash_of(fetched)):
        kept, number = path.with_name(f"{path.name}.altered"), 1
        while os.path.lexists(kept):
            number += 1
            kept = path.with_name(f"{path.name}.altered-{number}")
        path.rename(kept)
        aside = kept.name
    fetched.replace(path)
    if aside:
        for end in PARTS_OF_VIDEO:  # they may show what was altered, and are made again when they are wanted
            path.with_name(f"{path.stem}.{end}").unlink(missing_ok=True)
    return aside


def _age(now: dt.datetime, at: str | None) -> dt.timedelta:
    then = moment(at)
    return now - then if then else dt.timedelta(0)


def _hours(age: dt.timedelta) -> str:
    hours = age.total_seconds() / 3600
    return f"{hours:.0f} h" if hours >= 1 else f"{max(0.0, hours * 60):.0f} min"
