"""A channel: one service with one account, its client on the dispatcher's loop and its rate gate."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import secrets
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from .. import settings as settings_
from ..bounds import Balance, Moment
from ..errors import KieError, LedgerError, RateLimited
from ..keys import SIMULATORS, Secret
from ..ledger import Grant, GrantStore, RunRow, SendDecision, owner
from ..ledger.states import State
from ..service import Client
from ..settings import Settings
from .dispatcher import Dispatcher, before_exit
from .record import Record
from .timing import Timing


class _Kept(TypedDict):
    credits: Balance
    at: Moment


_READING = TypeAdapter(_Kept)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """A balance, in credits (1 credit = US$0.005), and when it was read (UTC)."""

    credits: float
    at: dt.datetime

    def to_json(self) -> dict[str, Any]:
        """As the ledger's history keeps it."""
        return {"credits": self.credits, "at": self.at.isoformat(timespec="microseconds")}

    @classmethod
    def from_json(cls, kept: Any) -> Reading | None:
        """What `to_json` gave; None for anything else."""
        try:
            read = _READING.validate_python(kept)
        except ValidationError:
            return None
        return cls(credits=read["credits"], at=dt.datetime.fromisoformat(read["at"]))


SHORTEST_PAUSE_S = 0.01


def shared_account(limit: int) -> str:
    """That another client of the account makes tasks too, in words."""
    most = f"at most {limit} new task{'' if limit == 1 else 's'}"
    return f"Rate limited, perhaps by another program on this account: {most} in {settings_.WINDOW_S:g} s for some minutes"


@contextlib.asynccontextmanager
async def holding(
    grant: Grant, grants: GrantStore, account: str, pause_s: float, blocking: Callable[..., Awaitable[Any]]
) -> AsyncIterator[None]:
    """Hold a rate grant for one create until its reply; a rate-limit refusal pauses all creates of the account."""
    try:
        yield
    except RateLimited:
        with contextlib.suppress(LedgerError):
            await blocking(grants.pause, account, pause_s)
        raise
    finally:
        # The service has answered: trouble with a rate file must not lose its answer. The slot frees itself in time.
        with contextlib.suppress(Exception):
            await blocking(grants.replied, grant)


