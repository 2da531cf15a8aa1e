"""The note on a run that already existed; the same in a cell and in the panel."""

from __future__ import annotations

from ..handles import Run


def note_of(run: Run, how: str, *, another: str = "--fresh buys another") -> str:
    """How *run* came about, if nothing was bought; nothing for a new one.

    Args:
        how: "new", "shown", "fetched again" or "joined", see `Started`.
        another: What would buy another one.
    """
    if how in {"shown", "fetched again"}:
        gone = " Its file is not on this machine, and is fetched." if how == "fetched again" else ""
        at = (run.completed_at or run.created_at).strftime("%Y-%m-%d %H:%M UTC")
        return (
            f"This request was made before: run {run.id[:8]} of {at}.{gone} Nothing was spent now; {another}."
        )
    if how == "joined":
        since = run.created_at.strftime("%Y-%m-%d %H:%M UTC")
        return (
            f"This request is already under way since {since}: joined run {run.id[:8]}, nothing new was sent."
        )
    return ""
