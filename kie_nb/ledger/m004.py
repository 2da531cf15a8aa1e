"""What the fourth version adds, frozen: where a run was asked for."""

from __future__ import annotations

STATEMENTS = ("ALTER TABLE run ADD COLUMN origin JSON",)
