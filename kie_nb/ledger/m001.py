"""The tables of the first version, frozen: what they were, whatever `schema.py` says now."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

sa.Table(
    "run",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("service", sa.String, nullable=False),
    sa.Column("account", sa.String, nullable=False),
    sa.Column("model", sa.String, nullable=False),
    sa.Column("request", sa.JSON, nullable=False),
    sa.Column("fingerprint", sa.String, nullable=False),
    sa.Column("family", sa.String, nullable=False),
    sa.Column("live_key", sa.String, nullable=True),
    sa.Column("seed", sa.BigInteger, nullable=True),
    sa.Column("seed_drawn", sa.Boolean, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("task_id", sa.String, nullable=True),
    sa.Column("estimate", sa.Float, nullable=True),
    sa.Column("credits", sa.Float, nullable=True),
    sa.Column("urls", sa.JSON, nullable=True),
    sa.Column("video", sa.String, nullable=True),
    sa.Column("video_sha256", sa.String, nullable=True),
    sa.Column("video_bytes", sa.BigInteger, nullable=True),
    sa.Column("video_seconds", sa.Float, nullable=True),
    sa.Column("more_videos", sa.JSON, nullable=True),
    sa.Column("error", sa.JSON, nullable=True),
    sa.Column("created_at", sa.String, nullable=False),
    sa.Column("sent_at", sa.String, nullable=True),
    sa.Column("accepted_at", sa.String, nullable=True),
    sa.Column("started_at", sa.String, nullable=True),
    sa.Column("completed_at", sa.String, nullable=True),
    sa.Column("duration_s", sa.Float, nullable=True),
    sa.Column("owner", sa.String, nullable=True),
    sa.Column("lease_until", sa.String, nullable=True),
    sa.Column("made_by", sa.JSON, nullable=True),
    sa.Index("run_live_key", "live_key", unique=True),
    sa.Index("run_fingerprint", "fingerprint"),
    sa.Index("run_family", "family"),
    sa.Index("run_state", "state"),
    sa.Index("run_task", "task_id"),
)

sa.Table(
    "event",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", sa.String, nullable=False),
    sa.Column("run_id", sa.String, nullable=False),
    sa.Column("from_state", sa.String, nullable=True),
    sa.Column("to_state", sa.String, nullable=False),
    sa.Column("evidence", sa.JSON, nullable=True),
    sa.Index("event_run", "run_id"),
)

sa.Table(
    "upload",
    metadata,
    sa.Column("account", sa.String, primary_key=True),
    sa.Column("sha256", sa.String, primary_key=True),
    sa.Column("url", sa.String, nullable=False),
    sa.Column("uploaded_at", sa.String, nullable=False),
)

sa.Table(
    "picture_url",
    metadata,
    sa.Column("url", sa.String, primary_key=True),
    sa.Column("identity", sa.JSON, nullable=False),
    sa.Column("fetched_at", sa.String, nullable=False),
)
