"""A driven run (`Drive`), its transitions, each one compare-and-set in the ledger, and the errors that runs end with."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import errors
from ..catalogue import Request
from ..errors import SIMULATED, KieError, LedgerError, NotSent, Refused, TaskFailed
from ..ledger import UnreadableRun, owner
from ..ledger.states import OPEN, RELEASED, State, sources
from ..paths import make_private, open_private
from ..service import TaskRecord
from ..wording.next_steps import LOGS
from .channel import Channel
from .record import Record
from .workspace import Workspace

DISK_FULL = "disk_full"  # the embedded simulator's word: it is this machine's disk

_KEPT = ("message", "hint", "charged", "code", "fail_code")


def stored(error: KieError) -> dict[str, Any]:
    """*error* as the ledger keeps it."""
    kept = {name: getattr(error, name) for name in _KEPT if hasattr(error, name)}
    return {"class": type(error).__name__, **kept}


def error_of(run: Record) -> KieError:
    """The error that a run in the ledger ended with."""
    if run.state is State.WRITTEN_OFF:
        words = f"{run.label} is written off."
        return KieError(words, hint="run its cell to send the request anew", charged="", run_id=run.id)
    kept = run.row.error or {}
    kind = getattr(errors, str(kept.get("class")), None)
    kind = kind if isinstance(kind, type) and issubclass(kind, KieError) else KieError
    message = kept.get("message") or f"run {run.id[:8]} is {run.state}."
    taken = {Refused: "code", TaskFailed: "fail_code"}
    more: Any = {name: kept.get(name) for base, name in taken.items() if issubclass(kind, base)}
    return kind(message, hint=kept.get("hint") or "", charged=kept.get("charged"), run_id=run.id, **more)


def failure(record: TaskRecord, *, is_simulated: bool = False) -> TaskFailed:
    """The error for a task that ended without a video (kie-api §5.4)."""
    said = record.fail_message or "no reason given"
    code = f" (code {record.fail_code!r})" if record.fail_code else ""
    lowered = said.lower()
    charged = f"{record.credits:g} credits, by the service's record" if record.credits else "nothing"
    if record.credits:
        hint = f"failed tasks should not be billed: show {LOGS} to the service's support"
    elif "sensitive" in lowered or "policy" in lowered or "flagged" in lowered:
        hint = "the content filter stopped it: change the prompt or the picture"
    elif "fetch" in lowered:
        hint = "the service could not read the picture: check that its address is public, or pass the file itself"
    else:
        hint = "run the cell again; a failed task is not billed"
    words = f"The task failed at the service: {said!r}{code}."
    if is_simulated and record.fail_code == DISK_FULL:
        words, hint, charged = f"{said}.", "make room, then run the cell again", SIMULATED
    return TaskFailed(words, fail_code=record.fail_code, hint=hint, charged=charged)


log = logging.getLogger("kie_nb")

NOTES = "tasks-to-save.txt"


class OwnershipLost(Exception):
    """Another process drives this run now, or it was cancelled before it was sent."""


@dataclass(frozen=True, slots=True)
class ToSend:
    """A checked request from this process. The ledger's copy is never sent: the file may come from anybody."""

    request: Request
    contents: Mapping[str, bytes]  # of the media that are to be uploaded, by sha256
    channel: Channel


@dataclass(eq=False)
class Drive:
    """One run in this process, on its way to its end."""

    run: Record  # the latest: replaced whenever its ledger publishes a row of it
    workspace: Workspace
    channel: Channel
    may_send: ToSend | None  # what may be sent; None if nothing
    on_trouble: Callable[[Record, str], None]  # called with a passing problem; "" when it is over


