"""The ledger's statements, compiled once in a process: each test opens ledgers of its own, and each would compile them anew; and their count."""

import contextlib

import sqlalchemy as sa
from sqlalchemy.util import LRUCache

_MOST = 2000
_make = sa.create_engine
_shared = {}


def share():
    """From now on all SQLite engines that read and write JSON alike have one dialect and one cache."""
    sa.create_engine = _engine


def _engine(url, **options):
    engine = _make(url, **options)
    if engine.dialect.name == "sqlite":
        json = tuple(options.get(name) for name in ("json_serializer", "json_deserializer"))
        dialect, cache = _shared.setdefault(json, (engine.dialect, LRUCache(_MOST)))
        engine.dialect = engine.pool._dialect = dialect
        engine._compiled_cache = cache
    return engine


@contextlib.contextmanager
def counted():
    """The statements of all databases from here on."""
    told = []

    def tell(_connection, _cursor, statement, *_more):
        told.append(statement)

    sa.event.listen(sa.engine.Engine, "before_cursor_execute", tell)
    try:
        yield told
    finally:
        sa.event.remove(sa.engine.Engine, "before_cursor_execute", tell)
