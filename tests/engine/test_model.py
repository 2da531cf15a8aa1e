"""Anything may happen to two kernels, one ledger and a service that loses replies: the laws of `lifelaws` hold at every step.

Hypothesis plays: it asks, kills kernels, interrupts them, makes trouble, settles, and looks after each step whether the
ledger's file and the service's own list of tasks still tell one story. At the end of a game trouble ceases, everything is
settled, and every video that was made must be on disk.

`KIE_NB_MODEL_EXAMPLES=1000 pytest --timeout=0 tests/engine/test_model.py` plays more games than the gate has time for, with
other luck each time.
"""

import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import lifelaws as laws
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from modelhouse import LASTS, LONG_REPLY_S, LOSSES, TROUBLE, House
from soak import either

from kie_nb.simulator import Fault

pytestmark = pytest.mark.slow

BY_HAND = int(os.environ.get("KIE_NB_MODEL_EXAMPLES", "0"))
QUIET_S = 40.0

kernels = st.integers(0, 1)
picks = st.integers(0, 5)
requests = st.sampled_from(["cat", "waves", "more waves"])
trouble = st.sampled_from(
    [None] * len(TROUBLE) + [*TROUBLE, *LOSSES, ("create", "429"), ("create", "slow_reply")]
)
moments = st.sampled_from([0.0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.4])


