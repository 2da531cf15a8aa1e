"""What the fifth version adds, frozen: which copies of ledgers in the home were taken in."""

from __future__ import annotations

STATEMENTS = ("CREATE TABLE home_copy (name VARCHAR PRIMARY KEY, mark VARCHAR)",)
