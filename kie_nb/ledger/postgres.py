"""A team's ledger on a PostgreSQL server: the same tables, and one writer at a time as in SQLite."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from ..errors import LedgerError
from ..keys import Secret
from ..settings import connections
from ..tables import counted
from .database import BUSY_TIMEOUT_MS, Database
from .news import CHANNEL, ServerNews
from .reading import json_column, json_text

CONNECT_TIMEOUT_S = 10
OPEN_PAUSES_S = (0.2, 1.0, 3.0)  # a server that restarts is back in seconds
SETTLE_TRIES = 50
SETTLE_PAUSE_S = 0.2
# A kernel that is stopped in mid-transaction (a laptop's lid) must not hold the lock of the whole team.
IDLE_TIMEOUT_MS = BUSY_TIMEOUT_MS // 2
_LOCK_FAMILY = 0x6B69_655F  # "kie_": one lock per database and schema
_PASSING = ("starting up", "shutting down", "too many", "recovery mode", "administrator command")
# The limits are of this transaction: behind a pooler, what is set for a session is another client's. They are set before the wait
# for the lock begins, which depends on what they give. A request is on the server's disk before it is sent. coalesce: a lock with a null key is not a lock, and current_schema() may be null.
_HAVE_LOCK = f"""
    FROM (SELECT length(set_config('lock_timeout', '{BUSY_TIMEOUT_MS}', true)
        || set_config('idle_in_transaction_session_timeout', '{IDLE_TIMEOUT_MS}', true)
        || set_config('synchronous_commit', coalesce(nullif(current_setting('synchronous_commit'), 'off'), 'local'), true)) AS letters OFFSET 0) AS set_,
    LATERAL (SELECT pg_advisory_xact_lock({_LOCK_FAMILY} + 0 * letters, hashtext(coalesce(current_schema(), '')))) AS locked
