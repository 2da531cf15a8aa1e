"""`%kie models` and `%kie prices`: what can be asked of whom, and what it costs. The docstrings are the help."""
# ruff: noqa: D415 - the docstrings are the help, phrases

from __future__ import annotations

from .. import settings as settings_
from ..catalogue import Row, listing, rows
from ..catalogue.prices import in_words
from ..service import price_feed
from ..text import in_line, say
from .files_magic import mistake, show_table

KIE = "https://api.kie.ai"
MOST_CHANGES = 40


def models(words: list[str]) -> None:
    """The described models, or those that a text is about: `%kie models kling`, `%kie models last-image seed`"""
    found = listing.found(" ".join(words))
    if not found:
        raise mistake(
            listing.not_found(" ".join(words)),
            "words may be of an id, or what a model takes: wan, last-image, audio, seed",
        )
    caption = f"{len(found)} of {len(rows())} described models; [ ] may be left out; 1 credit = $0.005"
    widths = {"wide": listing.WIDE, "least": listing.LEAST}
    show_table(listing.COLUMNS, listing.lines(found), caption=caption, **widths)
    if any(not row.has_seed for row in found):
        say("seed no: the same request again makes another video")
    for line in listing.left_out() if not words else ():
        say(line)


def prices(words: list[str]) -> None:
    """The dated price list, by which runs are estimated: `%kie prices seedance`; `--update` reads Kie's public price feed"""
    if "--update" in words:
        _update()
        return
    found = listing.found(" ".join(words))
    if not found:
        raise mistake(listing.not_found(" ".join(words)), "%kie models lists them")
    lines = [(row.id, words, row.as_of) for row in found for words in in_words(row.price)]
    lines += [
        (row.id, "not documented: no estimate, and no limit can be kept", "")
        for row in found
        if not row.price
    ]
    feed = price_feed.kept(settings_.current().state_home)
    for line in feed.lines if feed else ():
        if any(line.model == row.id for row in found):
            price = in_line(f"{line.credits:g} credits {line.unit}: {line.description}")
            lines.append((line.model, price, f"Kie's feed, {feed.read_at[:10]}" if feed else ""))
    lines.sort(key=lambda one: one[0])
    show_table(
        ("model", "price", "of"), lines, caption="Prices, for estimates only; 1 credit = $0.005", wide=1
    )


def _update() -> None:
    """Read the feed, keep it with its date, and say what changed. Estimates and budgets go on by the list of this package."""
    current = settings_.current()
    base = current.base_url if current.service == "kie" else KIE
    before, feed = price_feed.kept(current.state_home), price_feed.read_feed(base)
    price_feed.keep(current.state_home, feed)
    changed = price_feed.changes(before, feed)
    told = [f"  {in_line(line)}" for line in changed[:MOST_CHANGES]]
    told += [f"  and {len(changed) - MOST_CHANGES} more"] * (len(changed) > MOST_CHANGES)
    since = f"since {before.read_at[:10]}" if before else "nothing was kept before"
    say("\n".join([f"{len(feed.lines)} prices of Kie's feed kept; {len(changed)} changed, {since}.", *told]))
    for row in rows().values():
        if words := _above(row, feed):
            say(words)
    say(
        "Estimates and budgets go on by the list that came with kie_nb: a lower price in the feed makes none less careful."
    )


def _above(row: Row, feed: price_feed.Feed) -> str:
    """A warning where the feed asks more for a model than anything on the list."""
    listed = [line.credits for line in feed.lines if line.model == row.id]
    ours = [rate.credits for rate in row.price]
    if not listed or not ours or max(listed) <= max(ours):
        return ""
    return f"{row.id}: the feed has up to {max(listed):g} credits a unit, the list {max(ours):g} at most; estimates may be too low."
