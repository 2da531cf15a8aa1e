"""Join clips to one film: kept as a run that nobody paid for, with its parts in its record and in the tags of its file."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import settings as settings_
from .. import video
from ..catalogue import Request, read_request
from ..engine.record import Record
from ..errors import InvalidRequest, LedgerError
from ..fileops import finished_in_one_step, hash_of
from ..home import is_plain_file, make_folder
from ..ledger import FILM, KeptFile
from ..ledger.merging import Arrival, merge
from ..ledger.rows import RunRow
from ..ledger.states import State
from ..paths import shown_path
from ..requests import provenance
from ..stores import bring
from ..video.tags import MAX_NOTE
from .embedded_request import NOTE_VERSION, call_of
from .manifest import plain_json, stored_request

if TYPE_CHECKING:
    from ..engine.workspace import Workspace

ACCOUNT = "joined"  # of films: no key was used
_PROMPT = 200  # characters of each clip's prompt in that of the film
_ENDING = ".mp4"


@dataclass(frozen=True, kw_only=True, slots=True)
class Clip:
    """What is joined: a video's file, and what is known of it."""

    path: Path
    name: str
    sha256: str
    run: Record | None
    request: Request | None
    is_simulated: bool

    @property
    def link(self) -> dict[str, Any]:
        """It, as the record of the film names it."""
        return {"sha256": self.sha256, "name": self.path.name, **({"run": self.run.id} if self.run else {})}


def join(
    workspace: Workspace, clips: Sequence[Record | str | os.PathLike[str]], target: Path | None
) -> Record:
    """The film of *clips*, made now unless it is there already; with a *target* copied there too. Nothing is bought.

    Raises:
        InvalidRequest: there is nothing to join, one of them is no video, or *target* is something else.
        LedgerError: the film cannot be kept.
    """
    if len(clips) < 2:  # noqa: PLR2004
        raise InvalidRequest("A film is joined of two clips or more.", hint="kie.join([a, b])", charged="")
    found = [_clip(workspace, clip) for clip in clips]
    if target is not None:
        _check_target(target, found)
    ledger = workspace.here
    ledger.files.check_folders()
    request = _request(found)
    service = "simulator" if any(clip.is_simulated for clip in found) else "kie"
    same = ledger.same_request(fingerprint=request.fingerprint(service))
    known = next((Record(row, ledger) for row in same if row.state == State.FETCHED), None)
    try:
        if known is None or not _is_whole(known):
            run_id = known.id if known is not None else uuid.uuid4().hex[:12]
            name = target.stem if target is not None else request.prompt
            # The same for all who share the ledger.
            place = ledger.files.place(known.row.video) if known is not None else None
            plan = _Plan(
                clips=found,
                request=request,
                service=service,
                run_id=run_id,
                at=ledger.now().isoformat(timespec="microseconds"),
                notebook=provenance.notebook_of(ledger),
                place=place or ledger.files.video(prompt=name, seed=None, task_id=run_id),
            )
            known = _made(plan, workspace, known)
        if target is not None and known.video is not None:
            _copy(known.video, target)
    except (video.NotAVideo, video.CannotJoin) as exc:
        words = str(exc).rstrip(".")
        raise InvalidRequest(f"Nothing was joined: {words}.", charged="") from exc
    except OSError as exc:
        raise LedgerError(f"The film cannot be written: {exc.strerror or exc}.", charged="") from exc
    return known


def _clip(workspace: Workspace, given: Record | str | os.PathLike[str]) -> Clip:
    run = given if isinstance(given, Record) else None
    if run is not None and run.video is None:
        raise InvalidRequest(
            f"{run.label} has no video: its state is {run.state}.", hint="leave it out", charged=""
        )
    if run is not None and run.video is not None:
        bring(run.video)
    path = Path(run.video or "") if run is not None else Path(given).expanduser()  # type: ignore[arg-type]
    name = run.label if run is not None else path.name
    try:
        sha256 = hash_of(path, follow=run is None)
        note = video.read_request(path)
    except video.NotAVideo as exc:
        raise InvalidRequest(f"{name}: {exc}.", charged="") from exc
    except (OSError, ValueError) as exc:  # ValueError: a name that no file can have
        why = getattr(exc, "strerror", None) or exc
        raise InvalidRequest(f"{name} cannot be read: {why}.", charged="") from exc
    if run is None and (row := workspace.here.of_video(sha256)) is not None:
        run = Record(row, workspace.here)
    told = (note or {}).get("service") == "simulator"
    return Clip(
        path=path,
        name=name,
        sha256=sha256,
        run=run,
        request=run.request if run is not None else _told(note),
        is_simulated=run.service == "simulator" if run is not None else told,
    )


def _told(note: dict[str, Any] | None) -> Request | None:
    """The request that a file from elsewhere carries."""
    try:
        return read_request(note["request"]) if note else None
    except (KeyError, ValueError):
        return None


def _request(clips: Sequence[Clip]) -> Request:
    """What the film is known by: its clips by their bytes, and their prompts, so that it is found."""
    prompts = [clip.request.prompt if clip.request else clip.path.stem for clip in clips]
    words = " / ".join(dict.fromkeys(" ".join(text.split())[:_PROMPT] for text in prompts if text.strip()))
    return Request(model=FILM, inputs={"prompt": words[:5000], "clips": [clip.sha256 for clip in clips]})


