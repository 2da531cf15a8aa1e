"""SIGKILL at every step of a run's life, then a restart and `%kie resume`: nothing is paid twice, nothing paid is lost.

The buyers are processes of their own (`crashbuyer.py`), the service is the simulator on real sockets, which outlives
them and counts, and the books are looked at from outside (`crashhome.py`). First the named steps, one after the other;
then kills at random, two hundred with SOAK=1. ``SEED=n`` repeats the plans of a day; where the kills landed is printed.
"""

import collections
import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from crashhome import LIFE, RESUME, asks, settle
from soak import SEED, either

from kie_nb.simulator import Fault

pytestmark = pytest.mark.slow

SHARES, HOMES, KILLS_A_HOME = 4, either(2, 4), either(7, 13)
FEW_STEPS = either(2, 4)
SLOW = [
    Fault(call="upload", kind="slow_reply", seconds=0.1),
    Fault(call="create", kind="slow_reply", seconds=0.1),
    Fault(call="download", kind="slow", seconds=0.4, probability=0.7),
    Fault(call="record", kind="http_502", probability=0.1),
]
NOTHING = "no run was open"
LATER_S = 0.4


# --- one step after the other ------------------------------------------------------------------------------------


def the_upload_is_under_way(home):
    return home.service.counts["upload_requests"] > home.seen["upload_requests"]


def the_task_is_made(home):
    return home.tasks()


def it_was_looked_at_twice(home):
    looks = home.service.counts["record_requests"] - home.seen["record_requests"]
    return looks > 1 and [row["state"] for row in home.rows_now()] == ["generating"]


def half_the_video_is_here(home):
    return any(name.endswith(".part") and file.stat().st_size > 0 for name, file in home.files().items())


@dataclass(frozen=True, kw_only=True)
class Case:
    """A step, how it is met, how it looks from outside, and what `%kie resume` makes of it.

    Attributes:
        end: Where the buyer ends itself; None: it is killed when `sign` is seen.
        tasks: How many tasks the service has then.
    """

    step: str
    resumed: str
    tasks: int
    end: dict | None = None
    sign: object = None
    faults: tuple = field(default=())


def moved(to):
    """Right before a transition is written."""
    return {"call": "ledger/runs.py:moved", "with": {"to": to}}


CASES = {
    "before the intent": Case(
        step="before the intent", resumed="", tasks=0, end={"call": "ledger/runs.py:intend"}
    ),
    "in the intent's transaction": Case(
        step="before the intent", resumed="", tasks=0, end={"call": "ledger/reading.py:add_step"}
    ),
    "after the intent": Case(
        step="intent", resumed="not_sent", tasks=0, end={"leave": "ledger/runs.py:intend"}
    ),
    "while the picture is uploaded": Case(
        step="intent", resumed="not_sent", tasks=0, sign=the_upload_is_under_way,
        faults=(Fault(call="upload", kind="slow_reply", seconds=5),),
    ),
    "with a grant and before the step to sending": Case(
        step="intent", resumed="not_sent", tasks=0, end=moved("sending")
    ),
    "before the first byte of the POST": Case(
        step="sending, not arrived", resumed="unknown", tasks=0, end={"call": "service/client.py:create"}
    ),
    "while the POST is in flight": Case(
        step="sending, task made", resumed="unknown", tasks=1, sign=the_task_is_made,
        faults=(Fault(call="create", kind="slow_reply", seconds=5),),
    ),
    "after the reply": Case(step="sending, task made", resumed="unknown", tasks=1, end=moved("accepted")),
    "before the first look": Case(
        step="accepted", resumed="fetched", tasks=1, end={"call": "engine/polling.py:watch"}
    ),
    "while polling": Case(
        step="polling", resumed="fetched", tasks=1, sign=it_was_looked_at_twice,
        faults=(Fault(call="task", kind="slow", seconds=4),),
    ),
    "success told, not written": Case(step="accepted", resumed="fetched", tasks=1, end=moved("success")),
    "before the download": Case(
        step="success, no file", resumed="fetched", tasks=1, end={"call": "engine/file_download.py:fetch_one"}
    ),
    "in mid-download": Case(
        step="in mid-download", resumed="fetched", tasks=1, sign=half_the_video_is_here,
        faults=(Fault(call="download", kind="slow", seconds=4),),
    ),
    "before the download is called whole": Case(
        step="in mid-download", resumed="fetched", tasks=1, end={"rename": ".incoming"}
    ),
    "before the rename": Case(step="before the rename", resumed="fetched", tasks=1, end={"rename": ".mp4"}),
    "after the rename": Case(step="renamed, not written down", resumed="fetched", tasks=1, end=moved("fetched")),
    "after the end": Case(step="fetched", resumed="fetched", tasks=1, end={"call": "handles/tracked.py:finish"}),
}  # fmt: skip