class Channel:
    """What several runs share: connection, account, and the right to send."""

    def __init__(
        self,
        settings: Settings,
        dispatcher: Dispatcher,
        grants: GrantStore,
        timing: Timing,
        clock: Callable[[], dt.datetime],
    ) -> None:
        self.settings = settings
        self.timing = timing
        self.patience = timing.patience
        self.service = settings.service
        self.account = settings.account
        self.base_url = settings.base_url
        self.upload_url = settings.upload_url
        self._dispatcher = dispatcher
        self._grants = grants
        self._clock = clock
        self._client: Client | None = None
        self._gate = asyncio.Lock()  # first come, first sent
        self._opening = asyncio.Lock()
        self._counting = asyncio.Lock()
        self._uploading: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._reading: Reading | None = None
        self._read_at = 0.0
        self._silent_until = 0.0
        self.why_no_balance = ""  # the last time that it was not said

    @property
    def identity(self) -> str:
        """Who answers, as requests are told apart by: another address than Kie's own may be anybody."""
        is_usual = self.service == "simulator" or self.settings.base_url == settings_.KIE_BASE_URL
        return self.service if is_usual else f"{self.service}@{self.settings.base_url}"

    @property
    def own(self) -> tuple[str, str]:
        """The addresses of the service itself, which may be on this machine: what it names there may be fetched."""
        return (self.base_url, self.upload_url)

    async def client(self) -> Client:
        """The client, opened at first use."""
        async with self._opening:
            if self._client is None:
                current = self.settings
                if current.embedded:
                    where = await asyncio.to_thread(embedded_simulator, current.home, current.simulator_speed)
                    self.base_url, self.upload_url, key = where
                else:
                    key = settings_.require_key(current) if self.service == "kie" else SIMULATORS
                urls = {"base_url": self.base_url, "upload_url": self.upload_url}
                self._client = await Client(key, **urls, patience=self.patience).__aenter__()
            return self._client

    def forget_balance(self) -> None:
        """A task has ended and may have been billed: the next look is a new one, whatever age would do."""
        self._reading = None

    async def balance(self, *, max_age_s: float) -> Reading | None:
        """The balance as it was at most *max_age_s* ago; None if the service does not say so within a few seconds."""
        async with self._counting:
            clock = asyncio.get_running_loop().time
            if self._reading is not None and clock() - self._read_at <= max_age_s:
                return self._reading
            if clock() < self._silent_until:
                return None
            try:
                client = await self.client()
                found = await asyncio.wait_for(client.credits(), self.timing.balance_wait_s)
            except KieError as exc:
                self.why_no_balance = exc.message
            except TimeoutError:
                self.why_no_balance = f"no answer within {self.timing.balance_wait_s:g} s"
            else:
                self._read_at = clock()
                # All machines that use the account compare their readings: by the clock of their ledger.
                at = await self._dispatcher.ledger(self._clock)
                self._reading = Reading(credits=found, at=at)
                return self._reading
            self._silent_until = clock() + self.timing.balance_rest_s
            return None

    @contextlib.asynccontextmanager
    async def uploading(self, sha256: str) -> AsyncIterator[None]:
        """One upload of a picture at a time: a second request for it waits, then finds it uploaded."""
        async with self._uploading.setdefault(sha256, asyncio.Lock()):
            yield

    @contextlib.asynccontextmanager
    async def permission(
        self, run: Record, balance: Reading | None, say: Callable[[str], None]
    ) -> AsyncIterator[RunRow | None]:
        """The right to send the create of a run, and its step to `sending`: both or neither.

        The right counts across all kernels of the account until 10 s after the reply. The step is the one that two drivers
        must never both make: from the intent only, by its owner only; None if another process owns it by now, or the
        process has begun to end.

        Args:
            balance: The account's balance before it, kept as evidence should the answer be lost.
            say: Called with why it waits, where that is another client of the account.
        """
        decision = await self._take(run, balance, say)
        if decision.grant is None:
            yield None
            return
        pause_s = self.timing.rate_pause_s
        async with holding(decision.grant, self._grants, self.account, pause_s, self._dispatcher.ledger):
            yield decision.row

    async def _take(self, run: Record, balance: Reading | None, say: Callable[[str], None]) -> SendDecision:
        asked: dict[str, Any] = {"account": self.account, "window_s": settings_.WINDOW_S, "owner": owner.me()}
        if balance is not None:
            asked |= {"balance_before": balance.credits, "evidence": {"balance_before": balance.to_json()}}
        async with self._gate:
            while True:
                if self._dispatcher.is_ending:  # its answer might come too late to be recorded
                    return SendDecision()
                step = {"to": State.SENDING, "expect": {State.INTENT}, "stamp": "sent_at", "known": run.row}
                limit = self.settings.creates_per_window
                decision = await self._dispatcher.ledger(
                    self._grants.send, run.ledger, run.id, **step, limit=limit, **asked
                )
                if decision.wait_s is None:
                    return decision
                if decision.limit < limit:
                    say(shared_account(decision.limit))
                await asyncio.sleep(max(SHORTEST_PAUSE_S, decision.wait_s))

    def is_own_address(self, url: str | None) -> bool:
        """Whether the service itself handed out *url*."""
        return bool(url) and any(str(url).startswith(f"{base}/") for base in (self.base_url, self.upload_url))

    def is_upload_address(self, url: str) -> bool:
        """Whether *url* is where this service keeps uploads: at its own address, or at a host of the uploads' domain."""
        if self.is_own_address(url):
            return True
        host, own = (urlsplit(one).hostname or "" for one in (url, self.upload_url))
        domain = ".".join(own.split(".")[-2:])
        is_domain = "." in own and not own[-1].isdigit()
        return url.startswith("https://") and is_domain and host.endswith(f".{domain}")


_simulators: dict[Path, object] = {}
# Only the package's own client has it; pages and other users of the machine can reach the port too.
_SIMULATOR_KEY = Secret(secrets.token_urlsafe(32))
_lock = threading.Lock()


def embedded_simulator(home: Path, speed: float) -> tuple[str, str, Secret]:
    """Start the simulator of *home* inside this process, once, and say where it answers, and to which key.

    Its tasks are kept in the home: a kernel that dies and starts again finds them going on, as it would at the real service.
    """
    with _lock:
        found = _simulators.get(home)
        if found is None:
            from ..simulator import Simulator

            folder, keys = home / "simulator", {_SIMULATOR_KEY.reveal()}
            try:
                found = Simulator(state_dir=folder, speed=speed, credits=100_000.0, keys=keys).start()
            except OSError as exc:
                hint = "check the rights of the folder; one that came from somebody else can be moved away"
                raise KieError(
                    f"The simulator could not start: {exc}.", hint=hint, charged="nothing"
                ) from exc
            before_exit(found.stop)
            _simulators[home] = found
        return found.base_url, found.upload_url, _SIMULATOR_KEY  # type: ignore[attr-defined]
