"""One machine of a team, as a process: begins runs, watches those of others, and tells what it sees as lines of JSON.

It is told what to do by lines of JSON too: ``{"do": "begin", "prompt": "Waves."}``.
"""

import json
import os
import select
import sys
import threading
import time

if os.environ.get("FAKETIME"):
    # libfaketime 0.9.10 leaves the monotonic clock alone as it is told, and then fails Python's sleep on it.
    time.sleep = lambda seconds: select.select([], [], [], seconds)

from hurry import hurry

import kie_nb as kie
from kie_nb.engine.timing import Timing
from kie_nb.handles import get_session

TEXT = {"model": "wan/2-5-text-to-video", "duration": 5, "resolution": "720p", "seed": 7}
free = threading.Event()


def tell(**facts):
    print(json.dumps(facts), flush=True)


def begin(prompt):
    """Ask for a video, and tell the id; waits for nothing."""
    session = get_session()
    try:
        run, how = session.begin(session.prepare(prompt, **TEXT))
    except kie.KieError as exc:
        tell(refused=type(exc).__name__)
    else:
        tell(id=run.id, how=how)
        report = told(run)
        report(run)
        run.listen(report)


def budget(credits_a_day):
    """Set a day's budget."""
    tell(budget=kie.budget(credits_a_day, per="day"))


def stall(prompt):
    """As `begin`, but this process stops for as long as it is told in the moment before the request would leave."""
    session = get_session()

    def stop(run):
        if run.state == "sending" and not free.is_set():
            tell(stalled=run.id)
            free.wait()

    def take(run):
        run.listen(stop)

    session.watch(take)
    begin(prompt)


def watch(ids):
    """Follow runs that are there, and tell each change."""
    for run_id in ids:
        run = kie.get(run_id)
        report = told(run)
        report(run)
        run.listen(report)
        get_session().supervisor.ensure_driven(run)


def told(run):
    seen = []

    def report(changed):
        if changed.state not in seen[-1:]:
            seen.append(changed.state)
            more = {"is_at_service": bool(changed.task_id), "error": (changed.row.error or {}).get("message")}
            tell(id=run.id, state=changed.state, **more)

    return report


def become_another(prompt):
    """The process goes on as another program, under its number and with its start."""
    del prompt
    os.execv(sys.executable, [sys.executable, "-c", "input()"])  # noqa: S606


def main():
    hurry(Timing(), lease_s=float(sys.argv[1]))
    steps = {"begin": begin, "stall": stall, "watch": watch, "budget": budget, "exec": become_another}
    tell(ready=True)
    for line in sys.stdin:
        order = json.loads(line)
        do = order.pop("do")
        if do == "go on":
            free.set()
        else:
            threading.Thread(target=steps[do], kwargs=order, daemon=True).start()


if __name__ == "__main__":
    main()
