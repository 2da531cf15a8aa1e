"""The price beside *Generate*: estimate, balance, and why the button is off; reads the ledger, sends nothing."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

from ... import settings as settings_
from ...catalogue import Estimate, ImageIdentity, build_request
from ...errors import BudgetExceeded, InvalidRequest, KieError
from ...handles import get_session
from ...keys import Secret
from ...ledger import RunRow
from ...ledger.states import OPEN, State
from ...requests.image_urls import recorded_pictures
from ...requests.images import Picture
from ...requests.prepare import check_limit
from ...requests.provenance import notebook_of
from ...requests.sources import is_url
from ...wording import Panel as Words
from .. import page
from ..card_data import sentence
from ..run_cell import standing_row
from .draft import Draft


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """Service, account and ledger: what a price is valid for."""

    service: str = ""
    who: str = ""
    base_url: str = ""
    account: str = ""
    home: Path = Path()
    ledger_url: Secret | None = None
    trouble: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Priced:
    """What a draft would cost now.

    Attributes:
        words: What is said below the button.
        refusal: Why it cannot be asked for, in the words of the magic.
        missing: Runs that may be bought; those that are there already cost nothing.
        each: What one of them should cost; None where no price is known.
        way: What it holds for.
    """

    words: str = ""
    refusal: str = ""
    missing: int = 0
    each: Estimate | None = None
    way: Way = Way()

    @property
    def label(self) -> str:
        """What stands on the button."""
        if not self.missing:
            return Words.GENERATE_ALONE if self.refusal else Words.GENERATE_NOTHING
        count = f" {self.missing}" if self.missing > 1 else ""
        is_free = self.way.service == "simulator"
        price = Words.FREE if is_free else _money(self.each, self.missing)
        return Words.GENERATE.format(count=count, price=price)

    @property
    def below(self) -> str:
        """What stands below it."""
        if self.words or self.way.service != "simulator" or not self.missing:
            return self.words
        return Words.AT_KIE.format(price=_money(self.each, self.missing))


def way_of(current: settings_.Settings) -> Way:
    """The way that a request would go by these settings."""
    names = [entry.name for entry in fields(Way) if entry.name != "trouble"]
    return Way(**{name: getattr(current, name) for name in names})


def way_now() -> Way:
    """The same by the settings of this moment, also where they are wrong."""
    try:
        return way_of(settings_.current())
    except KieError as exc:
        return Way(trouble=exc.message)


def head_of(way: Way, balance: float | None, why: str) -> dict[str, str]:
    """Who answers, and what is left of the credits."""
    is_simulated = way.service == "simulator"
    left = Words.SIMULATOR_BALANCE if is_simulated else Words.CREDITS_LEFT
    return {
        "badge": Words.SIMULATED if is_simulated else Words.PAID.format(who=way.who),
        "tone": "warn" if is_simulated else "",
        "balance": Words.NO_BALANCE.format(why=f": {why}" if why else "")
        if balance is None
        else left.format(credits=f"{balance:,.10g}"),
    }


def check_way(shown: Way, now_: Way) -> None:
    """Refuse if a cell has changed what the price was shown for."""
    if shown == now_:
        return
    names = {"kie": now_.who if now_.service == "kie" else shown.who, "simulator": "the simulator"}
    words = "the folder of the runs is another one now"
    if shown.trouble:
        words = "the price was not known yet"
    elif shown.service != now_.service:
        words = f"{names[now_.service]} answers now, not {names[shown.service]}"
    elif (shown.base_url, shown.account) != (now_.base_url, now_.account):
        words = "another key or address is used now"
    raise InvalidRequest(
        f"{words[0].upper()}{words[1:]}: nothing was sent.", hint="look at the price and press Generate again"
    )


def check_price(shown: Priced, each: Estimate | None, missing: int) -> None:
    """Refuse if buying *missing* runs at *each* costs more than is shown."""
    if not missing or (missing <= shown.missing and each == shown.each):
        return
    videos = f"{missing} videos" if missing > 1 else "This video"
    raise InvalidRequest(
        f"The form changed after its price was shown, so nothing was sent. {videos}: {_money(each, missing)}.",
        hint="look at the price and press Generate again",
    )


def _money(each: Estimate | None, count: int) -> str:
    return page.money(each.credits * count) if each else Words.NO_PRICE


def price(draft: Draft, picture: Picture | None, balance: float | None) -> Priced:
    """Look at *draft*, of whose picture so much is known, with this *balance*, in credits."""
    try:
        made = _made(draft, picture)
    except InvalidRequest:
        made = []  # it is told at its field
    unsettled = next((row for row in made if row.state == State.UNKNOWN), None)
    if unsettled is not None:
        return Priced(refusal=Words.UNSETTLED.format(run=unsettled.id[:8]))
    missing = draft.count - len(made)
    if not missing:
        return _made_before(draft, picture, is_open=any(row.state in OPEN for row in made))
    estimate = draft.estimate
    refusal = ""
    try:
        check_money(estimate, missing)
        _check_balance(estimate, missing, balance)
    except BudgetExceeded as exc:
        refusal = "\n".join(part for part in (exc.message, sentence(exc.hint)) if part)
    return Priced(refusal=refusal, missing=missing, each=estimate)


def _made_before(draft: Draft, picture: Picture | None, *, is_open: bool) -> Priced:
    """Nothing is spent; but what an address serves is known only when it is asked."""
    if picture is not None or not draft.image_field:
        return Priced(words=Words.UNDER_WAY if is_open else Words.MADE_BEFORE)
    each = draft.estimate
    words = Words.MADE_UNLESS.format(price=_money(each, draft.count))
    return Priced(words=words, missing=draft.count, each=each)


def check_money(estimate: Estimate | None, count: int) -> None:
    """Refuse, in the words of the magic, if limits and budgets leave no room for *count* runs of *estimate*."""
    current = settings_.current()
    check_limit(estimate, current.max_credits, "configure(max_credits={:g})")
    whole = estimate.credits * count if estimate else None
    ledger = get_session().here
    scopes = {"notebook": notebook_of(ledger), "experiment": None}
    ledger.check_limits(current.service, whole, scopes, videos=count)


def _check_balance(estimate: Estimate | None, count: int, balance: float | None) -> None:
    whole = estimate.credits * count if estimate else 0.0
    if balance is not None and whole > balance:
        raise BudgetExceeded(
            f"Your balance of {balance:g} credits does not cover {whole:g}.",
            hint="choose a shorter or smaller video, or buy credits at https://kie.ai",
        )


def _made(draft: Draft, picture: Picture | None) -> list[RunRow]:
    """The runs that there are already, as far as the picture is known; an address counts as all that it has served."""
    pictures: list[ImageIdentity | None] = [picture.identity if picture else None]
    if not draft.image_field:
        pictures = [None]
    elif picture is None:
        if not is_url(draft.source):
            return []
        session = get_session()
        channel = session.channel(settings_.current())
        pictures = [
            one.identity for one in recorded_pictures(str(draft.source), session.here, channel=channel)
        ]
    found = []
    for seed in draft.seeds:
        asked = (
            build_request(model=draft.model, image=image, seed=seed, **draft.fields) for image in pictures
        )
        row = next((row for request in asked if (row := standing_row(request))), None)
        found += [row] if row is not None else []
    return found
