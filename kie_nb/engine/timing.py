"""How long the engine waits and pauses, in one value that the session hands to all that work on runs."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..ledger.owner import LEASE_S
from ..service import Patience


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """Waits, pauses and grace times, in seconds. `kie-api` is the description of the service.

    Attributes:
        patience: The longest waits for replies and files.
        lease_s: How long an owner of runs may give no sign of life; all who use a ledger must agree on it.
        accept_wait_s: How long a cell waits for the answer to its create: they came in 0.33-0.91 s, uploads in 0.6-0.9 s
            (kie-api §3, §9).
        rate_pause_s: After a rate limit refusal: back off at least the window (kie-api §5.1).
        connect_pauses_s: Between tries of a create that found no connection.
        upload_pauses_s: Between tries of an upload.
        balance_age_s: Runs that are sent together share one reading of the balance.
        balance_wait_s: For a reading of it; with the create's own time this stays below `accept_wait_s`.
        balance_rest_s: A service that does not tell the balance is not asked again by every run.
        kie_looks: First look at a task after so long, and the growth of later pauses, where no earlier task is known.
        simulator_looks: The same for the simulator's tasks.
        shortest_look_s: The shortest pause between two looks where earlier tasks are known.
        lost_after_s: A task that is not shown for so long, and at `lost_looks` looks, is lost: "unknown task" may pass just after
            creation (kie-api §4.6 allows 90 s).
        lost_looks: See `lost_after_s`.
        link_pauses_s: Before each question for the files of a task that succeeded and named none.
        fetch_pauses_s: Between tries to fetch files.
        fetch_again_s: After which files are tried again that could not be fetched; their links live about a day.
        watch_s: Between two looks at a run that another process drives.
        ledger_pause_s: Before a transition is written again that the ledger refused.
        judged_wait_s: For runs of dead processes to become unknown, so that `resume` tells it.
        exit_wait_s: For the answer to a create when the process ends; a little longer than it may take.
    """

    patience: Patience = field(default_factory=Patience)
    lease_s: float = LEASE_S
    accept_wait_s: float = 4.0
    rate_pause_s: float = 10.0
    connect_pauses_s: tuple[float, ...] = (1.0, 3.0, 8.0)
    upload_pauses_s: tuple[float, ...] = (1.0, 3.0)
    balance_age_s: float = 1.0
    balance_wait_s: float = 1.5
    balance_rest_s: float = 20.0
    kie_looks: tuple[float, float] = (2.5, 1.5)
    simulator_looks: tuple[float, float] = (0.6, 1.25)
    shortest_look_s: float = 0.4
    lost_after_s: float = 600.0
    lost_looks: int = 10
    link_pauses_s: tuple[float, ...] = (0.0, 2.0, 5.0)
    fetch_pauses_s: tuple[float, ...] = (2.0, 5.0, 15.0, 40.0)
    fetch_again_s: float = 300.0
    watch_s: float = 0.5
    ledger_pause_s: float = 2.0
    judged_wait_s: float = 3.0
    exit_wait_s: float = 65.0