def _is_whole(film: Record) -> bool:
    path, kept = film.video, film.row.files
    if path is not None:
        bring(path)
    return path is not None and is_plain_file(path) and hash_of(path) == kept[0].sha256


def _made(plan: _Plan, workspace: Workspace, known: Record | None) -> Record:
    """Join the clips, and record the film; a *known* one, whose file is gone, is only given its file again."""
    ledger, place = workspace.here, plan.place
    make_folder(place.parent)
    film = video.join_videos(
        [clip.path for clip in plan.clips],
        place,
        note=plan.note(),
        title=f"{'SIMULATED ' if plan.service == 'simulator' else ''}film of {len(plan.clips)} clips",
        linked=_linked(plan.clips),
    )
    kept = KeptFile(
        name=ledger.files.relative(place),
        number=0,
        sha256=hash_of(place),
        bytes=place.stat().st_size,
        seconds=film.seconds,
        width=film.size[0],
        height=film.size[1],
    )
    evidence = {
        "joined": {
            "clips": len(plan.clips),
            "frames": film.frames,
            "picture": "copied" if film.is_copied else "drawn anew",
            "sound": film.sound or None,
            "left out as doubled, after clip": [number + 1 for number in film.doubled],
        }
    }
    if known is not None:
        step: dict[str, Any] = {"expect": {State.FETCHED}, "evidence": evidence, "files": (kept,)}
        row = ledger.move(known.id, State.FETCHED, **step)
        return Record(row, ledger) if row is not None else known.reread()
    where = provenance.here()
    values = plan.columns(where, kept)
    merge(ledger.database, [Arrival(values=values, evidence=evidence, stands=True, seen=None, events=())])
    where.tell_later(ledger, plan.run_id)
    for clip_id in dict.fromkeys(clip.run.id for clip in plan.clips if clip.run is not None):
        ledger.note_step(clip_id, {"joined in": plan.run_id})
    row = ledger.get(plan.run_id)
    if row is None:
        raise LedgerError(f"The film {plan.run_id[:8]} was written and is not in the ledger.", charged="")
    ledger.publish(row)
    return Record(row, ledger)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Plan:
    """A film before it is made."""

    clips: Sequence[Clip]
    request: Request
    service: str
    run_id: str
    at: str
    place: Path
    notebook: str

    def note(self) -> str:
        """What is written into the file: the parts with their requests, as far as there is room."""
        links = [clip.link for clip in self.clips]
        asked = [{"request": stored_request(clip.request)} if clip.request else {} for clip in self.clips]
        told = {
            "kie_nb": NOTE_VERSION,
            "request": stored_request(self.request),
            "service": self.service,
            "run": self.run_id,
            "task": None,
            "made_at": self.at,
            "credits": 0.0,
            "call": call_of(self.request),
        }
        whole = plain_json({**told, "parts": [link | more for link, more in zip(links, asked, strict=True)]})
        return whole if len(whole) < MAX_NOTE else plain_json({**told, "parts": links})

    def columns(self, where: provenance.Origin, kept: KeptFile) -> dict[str, Any]:
        """The row of its run."""
        told: dict[str, Any] = dict.fromkeys(column.name for column in fields(RunRow))
        return told | {
            "id": self.run_id,
            "service": self.service,
            "account": ACCOUNT,
            "model": FILM,
            "request": self.request.to_json(),
            "fingerprint": self.request.fingerprint(self.service),
            "family": self.request.family(self.service),
            "seed_drawn": False,
            "state": str(State.FETCHED),
            "credits": 0.0,
            "created_at": self.at,
            "completed_at": self.at,
            "made_by": provenance.made_by(),
            "asked_by": settings_.user(),
            "notebook": self.notebook,
            "origin": {**where.known(), "parts": [clip.link for clip in self.clips]},
            "files": (kept,),
            "files_made": 1,
        }


def _linked(clips: Sequence[Clip]) -> dict[int, int]:
    """The clips that were asked for with a frame of the one before as their first, and its number."""
    found = {}
    for number, (before, after) in enumerate(pairwise(clip.run for clip in clips), start=1):
        sources = (after.row.origin or {}).get("sources") or () if before and after else ()
        for link in sources:
            if before and link.get("run") == before.id and link.get("role") == "image" and "frame" in link:
                found[number] = link["frame"]
    return found


def _check_target(target: Path, clips: Sequence[Clip]) -> None:
    """Refuse a place where the film would replace anything but a film of ours."""
    if target.suffix.lower() != _ENDING:
        words = f"{target.name}: a film is an MP4."
        raise InvalidRequest(words, hint=f"kie.join([...], {target.stem + _ENDING!r})", charged="")
    if target.exists() and any(target.samefile(clip.path) for clip in clips):
        words = f"{target.name} is one of the clips."
        raise InvalidRequest(words, hint="give the film another name", charged="")
    if os.path.lexists(target) and not _is_film(target):
        words = f"{shown_path(target)} is there, and is no film that kie.join has made: it was left as it is."
        raise InvalidRequest(words, hint="give the film another name", charged="")


def _is_film(path: Path) -> bool:
    try:
        note = video.read_request(path) if path.is_file() else None
    except (OSError, ValueError):
        return False
    request = (note or {}).get("request")
    return isinstance(request, dict) and request.get("model") == FILM


def _copy(source: Path, target: Path) -> None:
    if target.is_file() and hash_of(target, follow=True) == hash_of(source):
        return
    with finished_in_one_step(target) as part:
        shutil.copyfile(source, part)
