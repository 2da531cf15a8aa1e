"""What a tile of the gallery says of its run, as plain values: the browser writes them as text, never as HTML."""

from __future__ import annotations

from typing import Any

from ...handles import Run
from ...ledger import is_picture
from ...paths import shown_path
from ...text import visible_in
from ...wording import Gallery
from .. import page

PROMPT_LENGTH = 300  # a line is shown, this much in the tooltip
WHOLE_LENGTH = 5000  # where it is shown large


def tile(run: Run) -> dict[str, Any]:
    """The words on the tile of *run*; looks whether its file is there."""
    video = run.video
    shown: dict[str, Any] = {
        "id": run.id,
        "prompt": page.short(run.prompt, PROMPT_LENGTH),
        "whole": run.prompt[:WHOLE_LENGTH],
        "seed": run.seed,
        "cost": short_cost(run),
        "cost_in_full": page.cost(run),
        "at": (run.completed_at or run.created_at).isoformat(timespec="seconds"),
        "rating": run.rating or 0,
        "is_simulated": run.service == "simulator",
        "model": run.model,
        "by": page.asked_by(run),
        "experiment": run.row.experiment,
        "file": shown_path(video) if video else "",
        "has_file": run.is_kept,
        "is_picture": video is not None and is_picture(video),
        "version": (run.row.video_sha256 or "")[:12],
    }
    return {
        **visible_in(shown),
        "tags": list(run.tags),
    }  # to the letter: the page sends one back to take it away


def short_cost(run: Run) -> str:
    """The cost in a word or two; unknown is never 0, and a simulated price is never money."""
    if run.is_film:
        return Gallery.JOINED
    if run.service == "simulator":
        return Gallery.IN_SIMULATOR
    return Gallery.NOT_REPORTED if run.credits is None else f"{run.credits:g} credits"
