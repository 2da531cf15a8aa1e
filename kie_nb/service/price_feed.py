"""The service's public price feed, which serves its own price page (kie-api §13): no key, and it may change or not answer."""

from __future__ import annotations

import datetime as dt
import json
import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from ..bounds import MAX_CREDITS, number_of, parsed, text_of
from ..errors import ServiceTrouble
from ..fileops import write_whole
from ..home import read_plain
from ..paths import make_private
from .reach import USER_AGENT, certificates

FILE = "prices.json"
PAGE, MOST_PAGES, MOST_BYTES = 100, 50, 4 << 20
WAIT_S, LONGEST_S = 20.0, 60.0  # for one answer to go on, and for all pages


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """A line of the feed: what it says of a model, and how many credits a unit of it costs."""

    model: str
    description: str
    credits: float
    unit: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Feed:
    """What the feed said on a day."""

    read_at: str
    lines: tuple[Listed, ...]


def read_feed(base_url: str, *, transport: httpx.BaseTransport | None = None) -> Feed:
    """All pages of the feed at *base_url*; ServiceTrouble where it does not answer, or not in its usual form."""
    found: dict[tuple[str, str], Listed] = {}
    end = time.monotonic() + LONGEST_S
    try:
        how: dict[str, Any] = {
            "timeout": WAIT_S,
            "headers": {"User-Agent": USER_AGENT},
            "verify": certificates(),
        }
        with httpx.Client(transport=transport, **how) as client:
            for page in range(1, MOST_PAGES + 1):
                body = {"pageNum": page, "pageSize": PAGE}
                where = f"{base_url.rstrip('/')}/client/v1/model-pricing/page"
                with client.stream("POST", where, json=body) as reply:
                    records, pages = _records(reply.status_code, _content(reply, end))
                found |= {(line.model, line.description): line for line in _lines(records)}
                if page >= pages:
                    break
    except httpx.HTTPError as exc:
        raise ServiceTrouble(f"The price feed does not answer ({type(exc).__name__}).", hint=_HINT) from exc
    if not found:
        raise ServiceTrouble("The price feed lists nothing.", hint=_HINT)
    now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    return Feed(
        read_at=now, lines=tuple(sorted(found.values(), key=lambda line: (line.model, line.description)))
    )


_HINT = "it is not an official interface; estimates go on by the list that came with kie_nb"


def _content(reply: httpx.Response, end: float) -> bytes:
    """The body; nothing of one that is too long, and ServiceTrouble for one that has not come by *end*."""
    content = bytearray()
    for part in reply.iter_bytes():
        content += part
        if time.monotonic() > end:
            raise ServiceTrouble(f"The price feed has not answered in {LONGEST_S:g} s.", hint=_HINT)
        if len(content) > MOST_BYTES:
            return b""
    return bytes(content)


def _records(status: int, content: bytes) -> tuple[list[Any], int]:
    try:
        told = parsed(content)
    except ValueError:
        told = None
    data = told.get("data") if isinstance(told, dict) else None
    if not isinstance(data, dict) or not isinstance(data.get("records"), list):
        code = told.get("code") if isinstance(told, dict) else status
        why = "not from here (your region)" if code == 4030 else f"in another form (code {code})"  # noqa: PLR2004
        raise ServiceTrouble(f"The price feed answers {why}.", hint=_HINT)
    pages = number_of(data.get("pages"), least=1, most=MOST_PAGES)
    total = number_of(data.get("total"), least=0, most=MOST_PAGES * PAGE)
    return data["records"], int(pages or math.ceil((total or 0) / PAGE))


def _lines(records: Iterable[Any]) -> Iterable[Listed]:
    for record in records:
        if not isinstance(record, dict):
            continue
        price = number_of(record.get("creditPrice"), least=0, most=MAX_CREDITS)
        description = text_of(record.get("modelDescription"), 300)
        if price is not None and description:
            model = _model_in(text_of(record.get("anchor"), 500))
            yield Listed(
                model=model,
                description=description,
                credits=price,
                unit=text_of(record.get("creditUnit"), 60),
            )


def _model_in(anchor: str) -> str:
    try:
        return parse_qs(urlsplit(anchor).query).get("model", [""])[0][:200]
    except ValueError:
        return ""


def changes(before: Feed | None, now: Feed) -> list[str]:
    """What is new, gone or at another price, a line each."""
    old = {(line.model, line.description): line for line in before.lines} if before else {}
    new = {(line.model, line.description): line for line in now.lines}
    told = []
    for key in sorted({*old, *new}):
        was, is_ = old.get(key), new.get(key)
        if was and is_ and (was.credits, was.unit) != (is_.credits, is_.unit):
            told.append(f"{is_.description}: {was.credits:g} → {is_.credits:g} credits {is_.unit}".rstrip())
        elif before and is_ and not was:
            told.append(f"{is_.description}: new, {is_.credits:g} credits {is_.unit}".rstrip())
        elif was and not is_:
            told.append(f"{was.description}: no longer listed")
    return told


def kept(folder: Path) -> Feed | None:
    """The feed as it was read last; None where none was, or the file is not ours."""
    try:
        told = parsed(read_plain(folder / FILE))
        lines = [Listed(**_checked(line)) for line in told["lines"]]
        return Feed(read_at=text_of(told["read_at"], 40), lines=tuple(lines))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def keep(folder: Path, feed: Feed) -> None:
    """Keep it in the user's own folder."""
    make_private(folder)
    write_whole(folder / FILE, json.dumps(asdict(feed), ensure_ascii=False, indent=1).encode())


def _checked(line: Mapping[str, Any]) -> dict[str, Any]:
    price = number_of(line["credits"], least=0, most=MAX_CREDITS)
    if price is None:
        raise ValueError("it has no price")
    return {name: text_of(line[name], 500) for name in ("model", "description", "unit")} | {"credits": price}
