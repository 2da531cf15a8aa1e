"""The result: one run large, with its facts and its video, and the others of this panel as a film strip."""

from __future__ import annotations

from typing import Any

from ...errors import KieError
from ...handles import Run, get_session
from ...home import is_plain_file
from ...ledger.states import OPEN, RELEASED, UNSETTLED, State
from ...stores import bring
from ...text import visible_in
from ...video import read_media
from ...wording import Panel as Words
from .. import page
from ..card_data import ratio_of, sentence
from ..gallery import media
from ..run_cell import cell_of, promise_of
from ..video import make_assets, sent_picture
from .callbacks import Callbacks, lines_of
from .clocks import is_left, state_of, whose_is, why_paused
from .picture import STILL
from .view import PanelView

FLUSH_S = 0.2  # at most five updates a second
MOST_FILMS = 12
PIECE = 4_000_000  # bytes of a file in one message
STILL_BYTES = 100_000


class RunView:
    """Shows one run at a time, and keeps those that were asked for here."""

    def __init__(self, view: PanelView, callbacks: Callbacks) -> None:
        self._view, self._callbacks = view, callbacks
        self._listener = callbacks.guard(self._changed)
        self.run: Run | None = None
        self.film: list[Run] = []  # newest first
        self._notes: dict[str, str] = {}
        self._ratios: dict[str, float] = {}
        self._awaited = (
            ""  # the run that is shown as soon as it can be played, unless somebody chooses another
        )
        self._playable: dict[str, str] = {}  # MIME types by run; "" for what no browser plays
        self._asked_for: set[str] = set()
        self._dirty = False

    def show(self, run: Run, note: str = "") -> None:
        """Show *run*; from any thread."""
        self._awaited = ""
        self._notes[run.id] = note
        if self.run is not run:
            self._take(run)
        self._callbacks.soon(self._flush)

    def begun(self, notes: list[tuple[Run, str]]) -> None:
        """These runs were asked for: they join the strip. What is being watched stays until the first of them can be played."""
        for run, note in notes:
            self._notes[run.id] = note
            if run not in self.film:
                self.film = [run, *self.film]
                run.listen(self._listener)
                self._callbacks.work(self._send_still, run)
        for old in self.film[MOST_FILMS:]:
            self._forget(old)
        self.film = self.film[:MOST_FILMS]
        first = notes[0][0]
        if self.run is None or self.run.id not in self._playable or self._notes[first.id]:
            self.show(*notes[0])
        elif self.run is not first:
            self._awaited = first.id
        self._callbacks.soon(self._flush)

    def says(self, run: Run) -> bool:
        """Whether the error of *run* stands, or will stand, beside it."""
        return run is self.run or run.id == self._awaited

    def close(self) -> None:
        """Release the runs."""
        run, self.run = self.run, None
        for each in {*self.film, *([run] if run else [])}:
            each.unlisten(self._listener)
        self.film = []

    def find(self, run_id: str) -> Run:
        """The handle of a run that the page names."""
        return next((run for run in self.film if run.id == run_id), None) or get_session().get(run_id)

    def _take(self, run: Run) -> None:
        before, self.run = self.run, run
        if before is not None:
            self._forget(before)
        run.unlisten(self._listener)
        run.listen(self._listener)
        self._callbacks.work(self._write_cell, run)
        self._callbacks.work(self._send_still, run)
        if run.id in self._playable:
            self._callbacks.work(self.send_video, run)

    def _forget(self, run: Run) -> None:
        if run not in self.film[:MOST_FILMS]:
            run.unlisten(self._listener)

    # --- on the dispatcher's thread ------------------------------------------------------------------------------

    def _changed(self, _run: Run) -> None:
        if not self._dirty:
            self._dirty = True
            self._callbacks.later(FLUSH_S, self._flush)

    def _flush(self) -> None:
        self._dirty = False
        for run in {*self.film, *([self.run] if self.run else [])}:
            if run.state is State.FETCHED and run.is_kept and run.id not in self._asked_for:
                self._asked_for.add(run.id)
                self._callbacks.work(self._prepare, run)
            if run.id == self._awaited and run.error is not None:  # what went wrong stands beside it
                self.show(run, self._notes.get(run.id, ""))
        if self.run is not None:
            self._view.result = visible_in(self._shown(self.run))
        if len(self.film) > 1:
            self._view.film = [
                visible_in({"id": each.id, "prompt": page.short(each.prompt, 120), "seed": each.seed, **self._state(each)})
                for each in self.film
            ]  # fmt: skip

    def _state(self, run: Run) -> dict[str, str]:
        state = state_of(run.row, whose_is(run.row, run))
        if run.state is State.FETCHED and run.is_kept and run.id not in self._playable:
            return {"word": sentence(Words.PREPARING_VIDEO), "tone": "run"}
        return state

    def _shown(self, run: Run) -> dict[str, Any]:
        """The facts of *run*, and what can be done with it."""
        is_paused = is_left(run)
        request, estimate = run.request, run.estimate
        image = request.image
        note = self._notes.get(run.id, "")
        error = run.error
        if error is not None and run.state in UNSETTLED:
            error = KieError.like(error, hint="")  # a button says it here
        passing = [run.trouble] if not run.is_final and run.trouble else []
        remarks = [
            *passing,
            *([run.name_remark] if run.name_remark else []),
            *run.remarks,
            page.price_remark(run),
        ]
        return {
            "id": run.id,
            **self._state(run),
            "isOpen": run.state in OPEN and not is_paused,
            "isSettled": run.state not in UNSETTLED,
            "canStop": run.state in OPEN and not is_paused and not run.is_stopped,
            "why": why_paused(run.row) if is_paused else Words.STOPPED if run.state in OPEN and run.is_stopped else "",
            "isFree": run.service == "simulator",
            "canResume": is_paused and run.state is not State.INTENT,
            "isThere": run.id in self._playable,
            "hasPlace": run.state not in RELEASED | UNSETTLED,  # else no video is expected
            "mime": self._playable.get(run.id, ""),
            "badge": Words.ALREADY_YOURS if note and run.state is State.FETCHED else "",
            "prompt": page.short(run.prompt, 240),
            "seed": "" if run.seed is None else str(run.seed),
            "noSeed": request.has_no_seed,
            "facts": [part for part in (request.length, request.size) if part],
            "cost": page.cost(run) if run.service == "kie" else "" if run.state in RELEASED else Words.FREE,
            "picture": image.label if image else "",
            "rating": run.rating or 0,
            "error": "\n".join(lines_of(error)) if error is not None else "",
            "remarks": [text for text in remarks if text],
            "ratio": self._ratios.setdefault(run.id, ratio_of(run)),  # its place stays as it was
            "file": run.video.name if run.video is not None and run.is_kept else "",
            "run": run.id[:8],
            "another": page.money(estimate.credits) if estimate else Words.NO_PRICE,  # by a way that is paid
        }  # fmt: skip

    # --- on a worker ---------------------------------------------------------------------------------------------

    def _prepare(self, run: Run) -> None:
        """Make what plays; only then the run is done for the page."""
        try:
            self._playable[run.id] = make_assets(run.video, "preview").mime if run.video else ""
        except Exception:
            self._playable[run.id] = ""
            raise
        finally:
            if self.run is run:
                self._callbacks.soon(self._flush)
                self._callbacks.work(self.send_video, run)
            elif self._awaited == run.id:
                self.show(run, self._notes.get(run.id, ""))
            self._callbacks.work(self._send_still, run)
            self._callbacks.soon(self._flush)

    def send_video(self, run: Run) -> None:
        """The bytes, as large as a notebook would hold them; for all pages that show it."""
        assets = make_assets(run.video, "preview") if run.video is not None else None
        if assets is not None and assets.content is not None:
            self._view.send({"kind": "media", "id": run.id, "mime": assets.mime}, [assets.content])

    def send_all(self) -> None:
        """For a page that is new: its stills, and the video."""
        for run in {*self.film, *([self.run] if self.run else [])}:
            self._send_still(run)
        if self.run is not None and self.run.id in self._playable:
            self.send_video(self.run)

    def send_file(self, run: Run) -> None:
        """The whole file, in pieces, to be saved where the browser is."""
        if run.video is None or bring(run.video) or not is_plain_file(run.video):
            self._callbacks.say("The file is not on this machine.", bad=True)
            return
        content, name = read_media(run.video), run.video.name
        pieces = range(0, len(content), PIECE)
        for number, start in enumerate(pieces):
            self._view.send(
                {"kind": "file", "id": run.id, "name": name, "piece": number, "pieces": len(pieces)},
                [content[start : start + PIECE]],
            )

    def rate(self, run: Run, stars: object) -> None:
        """Rate it, or take its rating away."""
        try:
            run.rate(stars if isinstance(stars, int) and stars else None)
        finally:
            self._callbacks.soon(self._flush)

    def _send_still(self, run: Run) -> None:
        still = (
            media.picture(run.video)
            if run.video is not None and run.id in self._playable
            else sent_picture(run, STILL, STILL_BYTES)
        )
        if still:
            self._view.send({"kind": "still", "id": run.id, "isVideo": run.id in self._playable}, [still])

    def _write_cell(self, run: Run) -> None:
        text = cell_of(run)
        if self.run is run:
            self._view.cell = text

    def tell_cell(self, run: Run, words: str) -> None:
        """What running the cell does, as it is now; it was written when the run was shown."""
        text, written = cell_of(run), self._view.cell
        if self.run is run and text != written:
            self._view.cell = text
            self._callbacks.say(
                "The cell is another one by now, for its picture's file was replaced or another run is shown: "
                "take the cell once more.",
                bad=True,
            )
            return
        self._callbacks.say(f"{words} {promise_of(run)}")
