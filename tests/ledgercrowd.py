"""One of several processes that write their intentions and send them as fast as they may; tells what it did as JSON."""

import hashlib
import json
import random
import sys
import time
from pathlib import Path

from kie_nb.ledger import GrantStore, Ledger, NewRun

LIMIT = 18
WINDOW_S = 0.2
INTENTS = 200


def _print_of(name):
    return hashlib.sha256(name.encode()).hexdigest()


def intention(fingerprint, who):
    request = {"model": "wan", "input": {"prompt": "Waves", "duration": "5"}, "seed": 1}
    known = {
        "service": "kie",
        "account": "a1",
        "model": "wan",
        "request": request,
        "fingerprint": _print_of(fingerprint),
    }
    known |= {"family": known["fingerprint"], "seed": 1, "seed_drawn": False, "estimate": 1.0, "owner": who}
    return NewRun(**known, made_by={}, notebook=None, experiment=None)


def main(home, url, who, start):
    time.sleep(max(0.0, float(start) - time.time()))
    ledger = Ledger(Path(home), url=url or None)
    grants = GrantStore(ledger.database if url else Path(home) / "state")
    # Three in four of what each asks for the others ask for too.
    wanted = [f"shared {number}" if number % 4 else f"{who} {number}" for number in range(INTENTS)]
    random.shuffle(wanted)
    found, arrivals, bought = {}, [], []
    for fingerprint in wanted:
        row, is_new = ledger.intend(intention(fingerprint, who))
        found[fingerprint] = row.id
        if not is_new:
            continue
        while True:
            leave = grants.send(
                ledger, row.id, to="sending", expect={"intent"}, account="a1", limit=LIMIT, window_s=WINDOW_S, owner=who,
            )  # fmt: skip
            if leave.wait_s is None:
                break
            time.sleep(leave.wait_s)
        time.sleep(random.uniform(0, 0.01))  # noqa: S311
        arrivals.append(time.time())  # somewhere between the grant and the reply the service counts it
        time.sleep(random.uniform(0, 0.01))  # noqa: S311
        grants.replied(leave.grant)
        ledger.move(row.id, "accepted", expect={"sending"}, task_id=f"task of {row.id}")
        bought.append(fingerprint)
    found = {_print_of(name): run_id for name, run_id in found.items()}
    json.dump({"found": found, "arrivals": arrivals, "bought": [*map(_print_of, bought)]}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
