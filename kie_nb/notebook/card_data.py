"""`CardData`, the content of a run's card as plain data: the live card draws it in the browser, `run_page` as HTML for a saved notebook."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .. import settings as settings_
from .. import tables
from ..catalogue import NO_SEED_SHORT, find
from ..design import Tone
from ..engine import timing
from ..errors import KieError
from ..handles import Run
from ..home import is_plain_file
from ..ledger.states import RELEASED, UNSETTLED, State, shown_state
from ..paths import shown_path
from ..requests.provenance import made_of
from ..text import visible_in
from ..video import is_media
from ..wording import Card
from . import page

WIDE = 16 / 9
_NARROWEST, _WIDEST = 0.4, 2.4  # of what stands in a card, whatever a stranger's record says
YOURS = frozenset({"shown", "fetched again"})  # see `Started.how`
Lines = Callable[[KieError], list[str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class CardData:
    """One run as a card shows it.

    Attributes:
        word: Its state.
        badges: Text, tone and tooltip of each.
        time: How long it took, once it is over.
        facts: Name and value; a name may be empty.
        alert: What went wrong, what it cost and the next step, a line each.
        place: What stands where the video is or will be: "video", "picture" (the one that was sent), "empty", or "" for no place.
        ratio: Width by height of that place.
        details: Name and value; what folds away.
        file: Of the video: its path from the notebook if a link can lead there, its name and its size.
    """

    id: str
    word: str
    tone: Tone
    badges: tuple[tuple[str, Tone, str], ...] = ()
    time: str = ""
    price: str = ""
    prompt: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    stars: int | None = None
    alert: tuple[str, ...] = ()
    note: str = ""
    place: str = ""
    ratio: float = WIDE
    details: tuple[tuple[str, str], ...] = ()
    file: tuple[str, str, int] | None = None

    def to_json(self) -> dict[str, Any]:
        """Data for the browser, with hidden signs as escapes."""
        found: dict[str, Any] = visible_in(asdict(self))
        return found


def card_data_of(
    run: Run,
    *,
    how: str = "",
    note: str = "",
    is_ready: bool = True,
    with_error: bool = True,
    ratio: float | None = None,
    lines_of: Lines = KieError.lines,
) -> CardData:
    """What there is to say of *run* now.

    Args:
        how: How it came about, as `Started` says.
        is_ready: Whether its video, if it is there, can be shown already.
        ratio: Of its place, where that is kept as it was.
        lines_of: The words of an error.
    """
    error = run.error
    is_made = run.state is State.FETCHED and error is None
    word, tone = _state(run, is_ready=is_ready, error=error)
    took = run.duration_s if is_made and run.duration_s is not None else None
    remarks = run.remarks if is_made else (run.name_remark, "" if run.is_final else run.trouble)
    notes = (note, *remarks, page.price_remark(run))
    return CardData(
        id=run.id,
        word=sentence(word),
        tone=tone,
        badges=tuple(_badges(run, how)),
        time=Card.MADE_IN.format(time=tables.clock(took)) if took is not None else "",
        price=_price(run),
        prompt=run.prompt,
        facts=tuple(_facts(run)),
        stars=run.rating if is_made else None,
        alert=tuple(sentence(line.strip()) for line in lines_of(error)) if error and with_error else (),
        note=" ".join(part for part in notes if part),
        place=_place(run, is_made=is_made and is_ready),
        ratio=ratio or ratio_of(run),
        details=tuple(_details(run)),
        file=_file(run) if is_made else None,
    )


def _state(run: Run, *, is_ready: bool, error: KieError | None) -> tuple[str, Tone]:
    if run.state is State.FETCHED and not is_ready:
        return Card.PREPARING_VIDEO, "run"
    return shown_state(run.state, is_undriven=error is not None)


def _badges(run: Run, how: str) -> list[tuple[str, Tone, str]]:
    found: list[tuple[str, Tone, str]] = []
    if how in YOURS:
        found.append((Card.ALREADY_YOURS, "ok", ""))
    if how == "joined" and not run.is_final:  # how it ended, and what it cost, is said elsewhere
        found.append((Card.UNDER_WAY, "ok", ""))
    if run.service == "simulator":
        found.append((Card.SIMULATED, "warn", Card.SIMULATED_TIP))
    return found


def _price(run: Run) -> str:
    """What it cost; of a simulated run, whose badge says that it is free, what the same would cost if it is made."""
    if run.service != "simulator":
        return page.cost(run)
    if run.estimate is None or run.state in RELEASED:
        return ""
    return Card.AT_KIE.format(price=page.money(run.estimate.credits))


def _facts(run: Run) -> list[tuple[str, str]]:
    request = run.request
    found = [
        (Card.SEED, str(run.seed) if run.seed is not None else NO_SEED_SHORT if request.has_no_seed else ""),
        ("", request.length),
        ("", request.size),
    ]
    return [(name, value) for name, value in found if value]


def _details(run: Run) -> list[tuple[str, str]]:
    request = run.request
    model = find(run.model)
    found = [
        ("prompt", run.prompt),
        ("file", ", ".join(file_name(path) for path in run.videos)),
        ("made of", made_of(run.row)),
        ("picture", request.image.label if request.image else ""),
        *((role.replace("_", " "), names) for role, names in request.other_media.items()),
        ("model", f"{model.model_title} ({run.model})" if model else run.model),
        ("task", run.task_id),
        ("run", run.id),
        ("asked for by", page.asked_by(run)),
    ]
    return [(name, str(value)) for name, value in found if value]


def _place(run: Run, *, is_made: bool) -> str:
    if is_made:
        return "video" if run.video is not None else ""
    if run.state in RELEASED | UNSETTLED:
        return ""
    return "picture" if run.request.image is not None else "empty"


def _file(run: Run) -> tuple[str, str, int] | None:
    path = run.video
    if path is None or not is_plain_file(path) or not is_media(path):
        return None
    return page.relative(path) or "", path.name, path.stat().st_size


def ratio_of(run: Run) -> float:
    """Width by height of its video: as it is, else as the picture that was sent, else as asked."""
    first = run.row.files[0] if run.row.files else None
    image = run.request.image
    asked = re.fullmatch(r"([1-9][0-9]?):([1-9][0-9]?)", str(run.request.inputs.get("aspect_ratio")))
    for width, height in (
        (first and first.width, first and first.height),
        (image and image.width, image and image.height),
        (asked and int(asked[1]), asked and int(asked[2])),
    ):
        if width and height:
            return round(min(max(width / height, _NARROWEST), _WIDEST), 4)
    return WIDE


def typical_s(run: Run) -> float | None:
    """How long such a task takes where the ledger has no experience; None where nobody can say."""
    return timing.typical_s(run.service, run.request, settings_.current().simulator_speed)


def sentence(text: str) -> str:
    """*text* with a capital at its beginning, which a file's name or a model's id keeps as it is."""
    is_name = re.match(r"\S*[./]\w", text)
    return text if is_name else text[:1].upper() + text[1:]


def file_name(path: Path) -> str:
    """Where a file is and how large, in words."""
    size = f" ({path.stat().st_size / 1e6:.1f} MB)" if is_plain_file(path) else " (not on this machine)"
    return f"{page.relative(path) or shown_path(path)}{size}"
