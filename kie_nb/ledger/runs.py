"""Runs in the ledger: recorded before they are sent; each transition is one transaction with one event."""

from __future__ import annotations

import itertools
import logging
import time
import uuid
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from typing_extensions import Unpack

from ..errors import NOTHING, LedgerError
from ..keys import Secret
from ..notice import is_new
from . import money, owner, search_text, tallies
from .database import Database
from .experiments import ensure_cell
from .files import Files
from .image_registry import ImageRegistry
from .marks import MARKED, Change, marked, words_of
from .merging import billable_runs, put_back, stand_in
from .opening import file_identity, open_database
from .owner import LEASE_S, Driving, Leases
from .reading import add_step, steps_of
from .rows import NewRun, RunRow, Wanted, values_of
from .schema import CAME, now_in, run
from .search import Queries
from .states import RELEASED

log = logging.getLogger("kie_nb")

_SENT_AGAIN = "sent again as"
# A trigger that changes one of these could cause a duplicate submission, or pass a limit.
_KEPT_AS_WRITTEN = (
    *("id", "service", "account", "model", "fingerprint", "family", "active_key"),
    *("seed", "state", "estimate", "owner"),
)

# Built once: building and keying a statement costs more than SQLite takes to answer it.
_GET = sa.select(run).where(run.c.id == sa.bindparam("run_id"))
_UPDATE = run.update().where(run.c.id == sa.bindparam("run_id"))
# As `known` has it in what a move depends on; else it was moved since, and is read first.
_CHANGES_MOVE = ("state", "owner", "beat", "active_key", "credits")
_UPDATE_KNOWN = _UPDATE.where(
    *(run.c[name].is_not_distinct_from(sa.bindparam(f"known_{name}")) for name in _CHANGES_MOVE)
).returning(*run.c)
# A run that may be billed stands for its request even without its key: the file may come from a stranger.
_STANDS = sa.or_(run.c.active_key.is_not(None), run.c.state.not_in(("intent", *RELEASED)))
_LATEST = sa.select(run).where(_STANDS).order_by(run.c.active_key.is_(None), CAME.desc()).limit(1)
_STANDING_REQUEST = _LATEST.where(run.c.fingerprint == sa.bindparam("fingerprint"))
_STANDING_FAMILY = _LATEST.where(run.c.family == sa.bindparam("family"), run.c.seed_drawn.is_(True))
_OTHERS = sa.select(run.c.id).where(run.c.id != sa.bindparam("run_id"))
_HOLDER = _OTHERS.where(run.c.task_id == sa.bindparam("task_id"))
_TAKES = sa.select(sa.func.count()).select_from(run).where(run.c.fingerprint == sa.bindparam("fingerprint"))


