"""`kie-nb ledger copy`: a ledger into another one, between a folder of runs and a team's database, either way."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from .. import settings
from ..errors import InvalidRequest, LedgerError
from ..home import LEDGER, is_plain_file
from ..keys import Secret
from ..ledger import Ledger
from ..ledger.copying import Counts, copy_ledger
from ..tables import counted
from ..text import say

_EVERY_S = 5.0
_SHOWN = 5
WHERE = "name a folder of runs, or postgresql+psycopg://user:password@host/database; KIE_NB_LEDGER is the default of --to"


def run(source: Secret | None, target: Secret | None) -> int:
    """Copy, verify and say what was done; 1 where a run is not there as it is here."""
    current = settings.current()
    to = target or (None if _is_server(source) else current.ledger_url)
    if to is None and not _is_server(source):
        raise InvalidRequest("There is nowhere to copy to.", hint=WHERE, charged="")
    old = _open(source, current.home, must_be_there=True)
    try:
        new = _open(to, current.home, must_be_there=False)
        try:
            return _copy(old, new)
        finally:
            new.close()
    finally:
        old.close()


def _is_server(place: Secret | None) -> bool:
    return place is not None and "://" in place.reveal()


def _open(place: Secret | None, home: Path, *, must_be_there: bool) -> Ledger:
    if place is not None and _is_server(place):
        return Ledger(home, url=place)
    folder = home if place is None else Path(place.reveal()).expanduser().absolute()
    folder = folder.parent if folder.name == LEDGER else folder
    if must_be_there and not is_plain_file(folder / LEDGER):
        raise LedgerError(f"There is no ledger in {folder}.", hint=f"--from: {WHERE}", charged="")
    return Ledger(folder)


def _copy(old: Ledger, new: Ledger) -> int:
    source, target = old.database, new.database
    if source.name == target.name and source.home == target.home:
        raise InvalidRequest("Both are the same ledger.", hint=WHERE, charged="")
    told = time.monotonic()

    def progress(counts: Counts) -> None:
        nonlocal told
        if time.monotonic() - told > _EVERY_S:
            told = time.monotonic()
            sys.stderr.write(f"kie_nb: {counts.seen} runs so far…\n")

    counts = copy_ledger(source, target, progress)
    say(
        f"{counted(counts.copied, 'run')} copied from {source.name} to {target.name}, {counts.known} were there already; "
        f"{counts.verified} verified."
    )
    if counts.unreadable:
        say(f"{counts.unreadable} cannot be read and were not copied: {' '.join(old.remarks)}")
    if counts.left:
        say(f"{counts.left} are recorded but not sent and were not copied. Let them end, then copy again.")
    if counts.differing:
        ids = ", ".join(run_id[:8] for run_id in counts.differing[:_SHOWN])
        sys.stderr.write(
            f"{counted(len(counts.differing), 'run')} went on during the copy ({ids}): copy again.\n"
        )
    if target.home is None:
        say(f"The videos stay in {new.home}. Set KIE_NB_LEDGER to use the copy.")
    else:
        say(f"Videos were not moved; the copy looks for them in {new.files.videos}.")
        say(f"Unset KIE_NB_LEDGER and set KIE_NB_HOME={new.home} to use the copy.")
    return 1 if counts.differing else 0