"""
_LOCK = sa.text(f"SELECT txid_current() {_HAVE_LOCK}")
# Who listens is told when it is committed.
_LOCK_AND_TELL = sa.text(f"SELECT txid_current(), pg_notify('{CHANNEL}', '') {_HAVE_LOCK}")
ADDRESS = "it looks like postgresql+psycopg://user:password@host/database; without it the ledger is a file in KIE_NB_HOME"
# No prepared statements: a pooler in between may give each transaction another server process.
_OPTIONS = {"connect_timeout": CONNECT_TIMEOUT_S, "prepare_threshold": None, "application_name": "kie_nb"}
_SECRETS = ("password", "sslpassword")
_HELLO = sa.text("SELECT 1")


class Postgres(Database):
    """One schema of a PostgreSQL database, at an address as SQLAlchemy writes it."""

    is_shared = True
    setting = "KIE_NB_LEDGER"

    def __init__(self, url: Secret) -> None:
        parsed, hidden = _parse(url)
        self._secrets = list(hidden.values())
        # The rest is for listening. One stays open: a burst of threads waits for its turn.
        most = connections()
        engine = _engine(
            parsed, hidden, pool_size=1, max_overflow=max(0, most - 2), pool_timeout=BUSY_TIMEOUT_MS / 1000
        )
        self._looking = engine.execution_options(isolation_level="AUTOCOMMIT")
        alone = _engine(parsed, hidden, poolclass=sa.pool.NullPool).execution_options(
            isolation_level="AUTOCOMMIT"
        )
        self.news = ServerNews(alone.connect if most > 1 else None, self._look)
        place = parsed.set(password=None, query={}, drivername="postgresql").render_as_string()
        super().__init__(engine, place)

    def index_words(self) -> str | None:
        """Add the index that search takes, where it is missing; what its user should know where that cannot be."""
        with self.read() as db:
            if db.execute(sa.text("SELECT to_regclass('words_parts')")).scalar() is not None:
                return None
        try:
            with self.write() as db:
                db.execute(sa.text("CREATE EXTENSION IF NOT EXISTS pg_trgm"))
                columns = "prompt gin_trgm_ops, marks gin_trgm_ops"
                db.execute(sa.text(f"CREATE INDEX IF NOT EXISTS words_parts ON words USING gin ({columns})"))
        except LedgerError:
            return (
                f"The database {self.name} has no extension pg_trgm: search reads the words of all runs, and takes longer. "
                "Its owner can add it: CREATE EXTENSION pg_trgm."
            )
        return None

    @contextlib.contextmanager
    def _transaction(self, *, is_news: bool) -> Iterator[sa.Connection]:
        db, number = self._open(self._engine, _LOCK_AND_TELL if is_news else _LOCK)
        with db:  # which rolls back what was not committed
            yield db
            self._commit(db, number)

    @contextlib.contextmanager
    def _look(self) -> Iterator[sa.Connection]:
        db, _ = self._open(self._looking, _HELLO)
        with db:
            yield db

    @staticmethod
    def _open(engine: sa.Engine, first: sa.TextClause) -> tuple[sa.Connection, Any]:
        """A connection on which *first* was answered, and the answer; while a server restarts, and after a lost line, anew."""
        for pause in (*OPEN_PAUSES_S, None):
            db = None
            try:
                db = engine.connect()
                return db, db.execute(first).one()[0]
            except sa.exc.TimeoutError:
                raise _none_free() from None
            except BaseException as exc:
                if db is not None:
                    db.close()
                if pause is None or not _may_pass(exc, is_connected=db is not None):
                    raise
            time.sleep(pause)
        raise AssertionError  # the last try has returned or raised

    def _commit(self, db: sa.Connection, number: int) -> None:
        """Commit; if the line breaks just then, ask the server what came of it instead of guessing."""
        try:
            db.commit()
        except sa.exc.DBAPIError as exc:
            if not exc.connection_invalidated:
                raise
            db.close()  # its place is needed for the question
            if not self._was_committed(number):
                raise

    def _was_committed(self, number: int) -> bool:
        for _ in range(SETTLE_TRIES):
            with self._look() as db:
                status = db.execute(sa.text("SELECT txid_status(:number)"), {"number": number}).scalar()
            if status != "in progress":
                return bool(status == "committed")
            time.sleep(SETTLE_PAUSE_S)
        return False

    def _trouble(self, exc: sa.exc.DBAPIError) -> tuple[str, str]:
        hint = "check that the server of KIE_NB_LEDGER can be reached and that its user may write there"
        if getattr(exc.orig, "sqlstate", None) == "55P03":
            return f"another kernel has held it for {BUSY_TIMEOUT_MS // 1000} s", hint
        vars(exc.orig).pop("_pgconn", None)  # psycopg's errors carry the connection, and that its password
        said = " ".join(str(exc.orig).split()).rstrip(".")
        for secret in self._secrets:
            said = said.replace(secret.reveal(), "…") if secret.reveal() else said
        return said, hint


def _none_free() -> LedgerError:
    most = counted(connections(), "connection")
    words = f"No connection to the database of KIE_NB_LEDGER was free for {BUSY_TIMEOUT_MS // 1000} s: this kernel may have {most}."
    return LedgerError(words, hint="try again, or allow more with KIE_NB_CONNECTIONS")


def _may_pass(exc: BaseException, *, is_connected: bool) -> bool:
    if is_connected:
        return isinstance(exc, sa.exc.DBAPIError) and exc.connection_invalidated
    said = str(exc.orig) if isinstance(exc, sa.exc.OperationalError) else "FATAL"
    return "FATAL" not in said or any(word in said for word in _PASSING)  # a wrong password stays wrong


def _engine(parsed: sa.URL, hidden: dict[str, Secret], **pool: Any) -> sa.Engine:
    try:
        engine = sa.create_engine(
            parsed,
            json_serializer=json_text,
            json_deserializer=json_column,
            isolation_level="READ COMMITTED",  # each statement sees what was committed before the lock was had
            connect_args=_OPTIONS,
            **pool,
        )
    except ImportError:
        words = "A ledger on PostgreSQL needs a package that is not installed here."
        refused = LedgerError(words, hint='pip install "kie-nb[postgres]"')
    except Exception:  # noqa: BLE001 - SQLAlchemy's and the driver's words quote the address
        refused = LedgerError("KIE_NB_LEDGER is an address that cannot be used.", hint=ADDRESS)
    else:

        @sa.event.listens_for(engine, "do_connect")
        def _connect(dialect: Any, _record: Any, words: Any, options: Any) -> Any:
            # At the moment of connecting: the engine's address, which reporters of errors unfold, has no password.
            secrets = {name: each.reveal() for name, each in hidden.items()}
            return dialect.connect(*words, **options, **secrets)

        return engine
    raise refused  # not above: what was caught quotes the address


def _parse(url: Secret) -> tuple[sa.URL, dict[str, Secret]]:
    """The address, and the options of it that are secrets, which SQLAlchemy would show."""
    if _has_stray_at(url.reveal()):
        raise LedgerError(
            "KIE_NB_LEDGER has more than one @: its password and host cannot be told apart.",
            hint="write each @ of the password as %40",
        )
    try:
        parsed = sa.make_url(url.reveal())
    except (sa.exc.ArgumentError, ValueError):
        parsed = None
    if parsed is None or parsed.drivername.partition("+")[0] not in {"postgres", "postgresql"}:
        parsed = None  # in a traceback it would show what it took for a host
        # The text is not repeated: it may hold a password. Nor is the cause, for the same reason.
        raise LedgerError("KIE_NB_LEDGER is not the address of a PostgreSQL database.", hint=ADDRESS)
    told = {name: parsed.query.get(name) for name in _SECRETS}
    told["password"] = parsed.password or told["password"]
    hidden = {name: Secret(str(text)) for name, text in told.items() if text}
    shown = {name: getattr(parsed, name) for name in ("username", "host", "port", "database")}
    query = parsed.difference_update_query(_SECRETS).query
    return sa.URL.create("postgresql+psycopg", **shown, query=query), hidden


def _has_stray_at(url: str) -> bool:
    """Whether a password holds an @ as it is: what follows would be looked up as a host, and shown in the error."""
    rest = url.partition("://")[2].partition(":")[2]  # a name may hold one
    place, _, query = rest.partition("?")
    return f"{place}{query.partition('=')[0]}".count("@") > 1
