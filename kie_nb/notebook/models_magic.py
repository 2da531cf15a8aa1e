"""`%kie models` and `%kie prices`: what can be asked of whom, and what it costs. The docstrings are the help."""
# ruff: noqa: D415 - the docstrings are the help, phrases

from __future__ import annotations

from ..catalogue import NO_SEED, listing, rows
from ..text import say
from .files_magic import mistake, show_table


def models(words: list[str]) -> None:
    """The described models, or those that a text is about: `%kie models kling`, `%kie models last-image seed`"""
    found = listing.found(" ".join(words))
    if not found:
        raise mistake(
            f"No described model is about {' '.join(words)!r}.",
            "words may be of an id, or what a model takes: wan, last-image, audio, seed",
        )
    caption = f"{len(found)} of {len(rows())} described models; [ ] may be left out; 1 credit = $0.005"
    show_table(listing.COLUMNS, listing.lines(found), caption=caption, wide=1)
    if any(not row.has_seed for row in found):
        say(f"Where there is no seed: {NO_SEED}")


def prices(words: list[str]) -> None:
    """The dated price list: `%kie prices`, `%kie prices seedance`"""
    found = listing.found(" ".join(words))
    if not found:
        raise mistake(f"No described model is about {' '.join(words)!r}.")
    lines = [
        (row.id, str(rate), row.as_of if at == 0 else "")
        for row in found
        for at, rate in enumerate(row.price)
    ]
    lines += [
        (row.id, "not documented: no estimate, and a budget cannot be kept", "")
        for row in found
        if not row.price
    ]
    show_table(("model", "price", "of"), lines, caption="Prices, for estimates only", wide=1)
