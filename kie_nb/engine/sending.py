"""Send a recorded run once: from the intent to the task id. Only a certain refusal is sent again (kie-api §5.3).

`Channel.permission` moves the run from intent to sending in the ledger before the first byte; only one driver can do that. A run
found in sending later is never sent: `recover` looks for its noted task, or records an unknown outcome.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import Mapping

from ..catalogue import ImageIdentity, Request, noun_of
from ..errors import (
    NOTHING,
    SIMULATED,
    KieError,
    NotSent,
    OutcomeUnknown,
    OutOfCredits,
    RateLimited,
    ServiceTrouble,
    without_frames,
)
from ..ledger import owner
from ..ledger.owner import elapsed_s
from ..ledger.states import State
from ..requests.images import upload_name
from ..service.callback_address import takes_token
from ..service.envelope import outcome_unknown
from .channel import Reading
from .transitions import OwnershipLost, Step, ToSend, noted_task

RATE_TRIES = 30  # each after the ten seconds that the gate keeps closed
UPLOAD_LIFE = dt.timedelta(hours=20)  # the docs say 24 h and 3 days; assume less than the shorter


class Sending(Step):
    """Uploads the media, waits for the right to send, and sends once."""

    async def send(self) -> None:
        """Send the run, or end it as not sent, refused or unknown and raise that; OwnershipLost if somebody else sends it, or it was cancelled."""
        to_send = self.drive.may_send
        if to_send is None:
            raise OwnershipLost
        counting = asyncio.get_running_loop().create_task(
            self.channel.balance(max_age_s=self.timing.balance_age_s)
        )
        try:
            await self.channel.client()  # one that cannot be opened is not tried again
            addresses = await self._addresses(to_send)
            call_back_url = await self._call_back_url(to_send.request)
            balance = await counting
            tries, refusals = iter(self.timing.connect_pauses_s), iter(range(RATE_TRIES))
            while True:
                try:
                    return await self._send_once(to_send.request, addresses, call_back_url, balance)
                except RateLimited:
                    if next(refusals, None) is None:
                        raise
                    self.say("The service is rate limiting; waiting for its window")
                except NotSent as exc:
                    pause = next(tries, None)
                    if pause is None:
                        raise
                    self.say(f"{exc.message} Trying again.")
                    await asyncio.sleep(pause)
        except KieError as exc:
            if self.run.state is State.INTENT:
                exc.charged = exc.charged or NOTHING
                await self.end(State.NOT_SENT, exc)
            raise
        finally:
            counting.cancel()

    async def recover(self) -> None:
        """Settle a run whose process died while sending, or before it recorded the reply; nothing is sent."""
        task_id = noted_task(self.channel.settings.state_home, self.run.id)
        if task_id is None:
            await self._unknown(outcome_unknown("the process ended while the request was under way"))
        else:
            evidence = {"because": "its task was noted"}
            await self.move_until_written(
                State.ACCEPTED, evidence=evidence, task_id=task_id, stamp="accepted_at"
            )

    async def _unknown(self, error: OutcomeUnknown) -> None:
        """Record that a task may exist; only then read the balance as evidence."""
        error.hint = f"`%kie show {self.run.id[:8]}` tells how to settle it; kie.get({self.run.id[:8]!r}).resend() asks, and sends it again"
        if self.run.service == "simulator":
            error.charged = SIMULATED
        await self.end(State.UNKNOWN, error)
        with contextlib.suppress(KieError):
            is_same = self.run.row.account == self.channel.account
            reading = await self.channel.balance(max_age_s=0.0) if is_same else None
            if reading is not None:
                evidence = {"balance_after": reading.to_json()}
                await self.move(State.UNKNOWN, evidence=evidence, balance_after=reading.credits)

    async def _call_back_url(self, request: Request) -> str | None:
        """The address that is sent: a receiver of ours gets a token of this run's alone, which is kept nowhere but as a hash."""
        address = request.call_back_url
        if address is None or not takes_token(address):
            return address
        mailbox = self.workspace.callbacks(self.channel.settings.state_home).mailbox
        try:
            return address + await asyncio.to_thread(mailbox.expect, self.run.id)
        except OSError as exc:
            self.say(f"No callback is asked for: {exc.strerror or exc}. The task is polled")
            return None

    async def _send_once(
        self,
        request: Request,
        addresses: Mapping[str, str],
        call_back_url: str | None,
        balance: Reading | None,
    ) -> None:
        image = request.image
        inputs = request.wire_input(addresses[image.sha256] if image else None, addresses)
        client = await self.channel.client()
        began = elapsed_s()
        async with self.channel.permission(self.run, balance, self.say) as row:
            # From here on a crash means "perhaps": the ledger says so before the first byte leaves.
            if row is None:
                raise OwnershipLost
            # After a long wait or a stopped process, another process may have taken this one for dead, recorded an
            # unknown outcome, and sent the request again.
            is_late = elapsed_s() - began > self.ledger.leases.lease_s / 2
            if is_late and not await self.db(self.ledger.renew, [self.run.id], owner.me()):
                raise OwnershipLost
            try:
                task_id = await client.create(
                    request.model, inputs, call_back_url=call_back_url, patience_s=0
                )
            except (RateLimited, NotSent) as exc:
                await self.move_until_written(State.INTENT, evidence={"because": exc.message})
                raise
            except OutcomeUnknown as exc:
                await self._unknown(exc)
                raise
            except KieError as exc:
                if isinstance(exc, OutOfCredits):
                    exc.message += await self._have_and_need()
                await self.end(State.REFUSED, exc)
                raise
            except Exception as exc:
                without_frames(exc)
                error = outcome_unknown(f"{type(exc).__name__} in mid-request")
                await self._unknown(error)
                raise error from exc
            await self._accepted(task_id)

    async def _accepted(self, task_id: str) -> None:
        """Record the task id; if the ledger cannot take it, note it elsewhere and show it."""
        self.say("")
        try:
            await self.move_until_written(
                State.ACCEPTED, is_answer=True, task_id=task_id, stamp="accepted_at"
            )
        except Exception as exc:  # a database error must not hide what the service has said
            why = f"its task {task_id} was accepted and could not be written down ({type(exc).__name__})"
            error = outcome_unknown(why)
            self.note_task(task_id)
            await self._unknown(error)
            raise error from exc

    async def _have_and_need(self) -> str:
        estimate = self.run.estimate
        need = f" This run needs about {estimate.credits:g} credits" if estimate else ""
        balance = await self.channel.balance(max_age_s=0.0) if need else None
        have = f"; the balance is {balance.credits:g}" if balance else ""
        return f"{need}{have}." if need else ""

    async def _addresses(self, to_send: ToSend) -> dict[str, str]:
        """Where each medium is for the service, by its sha256; uploaded once per content."""
        found: dict[str, str] = {}
        for _role, one in to_send.request.all_media:
            content = to_send.contents.get(one.sha256)
            if one.sha256 in found:
                continue
            if content is not None:
                async with self.channel.uploading(one.sha256):
                    found[one.sha256] = await self._uploaded(one, content)
            elif one.url:
                found[one.sha256] = one.url
            else:  # without it the create would be billed, and for another video
                raise NotSent(f"The file {one.label} is missing.", hint="run the cell again")
        return found

    async def _uploaded(self, image: ImageIdentity, content: bytes) -> str:
        known = await self.db(self.ledger.find_upload, self.channel.account, image.sha256)
        client = await self.channel.client()
        # Otherwise it is an embedded simulator's on another port, or a foreign ledger names another picture.
        if known and self.channel.is_upload_address(known.url):
            age = self.ledger.now() - dt.datetime.fromisoformat(known.uploaded_at)
            if dt.timedelta(0) <= age < UPLOAD_LIFE:
                return str(known.url)
        for pause in (*self.timing.upload_pauses_s, None):
            try:
                done = await client.upload(content, upload_name(image), mime=image.mime)
                break
            except (ServiceTrouble, RateLimited) as exc:
                if pause is None:
                    raise NotSent(
                        f"The {noun_of(image)} could not be uploaded: {exc.message}",
                        hint="run the cell again",
                    ) from exc
                self.say(f"{exc.message} Uploading again.")
                await asyncio.sleep(self.timing.rate_pause_s if isinstance(exc, RateLimited) else pause)
        await self.db(self.ledger.remember_upload, self.channel.account, image.sha256, done.url)
        return done.url
