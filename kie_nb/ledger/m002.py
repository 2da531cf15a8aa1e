"""What the second version adds, frozen: budgets, balances around a create, what people say of a run, and shared grants."""

from __future__ import annotations

STATEMENTS = (
    "ALTER TABLE run ADD COLUMN notebook VARCHAR",
    "ALTER TABLE run ADD COLUMN experiment VARCHAR",
    "ALTER TABLE run ADD COLUMN tags JSON",
    "ALTER TABLE run ADD COLUMN note VARCHAR",
    "ALTER TABLE run ADD COLUMN rating INTEGER",
    "ALTER TABLE run ADD COLUMN balance_before FLOAT",
    "ALTER TABLE run ADD COLUMN balance_after FLOAT",
    "CREATE INDEX run_created ON run (created_at)",
    "CREATE TABLE budget (scope VARCHAR PRIMARY KEY, credits FLOAT NOT NULL, set_at VARCHAR NOT NULL)",
)

# Only where several machines share the database; on one machine they are in a file that all ledgers of the user share.
SHARED_GRANTS = (
    "CREATE TABLE slot (id BIGSERIAL PRIMARY KEY, account VARCHAR NOT NULL, taken_at DOUBLE PRECISION NOT NULL, replied_at DOUBLE PRECISION)",
    "CREATE INDEX slot_account ON slot (account)",
    "CREATE TABLE pause (account VARCHAR PRIMARY KEY, until DOUBLE PRECISION NOT NULL)",
)