class Game(RuleBasedStateMachine):
    """Two kernels on one new folder.

    No choice may depend on what the kernels have done so far, which no seed repeats: a rule that finds nothing to do does
    nothing.
    """

    def __init__(self, house):
        super().__init__()
        self.house, self.simulator = house, house.simulator
        self.place = Path(tempfile.mkdtemp(dir=house.folder))
        self.home = self.place / "kie-runs"
        self.earlier = len(self.simulator.tasks)
        self.by_word = set()  # runs that a person has ordered in spite of another one
        self.causes = Counter()  # how often trouble was made that may bring a run to a state
        self.limit = self.ceiling = None
        self.kernels = []

    @initialize()
    def begin(self):
        self.simulator.set_faults([])
        self.kernels = [self.new_kernel(), self.new_kernel()]

    def new_kernel(self):
        return self.house.nursery.kernel(
            KIE_BASE_URL=self.simulator.base_url,
            KIE_NB_SERVICE="kie",  # a budget counts no simulated runs
            KIE_API_KEY="a-key-of-the-tests",
            KIE_NB_HOME=str(self.home),
            KIE_NB_STATE=str(self.place / "state"),
            KIE_NB_CREATES_PER_WINDOW="10000",
            KIE_NB_NOTEBOOK="game.ipynb",
        )

    # --- looking -----------------------------------------------------------------------------------------------

    @property
    def tasks(self):
        return self.simulator.tasks[self.earlier :]

    @property
    def rows(self):
        return laws.read(self.home)

    def some(self, pick, *states):
        """One of the runs in these states, if there is one."""
        found = [row for row in self.rows if row.state in states]
        return found[pick % len(found)] if found else None

    def answers(self, *told):
        """The answers of these kernels, which must all have one."""
        given = [self.kernels[number].answer() for number in told]
        for answer in given:
            assert answer is not None, f"a kernel ended by itself: {self.house.nursery.errors}"
            assert "crash" not in answer, answer["crash"]
        return given

    def ask(self, kernel, do, **order):
        self.kernels[kernel].tell(do, **order)
        return self.answers(kernel)[0]

    def generate(self, kernel, name, *, fresh=False):
        self.kernels[kernel].tell("generate", **self.house.requests[name], fresh=fresh)

    # --- asking ------------------------------------------------------------------------------------------------

    @rule(kernel=kernels, name=requests, what=trouble, fresh=st.sampled_from([False, False, True]))
    def run_a_cell(self, kernel, name, what, fresh):
        self.make_trouble(what)
        before = self.rows
        self.generate(kernel, name, fresh=fresh)
        self.judge(before, self.answers(kernel))
        self.ordered(before, int(fresh))

    @rule(name=requests, what=trouble)
    def run_a_cell_in_both_at_once(self, name, what):
        self.make_trouble(what)
        before = self.rows
        self.generate(0, name)
        self.generate(1, name)
        self.judge(before, self.answers(0, 1))

    @rule(kernel=kernels, name=requests, what=trouble, seconds=moments)
    def interrupt_a_cell(self, kernel, name, what, seconds):
        self.make_trouble(what)
        before = self.rows
        self.generate(kernel, name)
        time.sleep(seconds)
        self.kernels[kernel].interrupt()
        self.judge(before, self.answers(kernel))

    def judge(self, before, answers):
        """What asking came to is told as it is."""
        rows = {row.id: row for row in self.rows}
        for answer in answers:
            error, row = answer.get("error"), rows.get(answer.get("run"))
            if error == "BudgetExceeded":
                assert laws.committed(before) + len(answers) * laws.PRICE > self.limit, answer
            elif error == "OutcomeUnknown":
                assert row.state in {"unknown", "sending"}, (answer, row)
            elif error is not None and answer["charged"] == "nothing" and row is not None:
                assert row.task_id is None or row.state == "fail", (answer, row)
            elif error is None:
                assert row is not None, answer

    def ordered(self, before, most):
        """The runs that are new since *before* were ordered by word, at most so many."""
        if most:
            new = {row.id for row in self.rows} - {row.id for row in before}
            assert len(new) <= most
            self.by_word |= new

    @rule(kernel=kernels, room=st.sampled_from([None, None, 0.0, 60.0, 130.0]))
    def limit_what_it_may_cost(self, kernel, room):
        self.limit = None if room is None else laws.committed(self.rows) + room or 1.0
        assert "limits" in self.ask(kernel, "budget", limit=self.limit)
        self.ceiling = None if room is None else max(self.limit, laws.committed(self.rows))

    def make_trouble(self, what):
        if what is not None:
            call, kind = what
            fault = Fault(call=call, kind=kind, times=1, seconds=LONG_REPLY_S)
            faults = [*self.simulator.faults, *[fault] * LASTS.get(kind, 1)]
            self.simulator.set_faults(faults)
            # One that strikes just now is given anew by this, and strikes twice: all that are in force count again.
            self.causes.update(TROUBLE[fault.call, fault.kind] for fault in faults)

    # --- kernels that end --------------------------------------------------------------------------------------

    @rule(
        kernel=kernels,
        name=requests,
        what=trouble,
        seconds=moments,
        fresh=st.sampled_from([False, False, True]),
    )
    def kill_a_kernel_that_asks(self, kernel, name, what, seconds, fresh):
        self.make_trouble(what)
        before = self.rows
        self.generate(kernel, name, fresh=fresh)
        time.sleep(seconds)
        self.kill(kernel)
        self.ordered(before, int(fresh))

    @rule(kernel=kernels, name=requests, call=st.sampled_from(["create", "download"]))
    def kill_a_kernel_while_the_service_answers(self, kernel, name, call):
        """The task exists and its reply is on the way, or a part of its video is here."""
        self.simulator.set_faults([])
        self.make_trouble(("create", "slow_reply") if call == "create" else ("download", "slow"))
        before, counted = self.rows, {"create": "create_requests", "download": "downloads"}[call]
        count = self.simulator.counts[counted]
        self.generate(kernel, name, fresh=call == "download")
        end = time.monotonic() + 2 * LONG_REPLY_S
        while self.simulator.counts[counted] == count and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(0.1)
        laws.every_video_is_whole(self.home, self.house.whole)
        self.kill(kernel)
        self.ordered(before, int(call == "download"))

    def kill(self, kernel):
        pid = self.kernels[kernel].pid
        # Nobody will know what the service has said to these; the other kernel may say so before we look again.
        lost = {row.id for row in self.rows if row.state in {"intent", "sending"} and row.pid == pid}
        self.kernels[kernel].kill()
        lost |= {row.id for row in self.rows if row.state == "sending" and row.pid == pid}
        self.causes["unknown"] += len(lost)
        self.kernels[kernel] = self.new_kernel()

    @rule(kernel=kernels, is_orderly=st.booleans())
    def restart_a_kernel(self, kernel, is_orderly):
        """In good order it waits for an answer that is on its way."""
        if not is_orderly:
            self.kill(kernel)
            return
        self.kernels[kernel].tell("quit")
        self.kernels[kernel].see_out()
        self.kernels[kernel] = self.new_kernel()

    # --- whatever else people do -------------------------------------------------------------------------------

    @rule(seconds=moments)
    def let_time_pass(self, seconds):
        time.sleep(seconds)

    @rule(kernel=kernels)
    def resume(self, kernel):
        assert "runs" in self.ask(kernel, "resume")

    @rule(kernel=kernels, pick=picks)
    def stop_waiting(self, kernel, pick):
        row = self.some(pick, *laws.OPEN)
        if row is not None:
            self.ask(kernel, "stop", run=row.id)

    @rule(kernel=kernels, pick=picks, what=trouble)
    def delete_a_file(self, kernel, pick, what):
        row = self.some(pick, "fetched")
        if row is not None:
            self.make_trouble(what)
            (self.home / row.video).unlink(missing_ok=True)
            self.ask(kernel, "wait", run=row.id)

    # --- settling ----------------------------------------------------------------------------------------------

    @rule(
        kernel=kernels,
        name=requests,
        what=st.sampled_from(LOSSES),
        pick=picks,
        how=st.sampled_from(["adopt", "adopt in both", "adopt a wrong one", "resend", "not resend", "write off", "free"]),
    )  # fmt: skip
    def settle(self, kernel, name, what, pick, how):
        """Settle an uncertain run; if there is none, make one."""
        row = self.some(pick, "unknown", "lost")
        if row is None:
            self.run_a_cell(kernel, name, what, fresh=True)
            row = self.some(pick, "unknown", "lost")
        if row is None:
            return
        before = self.rows
        if how in {"adopt", "adopt in both"}:
            self.adopt(kernel, in_both=how == "adopt in both")
        elif how == "adopt a wrong one":
            self.adopt_a_wrong_task(kernel, row, pick)
        elif how in {"resend", "not resend"}:
            later = before[[other.id for other in before].index(row.id) + 1 :]
            is_sent_again = any(other.key == row.key and other.stands for other in later)
            self.ask(kernel, "resend", run=row.id, yes=how == "resend")
            self.ordered(before, int(how == "resend" and not is_sent_again))
        else:
            self.ask(kernel, "write_off", run=row.id, charged=how == "write off")

    def pairs(self):
        """Tasks in no row, each with the unknown runs that may have made it."""
        rows = self.rows
        unknown = [row for row in rows if row.state == "unknown"]
        for task in laws.orphans(rows, self.tasks):
            makers = [row for row in unknown if row.key == laws.key_of(task)]
            if makers:
                yield task, makers

    def adopt(self, kernel, *, in_both):
        for task, makers in self.pairs():
            self.kernels[kernel].tell("adopt", run=makers[0].id, task=task.task_id)
            if in_both:
                self.kernels[1 - kernel].tell("adopt", run=makers[-1].id, task=task.task_id)
            self.answers(*([0, 1] if in_both else [kernel]))
            return

    def adopt_a_wrong_task(self, kernel, row, pick):
        name = "cat" if row.key[0] == "Waves." else "waves"
        self.run_a_cell(kernel, name, None, fresh=False)
        held = {other.task_id for other in self.rows if other.id != row.id}
        wrong = [task for task in self.tasks if laws.key_of(task) != row.key or task.task_id in held]
        if wrong:
            answer = self.ask(kernel, "adopt", run=row.id, task=wrong[pick % len(wrong)].task_id)
            assert "error" in answer
            assert all(
                other.task_id not in {task.task_id for task in wrong}
                for other in self.rows
                if other.id == row.id
            )

    # --- the laws ----------------------------------------------------------------------------------------------

    @rule()
    def rest(self):
        """Wait until nothing is under way any more."""
        end = time.monotonic() + QUIET_S
        while True:
            for kernel in (0, 1):
                self.resume(kernel)
            again = time.monotonic() + 1.0
            while time.monotonic() < again:
                tasks, rows = self.tasks, self.rows
                if not any(row.is_open for row in rows) and all(
                    task.state in {"success", "fail"} for task in tasks
                ):
                    return
                time.sleep(0.03)
            assert time.monotonic() < end, f"no end of {[row for row in rows if row.is_open]}"

    @invariant()
    def keep_the_laws(self):
        tasks = self.tasks
        rows = self.rows
        laws.every_step_is_written_down(rows)
        laws.every_task_has_its_row(rows, tasks)
        laws.nothing_is_bought_twice(rows, self.by_word)
        laws.nothing_is_unknown_without_a_cause(rows, self.causes)
        laws.every_video_is_whole(self.home, self.house.whole)
        if self.ceiling is not None:
            now = laws.committed(rows)
            assert now <= self.ceiling, f"{now:g} of at most {self.ceiling:g} credits"
            self.ceiling = max(self.limit, now)

    def reckon(self):
        """Trouble has ceased: every video is there, and running all again costs nothing."""
        self.simulator.set_faults([])
        self.rest()
        while pair := next(self.pairs(), None):
            task, makers = pair
            answer = self.ask(0, "adopt", run=makers[0].id, task=task.task_id)
            assert answer.get("run") == makers[0].id, answer
            self.rest()
        self.keep_the_laws()
        rows = self.rows
        laws.every_video_is_here(self.home, rows, self.tasks)
        count, standing = len(self.tasks), {row.key: row for row in rows if not row.is_over}
        for name, asked in self.house.requests.items():
            if (asked["prompt"], asked["seed"]) in standing:
                self.generate(1, name)
                (answer,) = self.answers(1)
                if "error" not in answer:
                    answer = self.ask(1, "wait", run=answer["run"])
                assert answer.get("state", answer.get("error")) in {"fetched", "OutcomeUnknown"}, answer
        assert len(self.tasks) == count
        assert self.ask(0, "figures").get("game.ipynb", laws.figures([])) == laws.figures(rows)
        assert "Traceback" not in self.house.nursery.errors, self.house.nursery.errors

    def teardown(self):
        try:
            if self.kernels and sys.exc_info()[0] is None:
                self.reckon()
        finally:
            for kernel in self.kernels:
                kernel.kill()


@pytest.fixture
def house(tmp_path, cat):
    house = House(tmp_path, cat)
    yield house
    house.close()


def test_whatever_happens_nothing_is_paid_twice_or_lost(house):
    """Lost replies, kills, interrupts, limits and two kernels at once, in any order."""
    games = settings(
        max_examples=BY_HAND or either(10, 20),
        stateful_step_count=16,
        derandomize=not BY_HAND,
        database=None,
        deadline=None,
        phases=[Phase.generate],  # the clock plays too: a shorter game is another one
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    run_state_machine_as_test(lambda: Game(house), settings=games)
