"""Owners of runs for tests: one that has ended, by the process table of this machine, and one of whom nothing is known."""

from kie_nb.ledger import owner


def dead():
    """The columns of an owner whose process has ended: the number of this one, and another start."""
    return {"owner": "0" * 32, "owner_hint": f"{owner.hint().rpartition('|')[0]}|1"}


def unseen():
    """The columns of an owner that is on another machine, and may be alive."""
    return {"owner": "1" * 32, "owner_hint": "another-boot|1.2|7|100"}