SAYS = {
    "not_sent": "never sent, nothing charged",
    "unknown": "never sent again by itself",
    "fetched": "done: ",
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_kill_at_this_step_costs_no_video_and_no_second_task(make_home, service, case):
    """After `%kie resume` the run is taken back, unknown or done; its cell then pays once or not at all."""
    home = make_home("step")
    home.seen = service.counts
    service.set_faults(case.faults)
    cells = home.cells(1)

    buyer = home.start(asks(cells), end=case.end)
    if case.sign:
        home.until(case.sign)
        buyer.kill()
    assert buyer.was_killed()
    service.set_faults([])
    assert (home.step(cells[0]), len(home.tasks())) == (case.step, case.tasks)
    home.check()

    said = home.start(RESUME).report["resume"]
    rows = home.rows()
    assert [row["state"] for row in rows] == ([case.resumed] if case.resumed else [])
    assert len(home.tasks()) == case.tasks
    is_open = case.step not in {"before the intent", "fetched"}
    assert (SAYS[case.resumed] if is_open else "Nothing is open") in said
    home.check_end()

    settle(home, cells, unknown=case.resumed == "unknown")


@pytest.mark.parametrize(
    ("first", "then", "tasks"),
    [
        pytest.param(moved("accepted"), {"call": "ledger/owner.py:claim"}, 1, id="before the claim"),
        pytest.param(moved("accepted"), moved("unknown"), 1, id="claimed, before it is called unknown"),
        pytest.param(
            moved("accepted"), {"leave": "ledger/runs.py:moved"}, 1, id="in the transaction that says so"
        ),
        pytest.param({"leave": "ledger/runs.py:intend"}, moved("not_sent"), 0, id="before it is taken back"),
        pytest.param({"call": "engine/polling.py:watch"}, {"rename": ".mp4"}, 1, id="before the rename"),
    ],
)
def test_a_kill_of_the_resume_is_resumed_too(make_home, first, then, tasks):
    """The next `%kie resume` finds what the one before left."""
    home = make_home("resume")
    cells = home.cells(1)
    for steps, end in ((asks(cells), first), (RESUME, then), (RESUME, then)):
        assert home.start(steps, end=end).was_killed()
        home.check()
        assert len(home.tasks()) == tasks

    assert home.start(RESUME).report["resume"] != "Nothing is open.\n"
    home.check_end()
    settle(home, cells, unknown=first == moved("accepted"))


WATCHES = {"call": "engine/supervisor.py:_reread", "goes_on": True}


@pytest.mark.parametrize(
    ("beside", "ends"),
    [
        pytest.param(lambda _cells: RESUME, "not_sent", id="a resume spends nothing"),
        pytest.param(asks, "fetched", id="who asked for the same sends it"),
    ],
)
def test_an_intention_outlives_its_process_beside_another(make_home, service, beside, ends):
    """Two processes know of it and its own one dies: it is sent, with its picture, only if the other asked for it too."""
    home = make_home("beside")
    home.seen = service.counts
    cells = home.cells(1)
    service.set_faults([Fault(call="upload", kind="slow_reply", seconds=5)])
    buyer = home.start(asks(cells))
    home.until(the_upload_is_under_way)
    other = home.start(beside(cells), end=WATCHES)
    home.until(lambda _home: other.place)
    buyer.kill()
    service.set_faults([])

    assert not other.was_killed()
    assert [row["state"] for row in home.rows()] == [ends]
    assert service.counts["create_requests"] - home.seen["create_requests"] == (ends == "fetched")
    settle(home, cells, unknown=False)


# --- at random ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", range(SHARES))
def test_kills_at_random(make_home, service, share):
    """Buyers die at any line and at any moment, alone and two at once, buying and resuming; the books always balance."""
    seed = SEED + share
    print(f"SEED={SEED}")
    service.set_faults(SLOW)
    known = make_home("known")
    places = known.start(asks(known.cells(1)), end={"line": -1}).report["watched"]["places"]
    homes = [make_home(f"share-{share}") for _ in range(HOMES)]
    chances = [random.Random(f"{seed} {share} {number}") for number in range(HOMES)]  # noqa: S311 - to be repeated
    plans = [Plan(chance, sorted(places)) for chance in chances]
    with ThreadPoolExecutor(HOMES) as lanes:
        tallies = list(lanes.map(crash, homes, plans))

    killed = sum(tally.killed for tally in tallies)
    landed = sum((tally.steps for tally in tallies), collections.Counter())
    lines = set().union(*(tally.lines for tally in tallies))
    print(f"{killed} kills, of which at lines of ours: {len(lines)} different ones; runs met at each step:")
    print(*(f"{landed[step]:5}  {step}" for step in (*LIFE[1:-2], NOTHING)), sep="\n")
    assert killed >= HOMES * KILLS_A_HOME
    assert len(landed) > FEW_STEPS, "the kills all landed at the same few steps"


class Plan:
    """What happens to one home, drawn from a seed."""

    def __init__(self, chance, places):
        self._chance, self._files = chance, collections.defaultdict(list)
        for place in places:
            self._files[place.partition(":")[0]].append(place)

    def steps(self, cells):
        """What the next buyer does."""
        return self._chance.choice([[asks(cells)], [asks(cells)], [RESUME], [RESUME, asks(cells)]])

    def end(self):
        """Where it dies: at a line of any file that a life goes through, after some number of lines, or told from outside."""
        kind = self._chance.choice(["at", "line", None])
        if kind == "at":
            return {"at": self._chance.choice(self._files[self._chance.choice(sorted(self._files))])}
        return {"line": self._chance.randrange(1, 3000)} if kind == "line" else None

    def moment(self):
        """When it is told from outside: after so many transitions in the ledger (a life has six), and so many seconds."""
        return self._chance.randrange(7), self._chance.uniform(0, LATER_S)

    def are_two(self):
        """Whether two buyers are at work at once."""
        return self._chance.random() < 0.3


@dataclass
class Tally:
    """Where the kills of one home landed: how many, at which of our lines, and what became of the open runs."""

    killed: int = 0
    lines: set = field(default_factory=set)
    steps: collections.Counter = field(default_factory=collections.Counter)

    def count(self, home, cells, killed):
        self.killed += len(killed)
        self.lines |= {buyer.place for buyer in killed if buyer.place}
        met = [step for cell in cells if (step := home.step(cell)) not in {LIFE[0], "fetched", "unknown"}]
        self.steps.update(met or [NOTHING])


def crash(home, plan):
    """Kill buyers in *home* as often as is its share, look at it after each, and bring it to its end."""
    tally = Tally()
    # A short game goes on until it has met enough steps: fourteen kills may by chance all come before the request leaves.
    while tally.killed < KILLS_A_HOME or (len(tally.steps) <= FEW_STEPS and tally.killed < 4 * KILLS_A_HOME):
        cells = home.cells(
            1 + len({row["prompt"] for row in home.rows()})
        )  # what was asked, and something new
        buyers = [home.start(*plan.steps(cells), end=plan.end()) for _ in range(1 + plan.are_two())]
        end_them(home, {buyer: plan.moment() for buyer in buyers if buyer.end is None})
        killed = [buyer for buyer in buyers if buyer.was_killed()]
        if killed:
            tally.count(home, cells, killed)
        home.check()

    assert not home.start(RESUME, asks(cells)).was_killed()
    home.check_end()
    settle(home, cells, unknown=any(home.unknown()))
    return tally


def end_them(home, moments):
    """Kill each buyer at its moment, if it has not ended before."""
    before, due = home.transitions(), {}
    while moments := {buyer: moment for buyer, moment in moments.items() if not buyer.ends_in(0.01)}:
        happened, now = home.transitions() - before, time.monotonic()
        for buyer, (transitions, seconds) in moments.items():
            if happened >= transitions:
                due.setdefault(buyer, now + seconds)
            if due.get(buyer, now + 1) <= now:
                buyer.kill()
