"""The cell that asks for a run's request again: `cell_text` with the picture found on the disk, and what running it does."""

from __future__ import annotations

import itertools
from dataclasses import replace

from .. import settings as settings_
from ..catalogue import ImageIdentity, Request
from ..errors import BadImage
from ..handles import Prepared, Run, get_session
from ..handles.begin import standing
from ..ledger import RunRow, input_name
from ..ledger.states import State
from ..operations.pictures import find_sent, where_sent
from ..paths import shown_path
from ..requests.images import read_picture
from . import page
from .cell_text import cell_text


def cell_of(run: Run) -> str:
    """The text of the cell that asks for the request of *run*; reads the picture's file to be sure of it."""
    if run.is_film:
        return _film_cell(run)
    request = run.request
    image = request.image
    files = run.ledger.files
    inputs = shown_path(files.inputs)
    if image is None or image.url is not None:
        return cell_text(request, inputs=inputs)
    if _is_beside_notebook(image):
        return cell_text(request, picture=image.label, inputs=inputs)
    kept = find_sent(get_session(), run, image)
    if kept is None and (where := where_sent(run)):
        words = f"The picture {image.label} is {where}, and neither in a store nor at an address that still lives."
        raise BadImage(words, hint="ask there for `kie export`, or share a store: KIE_NB_FILES", charged="")
    name = kept.name if kept is not None else input_name(image.label, image.sha256, image.mime)
    return cell_text(request, picture=f"{inputs}/{name}", inputs=inputs)


def _film_cell(film: Run) -> str:
    """The cell that joins its clips again, and finds the film that there is."""
    parts = (film.row.origin or {}).get("parts") or ()
    named = [f'kie.get("{part["run"][:8]}")' if part.get("run") else repr(part.get("name")) for part in parts]
    return f"import kie_nb as kie\n\nkie.join([{', '.join(named)}])"


def standing_row(request: Request) -> RunRow | None:
    """The run that stands for *request* now, by the settings of this moment; reads the ledger."""
    session, current = get_session(), settings_.current()
    channel = session.channel(current)
    return standing(
        session,
        Prepared(request=request, channel=channel, home=current.home, contents={}, seed_drawn=False),
    )


def next_repeat(run: Run) -> int:
    """The number of a repetition of *run* that nobody has asked for yet; 0 for a model that another seed sets apart."""
    if not run.request.has_no_seed:
        return 0
    numbers = itertools.count(run.request.replicate + 1)
    return next(n for n in numbers if standing_row(replace(run.request, replicate=n)) is None)


def promise_of(run: Run) -> str:
    """What running that cell now would do, as a sentence; reads the ledger and sends nothing."""
    if run.is_film:
        return "Running it shows this film and spends nothing."
    row, current = standing_row(run.request), settings_.current()
    if row is None:
        price = "asks for a new video, simulated and free"
        if current.service == "kie":
            estimate = run.request.estimate
            price = f"buys a new video for {page.money(estimate.credits)}" if estimate else "buys a new video"
        return f"Running it {price}: no run that was sent stands for this request at {current.via or current.service}."
    if row.state == State.UNKNOWN:
        return f"Running it spends nothing before run {row.id[:8]} is settled, whose outcome is not known."
    which = "this run" if row.id == run.id else f"run {row.id[:8]}, which stands for its request now,"
    if row.state == State.INTENT:  # a living process is about to send it: that is paid for, and once
        return f"Running it joins {which} and buys no other."
    return f"Running it shows {which} and spends nothing."


def _is_beside_notebook(image: ImageIdentity) -> bool:
    """Whether the file of that name is still read as the same picture."""
    file = settings_.start_folder() / image.label
    try:
        return file.name == image.label and read_picture(file).identity.sha256 == image.sha256
    except BadImage:
        return False
