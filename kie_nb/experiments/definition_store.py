"""The stored definition of an experiment: keeps the cells bought under its name, and draws a seed once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from ..errors import InvalidRequest
from ..ledger import Experiments
from .definition import SHOWN_DIFFERENCES, differences
from .plan import PlannedCell

Cells = Mapping[str, PlannedCell]


def keep(
    shelf: Experiments, name: str, definition: Mapping[str, Any], cells: Cells, *, extend: bool, drawn: bool
) -> int | None:
    """Write *definition* down, or refuse one that is not what was kept.

    Looking and writing are one step: of two processes that begin the same experiment, the second meets what the first has kept.

    Args:
        shelf: Where experiments are kept.
        name: Of the experiment.
        definition: What it asks for now.
        cells: Its cells by fingerprint.
        extend: Keep the earlier cells and add these. They stay in the ledger, as cells of *name*; the grid is the new one's.
        drawn: The user gave no seed: the one that is kept counts.

    Returns:
        The kept seed, where ours was drawn and another one was kept meanwhile: nothing was written, ask again with it.

    Raises:
        InvalidRequest: the experiment of this name asked for something else; nothing was sent.
    """
    ours: dict[str, dict[str, Any]] = {fingerprint: dict(cell.place) for fingerprint, cell in cells.items()}
    seed = definition["fixed"].get("seed")
    kept_seed: int | None = None

    def decide(
        kept: dict[str, Any] | None, before: dict[str, dict[str, Any]]
    ) -> tuple[Mapping[str, Any], Mapping[str, Mapping[str, Any]]] | None:
        nonlocal kept_seed
        there = (kept or {}).get("fixed", {}).get("seed")
        if drawn and there not in {None, seed}:
            kept_seed = there
            return None
        refused = None if extend else refusal(name, kept, before, definition, cells)
        if refused is not None:
            raise refused
        is_lost = any(fingerprint not in ours for fingerprint in before)
        places = {**before, **ours} if is_lost else ours
        return None if places == before and kept == definition else (definition, places)

    shelf.change(name, decide)
    return kept_seed


def refusal(
    name: str,
    kept: Mapping[str, Any] | None,
    before: Collection[str],
    definition: Mapping[str, Any],
    cells: Cells,
) -> InvalidRequest | None:
    """Why *definition* may not take the place of what is kept; None where it may.

    Args:
        name: Of the experiment.
        kept: The definition under this name, or None.
        before: The fingerprints of the cells that are kept.
        definition: What it asks for now.
        cells: Its cells by fingerprint.
    """
    lost = sum(1 for fingerprint in before if fingerprint not in cells)
    # One that has grown by `extend` has earlier cells too; it is still the one that was kept.
    is_the_same = kept == definition and all(fingerprint in before for fingerprint in cells)
    if not lost or is_the_same:
        return None
    told = "; ".join(differences(kept or {}, definition)[:SHOWN_DIFFERENCES])
    return InvalidRequest(
        f"the experiment {name!r} asked for something else before "
        f"({told or _unseen(definition)}): {lost} of its cells are not in this grid.",
        hint="extend=True keeps them and adds these; another name starts a new one",
    )


def keep_seed(shelf: Experiments, name: str, definition: Mapping[str, Any]) -> int | None:
    """Write a drawn seed down before a file names it: who draws one later, or has drawn another, gets it.

    Args:
        shelf: Where experiments are kept.
        name: Of the experiment.
        definition: What it asks for, with the seed that was drawn.

    Returns:
        The seed that is kept already, where it is another one.
    """
    seed = definition["fixed"].get("seed")
    kept_seed: int | None = None

    def decide(
        kept: dict[str, Any] | None, _before: Mapping[str, Any]
    ) -> tuple[Mapping[str, Any], Mapping[str, Mapping[str, Any]]] | None:
        nonlocal kept_seed
        there = (kept or {}).get("fixed", {}).get("seed")
        kept_seed = there if there != seed else None
        # Without cells: nothing was bought under this name, so that it may still ask for something else.
        return (definition, {}) if kept is None and seed is not None else None

    shelf.change(name, decide)
    return kept_seed


def _unseen(definition: Mapping[str, Any]) -> str:
    """What makes other requests of the same words."""
    if "image" in {**definition["fixed"], **definition["axes"]}:
        return "a picture has other bytes than before"
    return "what it leaves out has other defaults than before"


def with_seed(cells: Cells, seed: int) -> dict[str, PlannedCell]:
    """The same cells with another *seed*: their pictures are neither read nor fetched again."""
    changed = [
        replace(cell, prepared=replace(cell.prepared, request=cell.prepared.request.with_seed(seed)))
        for cell in cells.values()
    ]
    return {cell.prepared.fingerprint: cell for cell in changed}
