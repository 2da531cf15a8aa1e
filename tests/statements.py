"""The ledger's statements, compiled once in a process: each test opens ledgers of its own, and each would compile them anew."""

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