class Ledger(Queries, ImageRegistry, money.Budgets, Driving):
    """The runs of one folder, or of a team. Safe to use from several threads, processes and, with a *url*, machines.

    Every method raises `LedgerError` if the database cannot be used.

    Args:
        home: The folder beside the notebook, with the files.
        url: The PostgreSQL database that a team shares, in place of a file in the home.
        lease_s: How long an owner of runs may give no sign of life; all who use the database must agree on it.
        cache: Where copies of its files are, if those are in a store.
    """

    def __init__(
        self,
        home: Path,
        *,
        url: str | Secret | None = None,
        lease_s: float = LEASE_S,
        cache: Path | None = None,
    ) -> None:
        self.home = home
        self.files = Files(home, cache=cache)
        self.leases = Leases(lease_s)
        self._listeners: list[Callable[[RunRow], None]] = []
        self._url = Secret(url) if isinstance(url, str) and url else url or None
        del url  # no frame of ours holds its password
        self._open()

    def _open(self) -> None:
        self._db, self._remarks = open_database(self.home, self._url)
        self._opened = file_identity(self._db)
        self._true_sums: set[tuple[str, str, str]] = set()  # service, scope and value of what was looked at
        if self._opened is not None:
            self._db.keep_open()
        self.read_clock()
        with self._db.read() as db:
            self._db.reading.look_for_doubtful(db)

    @property
    def database(self) -> Database:
        """Where it is kept."""
        return self._db

    @property
    def remarks(self) -> list[str]:
        """What the user should know: where it is stored, and what in it cannot be read, a line each."""
        return [*self._remarks, *self._db.reading.remarks]

    def remark(self, text: str) -> None:
        """Something else that the user should know."""
        if text not in self._remarks:
            self._remarks.append(text)

    def untold(self) -> tuple[str, ...]:
        """The remarks not reported yet; each is returned once per process."""
        return tuple(text for text in self.remarks if is_new((self.home, text)))

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def ensure_in_place(self) -> None:
        """Open again if the file was removed or replaced: writes into a deleted file would be lost.

        What this process has under way goes along: it is paid for, and would be bought again.
        """
        if self._opened != file_identity(self._db):
            rows = billable_runs(self._db, owner.me())
            self._db.close()
            self._open()
            is_in_store = self.files.cache is not None  # whose files need not be on this disk
            kept = [
                row
                for row in rows
                if row.state != "fetched" or is_in_store or any(map(self.files.find_kept, row.files[:1]))
            ]
            put_back(self._db, kept)

    def intend(
        self,
        new: NewRun,
        *,
        fresh: bool = False,
        instead_of: RunRow | None = None,
        cell_terms: money.CellTerms | None = None,
    ) -> tuple[RunRow, bool]:
        """Record the intention, or find the run that already stands for this request.

        With a seed of the user's own the whole request must be the same; with a drawn one, an earlier run whose seed was
        drawn stands for it: running a cell again must not pay again.

        Args:
            fresh: Write a new one whatever there is.
            instead_of: It is sent again in place of this run: once, however many ask for it at the same moment.
            cell_terms: It is bought as a cell of its experiment, on these terms.

        Returns:
            The run, and whether it is new.

        Raises:
            BudgetExceeded: a limit of the user's own would be passed; nothing is written.
            InvalidRequest: it is no cell of its experiment any more; nothing is written.
        """
        if self._db.refusal is not None and not fresh and (known := self.standing(new)) is not None:
            return known, False  # where nothing can be written, what was bought is still shown
        false_sums = self._false_sums(new)
        with self._db.write() as db:
            for scope in false_sums:
                money.recount(db, scope)
            if not fresh and (standing := self._standing(db, new)) is not None:
                return standing, False
            if instead_of is not None and (other := self._settled(db, instead_of)) is not None:
                return other, False
            moment = now_in(db)
            where = new.scopes | {"day": moment[:10]}
            if cell_terms is not None:
                ensure_cell(db, new)
            money.keep(db, new.service, new.estimate, where, cell_terms)
            take = db.execute(_TAKES, {"fingerprint": new.fingerprint}).scalar_one()
            run_id = uuid.uuid4().hex[:12]
            key = f"{new.fingerprint}:{take}"
            values = {name: getattr(new, name) for name in NewRun.__slots__} | {"files": (), "beat": 0}
            values |= {"id": run_id, "state": "intent", "active_key": key, "created_at": moment}
            db.execute(run.insert(), values)
            search_text.add(db, [values])
            add_step(db, run_id, None, "intent", {"estimate": new.estimate})
            if instead_of is not None:
                add_step(db, instead_of.id, instead_of.state, instead_of.state, {_SENT_AGAIN: run_id})
            found = self._get(db, run_id)
            if found is None or any(getattr(found, name) != values[name] for name in _KEPT_AS_WRITTEN):
                raise LedgerError(
                    f"The database {self._db.name} changes what is written into it: nothing was sent.",
                    hint=f"drop its triggers and rules, or choose another with {self._db.setting}",
                    charged=NOTHING,
                )
            tallies.count(db, (None, found))
        return found, True

    def _false_sums(self, new: NewRun) -> list[str]:
        """The scopes whose kept sums are not those of the runs; looked at once, and in a file alone, which may be a stranger's."""
        where = new.scopes | {"day": self.now().date().isoformat()}
        untried = {(new.service, scope, value) for scope, value in where.items() if value} - self._true_sums
        if self._db.is_shared or not untried:
            return []
        try:
            with self._db.read() as db:
                found = [
                    scope for _, scope, value in untried if not money.is_true(db, new.service, scope, value)
                ]
        except LedgerError:  # said where a purchase is counted: what was bought is shown all the same
            return []
        self._true_sums |= {one for one in untried if one[1] not in found}
        return found

    def standing(self, new: Wanted) -> RunRow | None:
        """The run that already stands for this request, if there is one; LedgerError if one that may cannot be read."""
        began = time.monotonic()
        with self._db.read() as db:
            row = self._standing(db, new)
        self.leases.saw(began, row)
        return row

    def later(self, row: RunRow) -> RunRow | None:
        """A run of the same request that was begun after *row*, and stands for it or may be billed."""
        with self._db.read() as db:
            return self._later(db, row)

    def _settled(self, db: sa.Connection, row: RunRow) -> RunRow | None:
        """The current state of *row* if it was settled since, or the run that was begun after it."""
        now = self._get(db, row.id)
        return now if now is not None and now.state not in tallies.AT_RISK else self._later(db, row)

    def _later(self, db: sa.Connection, row: RunRow) -> RunRow | None:
        named = [(entry["evidence"] or {}).get(_SENT_AGAIN) for entry in steps_of(db, row.id)]
        came = db.execute(sa.select(CAME).where(run.c.id == row.id)).scalar() or 0
        others = (run.c.fingerprint == row.fingerprint, run.c.active_key.is_not(None), run.c.id != row.id)
        later = sa.or_(came < CAME, run.c.id.in_([run_id for run_id in named if run_id]))
        query = sa.select(run).where(*others, later).order_by(CAME.desc())
        return self._db.reading.run(db.execute(query).mappings().first())

    def _standing(self, db: sa.Connection, new: Wanted) -> RunRow | None:
        if new.seed_drawn:
            found = db.execute(_STANDING_FAMILY, {"family": new.family}).mappings().first()
        else:
            found = db.execute(_STANDING_REQUEST, {"fingerprint": new.fingerprint}).mappings().first()
        return self._db.reading.standing(found, new)

    def move(self, run_id: str, to: str, **step: Any) -> RunRow | None:
        """`moved`, in a transaction of its own; the committed row is published."""
        with self._db.write() as db:
            row = self.moved(db, run_id, to, **step)
        if row is not None:
            self.publish(row)
        return row

    def moved(
        self,
        db: sa.Connection,
        run_id: str,
        to: str,
        *,
        expect: Collection[str],
        evidence: dict[str, Any] | None = None,
        owner: str | None = None,
        hand_to: str | None = None,
        alone: bool = False,
        release: bool = False,
        stamp: str | None = None,
        known: RunRow | None = None,
        **changes: Any,
    ) -> RunRow | None:
        """One transition to the state *to*, with its event, inside a transaction of the caller's.

        Args:
            db: The transaction.
            run_id: Which run.
            to: The state after it.
            expect: States it may come from.
            evidence: How it is known, for the history.
            owner: If given, only this owner may make it.
            hand_to: Who drives it from now on, if that changes.
            alone: Not if another run has the `task_id` that it is to have.
            release: The run no longer stands for its request, which may then be sent anew.
            stamp: A column that gets the present moment.
            known: The run as it was seen last: it is not read again if it is still that.
            **changes: Columns that change with it.

        Returns:
            The run after it, or None if it is not (or no longer) in one of the expected states.
        """
        seen = [known] if known is not None and not alone else []
        for last in itertools.chain(seen, self._reads(db, run_id)):
            before = last
            if before.state not in expect or (owner is not None and before.owner != owner):
                continue
            if alone and db.execute(_HOLDER, {"run_id": run_id, "task_id": changes["task_id"]}).first():
                return None
            values = {**changes, "state": to, **({"active_key": None} if release else {})}
            if changes.get("task_id") and before.active_key is None and not release:
                # Written off, and its task turns up: it stands for its request again, and its cell shows what was paid for.
                values["active_key"] = f"{before.fingerprint}:{run_id}"
            if hand_to is not None:
                values |= {"owner": hand_to, "beat": before.beat + 1}
            if stamp is not None:
                values[stamp] = now_in(db)
            if (change := self._written(db, before, values, is_sure=last is not known)) is None:
                continue
            before, after = change
            tallies.count(db, change)
            if to != before.state or evidence:
                add_step(db, run_id, before.state, to, evidence)
            if release and before.active_key is not None:
                stand_in(db, before)
            return after
        return None

    def _reads(self, db: sa.Connection, run_id: str) -> Iterator[RunRow]:
        """The run, if there is one, read when it is asked for."""
        if (found := self._get(db, run_id)) is not None:
            yield found

    def _written(
        self, db: sa.Connection, before: RunRow, values: dict[str, Any], *, is_sure: bool
    ) -> tuple[RunRow, RunRow] | None:
        """The run before and after *values* are written; None if *before* is not *is_sure*, and it is another by now."""
        after = replace(before, **values)  # before the write: a column that does not exist spoils all of it
        # Named columns keep the statement's compiled form in SQLAlchemy's cache; this is the ledger's hot path.
        asked = {"run_id": before.id, **values}
        if is_sure:
            db.execute(_UPDATE, asked)
            return before, after
        asked |= {f"known_{name}": getattr(before, name) for name in _CHANGES_MOVE}
        now = self._db.reading.sure(db.execute(_UPDATE_KNOWN, asked).mappings().first())
        # What people say of it may have changed since, which is none of a move's business.
        return (replace(now, **{name: getattr(before, name) for name in values}), now) if now else None

    def mark(self, run_id: str, **change: Unpack[Change]) -> RunRow | None:
        """Change what people say of a run, as it is by then; recorded as an event too, and published."""
        with self._db.write() as db:
            before = self._get(db, run_id)
            if before is None:
                return None
            if (words := marked(was := words_of(before), change)) == was:
                return before
            after = replace(before, **words)
            db.execute(_UPDATE, {"run_id": run_id, **words})
            search_text.keep(db, values_of(after))
            add_step(db, run_id, before.state, before.state, {MARKED: change})
        self.publish(after)
        return after

    def note_step(self, run_id: str, evidence: dict[str, Any]) -> None:
        """Append to the history of a run what was done with it; its state stays."""
        with self._db.write() as db:
            if (before := self._get(db, run_id)) is not None:
                add_step(db, run_id, before.state, before.state, evidence)

    def add_origin(self, run_id: str, **facts: Any) -> None:
        """Add to the provenance of a run."""
        with self._db.write() as db:
            if (before := self._get(db, run_id)) is not None:
                db.execute(_UPDATE, {"run_id": run_id, "origin": {**(before.origin or {}), **facts}})

    def get(self, run_id: str) -> RunRow | None:
        """The run with this id; UnreadableRun if it is there, and is not what a run can be."""
        began = time.monotonic()
        with self._db.read() as db:
            row = self._db.reading.sure(db.execute(_GET, {"run_id": run_id}).mappings().first())
        self.leases.saw(began, row)
        return row

    def events(self, run_id: str) -> list[dict[str, Any]]:
        """The history of a run, oldest first."""
        with self._db.read() as db:
            return steps_of(db, run_id)

    def _get(self, db: sa.Connection, run_id: str) -> RunRow | None:
        return self._db.reading.run(db.execute(_GET, {"run_id": run_id}).mappings().first())

    def listen(self, listener: Callable[[RunRow], None]) -> None:
        """Call *listener* with each row that is published, on the thread that publishes it; an error in it is logged."""
        self._listeners.append(listener)

    def publish(self, row: RunRow) -> None:
        """Tell the listeners that *row* is committed: moved here, or read and found changed by another process."""
        for listener in self._listeners:
            try:
                listener(row)
            except Exception:
                log.exception("a listener of run %s failed", row.id)  # must not stop a paid run
