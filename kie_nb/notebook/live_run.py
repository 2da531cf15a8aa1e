"""One run of a live card: listens to it, and gives what the card shows of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from .. import settings as settings_
from ..catalogue import NO_SEED
from ..handles import Run, get_session
from ..ledger.states import UNSETTLED, State
from ..text import visible, visible_in
from ..wording import Card as Words
from . import page, run_page, ways_out
from .card_data import YOURS, card_data_of, ratio_of, sentence, typical_s
from .video import Assets, RunVideo, make_assets, sent_picture

log = logging.getLogger("kie_nb")
STILL_WIDTH = 854
PAGE_STILL = 12_000  # bytes of the picture in a page that stands until the video is there


class LiveRun:
    """What a card knows of one of its runs.

    Args:
        how: How it came about, as `Started` says.
        changed: Called on the dispatcher's thread when something is new.

    Attributes:
        shown: Ends when the output holds its end.
        is_over: Nothing more is expected of it.
        is_kept: The page names its task.
        sent_again: The run that stands for its request by now, where its outcome stays unknown.
        assets: Its video as it is shown; None until it is ready.
        offer: The number that a press of its buying button names; it is used up by one.
        is_pressed: It is used up.
    """

    def __init__(
        self, run: Run, *, how: str, note: str, embed: settings_.Embed, changed: Callable[[LiveRun], None]
    ) -> None:
        self.run, self.how, self.note, self.embed = run, how, note, embed
        self.shown: Future[None] = Future()
        self.is_over = False
        self.is_kept = run.task_id is not None
        self.with_error = True
        self.sent_again: Run | None = None
        self.offer = 0
        self.is_pressed = False
        self.assets: Assets | None = None
        self._ratio = ratio_of(run)
        self._usual: float | None = None
        self._is_typical = True
        self._changed = changed

    def begin(self) -> None:
        """Listen to it; waits for it end with what is shown."""
        self.run.hold(self.shown)
        self.run.listen(self._hear)
        dispatcher = get_session().dispatcher
        if not self.run.is_final:
            dispatcher.start(self._learn())
        dispatcher.call_soon(lambda: self._changed(self))

    def _hear(self, _run: Run) -> None:
        self._changed(self)

    def stop_listening(self) -> None:
        """It has come to its end."""
        self.is_over = True
        self.run.unlisten(self._hear)

    def resume(self) -> None:
        """Something is expected of it again: its outcome is known by now."""
        self.is_over = False
        self.run.listen(self._hear)
        get_session().dispatcher.call_soon(lambda: self._changed(self))

    def release(self) -> None:
        """Let waits end."""
        if not self.shown.done():
            self.shown.set_result(None)

    @property
    def is_video(self) -> bool:
        """Whether its video is there, with nothing wrong."""
        run = self.run
        return run.state is State.FETCHED and run.error is None and run.video is not None

    async def _learn(self) -> None:
        """What such tasks take: by the ledger, else by the catalogue."""
        usual = await get_session().usual(self.run)
        self._usual = usual.median if usual else typical_s(self.run)
        self._is_typical = usual is None
        self._changed(self)

    # --- what is said -------------------------------------------------------------------------------------------------

    def data(self) -> dict[str, Any]:
        """Its card, for the browser."""
        run = self.run
        is_unsettled = run.state in UNSETTLED and self.sent_again is None
        note = "" if self.how in YOURS else self.note
        if self.sent_again is not None:
            note = Words.SENT_AGAIN.format(run=self.sent_again.id[:8])
        if run.is_stopped and not run.is_final:
            note = Words.STOPPED if run.service == "kie" else Words.STOPPED_SIMULATED
        data = card_data_of(
            run,
            how=self.how,
            note=note,
            is_ready=self.assets is not None,
            with_error=self.with_error and not is_unsettled,
            ratio=self._ratio,
        )
        runs = not run.is_final and not self.is_over
        clock = {"age": run.age_s, "usual": self._usual, "typical": self._is_typical, "runs": runs}
        return {
            **data.to_json(),
            "clock": clock if runs else None,
            "acts": self._acts(),
            "offer": self.offer,
            "is_priced": run.service != "simulator",
            "labels": visible_in(self._labels()),
            "settle": visible_in(self._settle()) if is_unsettled else None,
        }

    def _acts(self) -> list[str]:
        run = self.run
        if not run.is_final and self.is_over and run.error is not None:
            return ["resume"]
        if not run.is_final and not self.is_over:
            return [] if run.is_stopped else ["stop"]
        if self.is_video and self.assets is not None:
            another = ["another"] if run.request.takes_seed else []
            return [*another, "cell", *(["file"] if run.is_kept else []), "rate"]
        return ["cell"] if run.is_final and not self.is_video else []

    def _labels(self) -> dict[str, tuple[str, str]]:
        """Words and tooltip of what depends on the run."""
        run, estimate = self.run, self.run.estimate
        stop = (Words.STOP_WATCHING, Words.STOP_WATCHING_TIP)
        if run.service == "simulator":
            stop = (Words.STOP_SIMULATED, Words.STOP_SIMULATED_TIP)
        if run.state is State.INTENT:
            stop = (Words.CANCEL, Words.CANCEL_TIP)
        words = Words.ANOTHER if run.request.has_no_seed else Words.ANOTHER_SEED
        if run.service != "simulator":
            price = page.money(estimate.credits) if estimate else Words.NO_PRICE
            words = Words.WITH_PRICE.format(words=words, price=price)
        resume = (Words.RESUME, Words.RESUME_TIP)
        return {
            "stop": stop,
            "another": (words, NO_SEED if run.request.has_no_seed else Words.ANOTHER_TIP),
            "resume": resume,
        }

    def _settle(self) -> dict[str, Any]:
        found = ways_out.known(self.run)
        known = [found.happened, found.words] if self.with_error else []  # else the cell says it
        is_free = self.run.service == "simulator"
        return {
            "known": [*map(sentence, known), ways_out.at_risk(self.run)],
            "hint": Words.FIND_TIP.format(logs=found.logs),
            "again": Words.SEND_AGAIN_SIMULATED if is_free else Words.SEND_AGAIN,
        }

    # --- in workers ---------------------------------------------------------------------------------------------------

    def load(self) -> None:
        """Make its preview, which may take seconds."""
        if self.run.video is None:
            return
        try:
            self.assets = make_assets(self.run.video, self.embed)
        except Exception:  # it is on disk all the same
            log.exception("the video of run %s cannot be shown", self.run.id)
            self.assets = Assets(content=None, poster=None, mime="", remark=Words.CANNOT_PLAY)

    def media(self) -> tuple[dict[str, Any], bytes]:
        """Its video as the card plays it: what is embedded, or the preview where the notebook holds a link alone."""
        video, assets = self.run.video, self.assets
        if video is None or assets is None:
            return {"why": Words.CANNOT_PLAY}, b""
        if assets.content is None and assets.mime:
            assets = make_assets(video, "preview")
        return {"mime": assets.mime}, assets.content or b""

    def still(self) -> bytes:
        """The picture that was sent, small."""
        return sent_picture(self.run, STILL_WIDTH, 60_000) or b""

    def bundle(self, back: str) -> dict[str, Any]:
        """What a notebook keeps of it.

        Args:
            back: Said of a run that is not over: how to come back to it.
        """
        run = self.run
        if self.is_video and self.assets is not None:
            return RunVideo(run, self.assets, note=self.note, how=self.how, ratio=self._ratio).bundle()
        note = self.note if self.is_over else f"{self.note} {back}".strip()
        still = sent_picture(run, 320, PAGE_STILL)
        shown = run_page.card(run, note=note, how=self.how, with_error=self.with_error, still=still)
        return {"text/html": shown, "text/plain": visible(repr(run))}
