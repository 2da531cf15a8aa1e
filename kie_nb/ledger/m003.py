"""What the third version adds, frozen: experiments and their cells."""

from __future__ import annotations

STATEMENTS = (
    "CREATE TABLE experiment (name VARCHAR, service VARCHAR, definition JSON NOT NULL, made_at VARCHAR NOT NULL, changed_at VARCHAR NOT NULL, PRIMARY KEY (name, service))",
    "CREATE TABLE cell (experiment VARCHAR, service VARCHAR, fingerprint VARCHAR, place JSON NOT NULL, position INTEGER NOT NULL, PRIMARY KEY (experiment, service, fingerprint))",
)