class Step:
    """One part of a run's life, on the dispatcher's loop."""

    def __init__(self, drive: Drive) -> None:
        self.drive = drive
        self.workspace = drive.workspace
        self.timing = drive.workspace.timing
        self.channel = drive.channel
        self.ledger = drive.run.ledger
        self.files = self.ledger.files

    @property
    def run(self) -> Record:
        """The latest record of the run."""
        return self.drive.run

    def say(self, trouble: str) -> None:
        """Show a passing problem; it is raised nowhere."""
        self.drive.on_trouble(self.run, trouble)

    async def db(self, fn: Any, *args: Any, **more: Any) -> Any:
        """A ledger call; in the thread for them, or, once the interpreter is on its way out, here."""
        try:
            answer = self.workspace.dispatcher.ledger_soon(fn, *args, **more)
        except RuntimeError:
            # "cannot schedule new futures after shutdown": the answer must still reach the disk.
            return fn(*args, **more)
        return await answer

    async def move_until_written(self, to: State, **changes: Any) -> None:
        """Write a transition, and retry until the ledger takes it: a full disk must not cost a paid video.

        Raises:
            UnreadableRun: the row cannot be read as a run, which waiting does not cure; its task is noted beside the ledger.
            OwnershipLost: another process drives the run.
        """
        told = ""
        while True:
            try:
                is_moved = await self.move(to, **changes)
            except UnreadableRun:
                if changes.get("task_id"):
                    self.note_task(changes["task_id"])
                raise
            except LedgerError as exc:
                if not told and "task_id" in changes:
                    told = f" Its task is {changes['task_id']}: write it down."
                    log.error("%s%s", exc.message, told)  # noqa: TRY400 - not our stack but the words matter
                    self.note_task(changes["task_id"])
                self.say(f"{exc.message}{told} Trying again.")
                await asyncio.sleep(self.timing.ledger_pause_s)
            else:
                if not is_moved and changes.get("task_id") not in {None, self.run.task_id}:
                    # Settled meanwhile by a kernel that took this one for dead: the task id must not be lost.
                    self.note_task(changes["task_id"])
                    log.error("%s is %s, but has task %s", self.run.label, self.run.state, changes["task_id"])
                if not is_moved and self.run.state in OPEN and self.run.row.owner != owner.me():
                    raise OwnershipLost
                return

    async def move(
        self, to: State, *, evidence: dict[str, Any] | None = None, is_answer: bool = False, **changes: Any
    ) -> bool:
        """Write a transition of a run that is ours; False if another process drives it or has moved it meanwhile.

        With *is_answer* it is what the service answered to our own request: true whoever drives the run by now, for instance after
        this machine has slept. It is ours again with that.
        """
        if is_answer:
            changes |= {"hand_to": owner.me(), "owner_hint": owner.hint()}
        elif self.run.state in OPEN:
            changes["owner"] = owner.me()
        # Only the supervisor reopens a fetched run, never a late look of a driver that lost its run.
        changes |= {
            "expect": sources(to) - {State.FETCHED} | {to},
            "evidence": evidence,
            "release": to in RELEASED,
            "known": self.run.row,
        }
        row = await self.db(self.ledger.move, self.run.id, to, **changes)
        if row is None:
            await self.db(self.run.reread)
        return row is not None

    async def end(self, to: State, error: KieError, **changes: Any) -> None:
        """A transition to a state that has an error, which is kept with it."""
        await self.move_until_written(to, error=stored(error), evidence={"because": error.message}, **changes)

    def note_task(self, task_id: str) -> None:
        """Append a task id that the ledger cannot take to a file in the state folder."""
        with contextlib.suppress(OSError):
            folder = self.channel.settings.state_home
            make_private(folder)
            handle = open_private(folder / NOTES, os.O_WRONLY | os.O_APPEND)
            with open(handle, "a", encoding="utf-8") as file:  # noqa: PTH123 - a handle, not a path
                file.write(f"{self.ledger.now().isoformat()} run {self.run.id} task {task_id}\n")


def noted_task(folder: Path, run_id: str) -> str | None:
    """The task id that `Step.note_task` kept for a run."""
    try:
        text = (folder / NOTES).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # Whole lines only: a disk that was full has cut the last one, and half an id is another task's.
    found = re.findall(rf" run {re.escape(run_id)} task ([!-~]+)\n", text)
    return str(found[-1]) if found else None


def cancel_unsent(run: Record) -> bool:
    """Cancel an intent that was not sent; False if it is too late for that, or it belongs to another living process."""
    row = run.row
    if run.ledger.leases.is_others(row):
        return False
    words = "it was cancelled before it was sent."
    error = NotSent(f"Run {run.id[:8]} was never sent: {words}", hint="run its cell to send it")
    changes: dict[str, Any] = {"owner": row.owner, "evidence": {"because": words}, "error": stored(error)}
    return run.ledger.move(run.id, State.NOT_SENT, expect={State.INTENT}, release=True, **changes) is not None
