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
from ...ledger.states import State
from ...markup import ROOT, Html, html, joined
from ...requests import provenance
from ...requests.image_urls import recorded_pictures
from ...requests.images import Picture
from ...requests.prepare import check_limit
from ...requests.sources import is_url
from .. import page
from ..run_cell import standing_row
from .draft import Draft

MADE = "this was asked for before: Generate shows it and spends nothing"
UNSURE = "this was asked for before and may be billed: settle it in the queue, or choose another seed"


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
        words: The estimate.
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

    def html(self, balance: float | None, *, is_free: bool, why: str = "") -> Html:
        """The same with the balance, in credits, or why it is not known."""
        unknown = f"balance not known: {why}" if why else "balance not known"
        known = unknown if balance is None else f"balance {balance:,.10g} credits"
        parts = (self.words, known, "free: simulated" if is_free else "")
        line = joined((part for part in parts if part), page.GAP)
        off = html('<div role="status" style="{}">{}</div>', page.LINES, page.wrong(self.refusal))
        style = "margin-left:8px;overflow-wrap:anywhere"
        return html('<div {} style="{}">{}{}</div>', ROOT, style, line, off if self.refusal else "")


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
    raise InvalidRequest(
        f"The form has changed since its price was shown: nothing was sent. What it asks for now: {_estimated(each, missing)}.",
        hint="look at the price and press Generate again",
    )


def _estimated(each: Estimate | None, count: int) -> str:
    if each is None:
        return "a price that is not known here"
    runs = f" for {count} runs" if count > 1 else ""
    return f"estimate {page.money(each.credits * count)}{runs}"


def price(draft: Draft, picture: Picture | None, balance: float | None) -> Priced:
    """Look at *draft*, of whose picture so much is known, with this *balance*, in credits."""
    try:
        made = _made(draft, picture)
    except InvalidRequest:
        made = []  # it is told at its field
    unsettled = next((row for row in made if row.state == State.UNKNOWN), None)
    if unsettled is not None:
        return Priced(words=f"not known whether run {unsettled.id[:8]} was billed", refusal=UNSURE)
    missing = draft.count - len(made)
    if not missing:
        return _made_before(draft, picture)
    estimate = draft.estimate
    words = _estimated(estimate, missing) if estimate else "price not known here"
    try:
        check_money(estimate, missing)
        _check_balance(estimate, missing, balance)
    except BudgetExceeded as exc:
        return Priced(words=words, refusal="\n".join(line.strip() for line in exc.lines()))
    return Priced(words=words, missing=missing, each=estimate)


def _made_before(draft: Draft, picture: Picture | None) -> Priced:
    """Nothing is spent; but what an address serves is known only when it is asked."""
    if picture is not None or not draft.image_field:
        return Priced(words=MADE)
    each = draft.estimate
    words = f"{MADE}, unless its address serves another picture now: then {_estimated(each, draft.count)}"
    return Priced(words=words, missing=draft.count, each=each)


def check_money(estimate: Estimate | None, count: int) -> None:
    """Refuse, in the words of the magic, if limits and budgets leave no room for *count* runs of *estimate*."""
    current = settings_.current()
    check_limit(estimate, current.max_credits, "the limit of configure(max_credits=...)")
    whole = estimate.credits * count if estimate else None
    scopes = {"notebook": provenance.notebook(), "experiment": None}
    get_session().here.check_limits(current.service, whole, scopes)


def _check_balance(estimate: Estimate | None, count: int, balance: float | None) -> None:
    whole = estimate.credits * count if estimate else 0.0
    if balance is not None and whole > balance:
        raise BudgetExceeded(
            f"the balance of {balance:g} credits does not cover the estimate of {whole:g}.",
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
