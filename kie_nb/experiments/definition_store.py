"""The stored definition of an experiment: keeps the cells bought under its name, and draws a seed once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from ..errors import InvalidRequest
from ..ledger import Experiments
from .cell_requests import Cells, with_seed
from .definition import SHOWN_DIFFERENCES, Definition, differences

Stored = Mapping[str, Any] | None
Places = Mapping[str, Mapping[str, Any]]
Change = tuple[Mapping[str, Any], Places] | None


def keep(
    store: Experiments, asked: Definition, cells: Cells, *, extend: bool, drawn: bool
) -> tuple[Definition, Cells]:
    """Store *asked* and its cells, or refuse a definition that differs from the stored one, in one transaction.

    Args:
        extend: Keep the earlier cells too. They stay in the ledger under this name; the grid is the new one's.
        drawn: The user gave no seed: the stored one counts.

    Returns:
        What is stored now, with its seed.

    Raises:
        InvalidRequest: the experiment of this name asked for something else; nothing was sent.
    """

    def decide(stored: Stored, before: Places) -> Change:
        nonlocal asked, cells
        if drawn:
            asked, cells = _with_stored_seed(asked, cells, stored)
        refused = None if extend else refusal(asked, stored, before, cells)
        if refused is not None:
            raise refused
        definition, ours = asked.to_json(), {fingerprint: cell.place for fingerprint, cell in cells.items()}
        places = ours if ours.keys() >= before.keys() else {**before, **ours}
        return None if places == before and stored == definition else (definition, places)

    store.change(asked.name, decide)
    return asked, cells


def keep_seed(store: Experiments, asked: Definition, cells: Cells) -> tuple[Definition, Cells]:
    """Store a drawn seed before a file names it: who draws one later gets it. Returns what `keep` does."""

    def decide(stored: Stored, _before: Places) -> Change:
        nonlocal asked, cells
        asked, cells = _with_stored_seed(asked, cells, stored)
        definition = asked.to_json()
        # Without cells: nothing was bought under this name, so that it may still ask for something else.
        return (definition, {}) if stored is None and "seed" in definition["fixed"] else None

    store.change(asked.name, decide)
    return asked, cells


def _with_stored_seed(asked: Definition, cells: Cells, stored: Stored) -> tuple[Definition, Cells]:
    fixed, seed = asked.grid.fixed, (stored or {}).get("fixed", {}).get("seed")
    if seed in {None, fixed.get("seed")}:
        return asked, cells
    grid = replace(asked.grid, fixed={**fixed, "seed": seed})
    return replace(asked, grid=grid), with_seed(cells, seed)


def refusal(
    asked: Definition, stored: Stored, before: Collection[str], cells: Cells
) -> InvalidRequest | None:
    """Why *asked* may not take the place of the *stored* definition; None where it may.

    Args:
        before: The fingerprints of the stored cells.
        cells: Those of *asked*, by fingerprint.
    """
    definition = asked.to_json()
    lost = sum(1 for fingerprint in before if fingerprint not in cells)
    # One that has grown by `extend` has earlier cells too; it is still the stored one.
    is_the_same = stored == definition and all(fingerprint in before for fingerprint in cells)
    if not lost or is_the_same:
        return None
    told = "; ".join(differences(stored or {}, definition)[:SHOWN_DIFFERENCES])
    has_picture = "image" in {**definition["fixed"], **definition["axes"]}
    unseen = (
        "a picture has other bytes than before"
        if has_picture
        else "what it leaves out has other defaults than before"
    )
    return InvalidRequest(
        f"the experiment {asked.name!r} asked for something else before ({told or unseen}): {lost} of its cells are not in this "
        "grid.",
        hint="extend=True keeps them and adds these; another name starts a new one",
    )
