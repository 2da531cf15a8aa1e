"""What the sixth version adds, frozen: each file of a run with its number, hash and size, and how many its task made."""

from __future__ import annotations

STATEMENTS = (
    "ALTER TABLE run ADD COLUMN files JSON",
    "ALTER TABLE run ADD COLUMN files_made INTEGER",
)
