"""The fault matrix: every fault of the simulator on every call, never, now and then, every other time, once and for ever.

`TABLE` says what comes of each, as kie-api.md §5 has it. The runs are real: one session, many runs at once, a simulator over
sockets. Which call is struck is chance, so what a crowd must come to is reckoned from the simulator's own count of strikes.
"""

import hashlib
import io
import time
from collections import Counter, defaultdict

import pytest
from hurry import hurry
from PIL import Image
from soak import SEED, either

import kie_nb as kie
from kie_nb import settings
from kie_nb.engine import sending
from kie_nb.engine.timing import Timing
from kie_nb.handles import get_session
from kie_nb.ledger.states import AT_SERVICE
from kie_nb.service.reach import Patience
from kie_nb.simulator import Fault
from kie_nb.simulator.faults import KINDS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings(
        "ignore:run .* of the same request may be billed too"
    ),  # said beside each lost one
]

# fine      does no harm                          again     asked again by itself until it is answered
# refused   told at once, no task, nothing paid   unknown   no task, but that cannot be known: never sent again
# not_sent  told at once, the create never left   unknown+  the same, and a task was made: never sent again
# grace     asked again for some minutes          stop      told at once; the task goes on, `resume` takes it up
# told      raised to whoever asked               fail      the task ended without a video, nothing paid
# no_video  a success that names no file: looked for, then told; `resume` looks again
TABLE = """
fault            create    record    upload    download  credits   download_url  task      error
400              refused   grace     not_sent  -         told      again         -         InvalidRequest
401              refused   stop      not_sent  -         told      again         -         AuthError
401_old          refused   stop      not_sent  -         told      again         -         AuthError
402              refused   grace     not_sent  -         told      again         -         OutOfCredits
404              refused   grace     not_sent  -         told      again         -         Refused
408              unknown   again     again     -         told      again         -         ServiceTrouble
422              refused   grace     not_sent  -         told      again         -         InvalidRequest
422_model        refused   grace     not_sent  -         told      again         -         ModelUnavailable
422_url          refused   grace     not_sent  -         told      again         -         InvalidRequest
429              again     again     again     -         told      again         -         RateLimited
http_429         again     again     again     -         told      again         -         RateLimited
430              again     again     again     -         told      again         -         RateLimited
433              refused   grace     not_sent  -         told      again         -         OutOfCredits
451              refused   grace     not_sent  -         told      again         -         InvalidRequest
455              refused   again     not_sent  -         told      again         -         Refused
500              unknown   again     again     -         told      again         -         ServiceTrouble
500_credits      refused   grace     not_sent  -         told      again         -         OutOfCredits
500_invalid      refused   grace     not_sent  -         told      again         -         InvalidRequest
500_required     refused   grace     not_sent  -         told      again         -         InvalidRequest
paused           refused   grace     not_sent  -         told      again         -         ModelUnavailable
not_provisioned  refused   grace     not_sent  -         told      again         -         ModelUnavailable
501              unknown   grace     not_sent  -         told      again         -         Refused
505              refused   grace     not_sent  -         told      again         -         ModelUnavailable
531              refused   grace     not_sent  -         told      again         -         Refused
550              refused   grace     not_sent  -         told      again         -         Refused
4030             refused   grace     not_sent  -         told      again         -         Refused
http_500         unknown   again     again     again     told      again         -         ServiceTrouble
http_502         unknown   again     again     again     told      again         -         ServiceTrouble
http_502_done    unknown+  again     again     -         told      again         -         ServiceTrouble
http_403_1010    refused   grace     not_sent  again     told      again         -         Refused
html             unknown   again     again     again     told      again         -         ServiceTrouble
reset            unknown   again     again     again     told      again         -         ServiceTrouble
lost_reply       unknown+  again     again     again     told      again         -         ServiceTrouble
broken_json      unknown+  again     again     -         told      again         -         ServiceTrouble
slow_reply       fine      fine      fine      fine      fine      fine          -         -
message_key      fine      fine      fine      -         fine      fine          -         -
no_task_id       unknown+  -         -         -         -         -             -         -
null_record      -         grace     -         -         -         -             -         TaskLost
unknown_state    -         fine      -         -         -         -             -         -
broken_param     -         fine      -         -         -         -             -         -
no_param         -         fine      -         -         -         -             -         -
no_urls          -         no_video  -         -         -         -             -         NoVideo
two_urls         -         fine      -         -         -         -             -         -
truncate         -         -         -         again     -         -             -         -
empty            -         -         -         again     -         -             -         -
expired          -         -         -         again     -         -             -         -
slow             -         -         -         fine      -         -             fine      -
fail             -         -         -         -         -         -             fail      TaskFailed
fail_moderation  -         -         -         -         -         -             fail      TaskFailed
fail_image       -         -         -         -         -         -             fail      TaskFailed
"""
HEAD, *ROWS = [line.split() for line in TABLE.strip().splitlines()]
CALLS = HEAD[1:-1]
ERRORS = {row[0]: row[-1] for row in ROWS}
OUTCOMES = {
    call: {row[0]: row[1 + number] for row in ROWS if row[1 + number] != "-"}
    for number, call in enumerate(CALLS)
}
OF_RUNS = [call for call in CALLS if call != "credits"]
BUDGET_S = 100.0
FETCHED = ("fetched", "")
# How often a fault strikes, and how many runs of each kind are under way at once: the rarer, the more it takes to meet one.
CROWD = either({0.2: 3, 0.5: 3}, full={0.05: 8, 0.5: 4})
PRICE = 60.0  # of a video of 5 s in 720p
PART = 21  # kinds a test: so none takes long


def small_picture():
    file = io.BytesIO()
    Image.new("RGB", (320, 256), (200, 90, 40)).save(file, "PNG")
    return file.getvalue()


PICTURE = small_picture()


def test_the_table_has_every_fault_and_no_other():
    """A fault that is new in the simulator has no outcome yet, and this says so."""
    assert {call: set(outcomes) for call, outcomes in OUTCOMES.items()} == {
        call: set(kinds) for call, kinds in KINDS.items()
    }
    assert len(ERRORS) == len(ROWS)


def test_a_rate_limit_is_waited_out_for_its_window():
    """What the tests below shorten is as long as kie-api.md §5.1 asks for."""
    assert Timing().rate_pause_s >= settings.WINDOW_S


SHORTER = {
    "patience": Patience(retry_s=0.01),
    "rate_pause_s": 0.02,
    "upload_pauses_s": (0.01, 0.02),
    "fetch_pauses_s": (0.02, 0.05, 0.1),
    "link_pauses_s": (0.0, 0.05, 0.1),
    "simulator_looks": (0.1, 1.1),
}


@pytest.fixture
def shorter_pauses():
    """What runs wait for between two tries, a hundredth as long."""
    hurry(**SHORTER)


@pytest.fixture
def started(ask):
    """Ask for a video and hold the run, on which its error is; a raised error's frames hold it too."""
    held = []

    def start(kind):
        try:
            held.append(ask(f"A cat. [{kind}]", image=PICTURE, fresh=True))
        except kie.KieError as exc:
            held.append(exc)

    return start


def fault(call, kind, **how):
    """ "Not known yet" passes with the task's age, unless it is told to last."""
    return Fault(call=call, kind=kind, seconds=BUDGET_S if kind == "null_record" else 0.1, **how)


def parts():
    """The kinds of each call, some at a time; a fresh link is asked for too seldom to be worth its crowds."""
    for call in CALLS:
        kinds = [] if call in {"credits", "download_url"} else list(OUTCOMES[call])
        for start in range(0, len(kinds), PART):
            some = kinds[start : start + PART]
            yield pytest.param(call, some, id=f"{call}-{some[0]}-{some[-1]}")


def crowds():
    """The kinds of each call with how often they strike: rarely and often with SOAK=1, else one of both, by the day."""
    for number, some in enumerate(parts()):
        for place, share in enumerate(CROWD):
            if either((number + place + SEED) % 2 == 0, full=True):
                yield pytest.param(*some.values, share, id=f"{some.id}-{share}")


@pytest.fixture
def crowd(simulate, started, shorter_pauses):
    """Start *number* runs for each kind, all under way at once: ``crowd(call, kinds, 10, probability=0.05)``."""

    def start(call, kinds, number, **how):
        # A plain link that is dead from the first: only so is a fresh one asked for.
        more = {"link_life_s": 0.0} if call == "download_url" else {}
        simulator = simulate(credits=1e6, **more)
        simulator.set_faults([fault(call, kind, match=f"[{kind}]", **how) for kind in kinds])
        home = settings.current().home
        for kind in kinds:
            if call == "upload":  # which knows of no prompt
                simulator.set_faults([fault(call, kind, **how)])
            for _ in range(number):
                if call == "upload":  # each run uploads the picture anew
                    sha256 = hashlib.sha256(PICTURE).hexdigest()
                    get_session().ledger(home).forget_upload(settings.current().account, sha256)
                started(kind)
        return simulator

    return start


def wait_for(runs, seconds=BUDGET_S):
    """Let *runs* end; those that still run when time is up are given back. A `wait` of theirs would take them up again."""
    until, left = time.monotonic() + seconds, list(runs)
    while left and time.monotonic() < until:
        time.sleep(0.02)
        left = [run for run in left if run.state != "fetched" and run.error is None]
    errors = [str(run.error) for run in runs if run.error is not None]
    assert [error for error in errors if not 2 <= len(error.splitlines()) <= 4] == []
    return left


def by_kind(runs):
    """The runs of each kind."""
    found = defaultdict(list)
    for run in runs:
        found[run.prompt.removeprefix("A cat. [").removesuffix("]")].append(run)
    return found


def as_told(run):
    """How a run ended: its state and its error."""
    state = "at_service" if run.state in AT_SERVICE else str(run.state)
    return state, type(run.error).__name__ if run.error else ""


def end_of(call, kind, *, stays):
    """How a run ends that was struck, by the table."""
    word, error = OUTCOMES[call][kind], ERRORS[kind]
    if word == "again" and stays:
        return {
            "create": ("not_sent", error),
            "record": ("at_service", ""),
            "upload": ("not_sent", "NotSent"),
        }.get(call, ("success", "DownloadFailed"))
    if word == "grace" and stays:
        return ("lost", "TaskLost") if kind in {"404", "null_record"} else ("at_service", "ServiceTrouble")
    if word == "no_video" and stays:
        return "success", "NoVideo"
    if word in {"unknown", "unknown+"}:
        return "unknown", "OutcomeUnknown"
    return {"stop": ("at_service", error)}.get(
        word, (word, error) if word in {"refused", "not_sent", "fail"} else ("fetched", "")
    )


def check_nothing_is_lost_or_paid_twice(simulator):
    """Every task has its row or an unknown one, no task has two, and every file is the one that was made."""
    rows = [run.row for run in kie.runs(limit=None)]
    tasks = {task.task_id: task for task in simulator.tasks}
    known = [row.task_id for row in rows if row.task_id]
    assert len(known) == len(set(known))
    assert set(known) <= set(tasks)
    orphans = Counter(task.input["prompt"] for name, task in tasks.items() if name not in known)
    unsure = Counter(row.request["input"]["prompt"] for row in rows if row.state == "unknown")
    assert orphans <= unsure
    assert len(tasks) <= len(rows)
    assert simulator.balance == 1e6 - PRICE * sum(task.state != "fail" for task in tasks.values())
    for run in kie.runs(state="fetched", limit=None):
        made = hashlib.sha256(tasks[run.task_id].video.read_bytes()).hexdigest()
        assert {hashlib.sha256(path.read_bytes()).hexdigest() for path in run.videos} == {made}
    videos = get_session().here.files.videos
    # What came in the place of a file, such as a page, is kept beside it under a name that says so.
    finals = [path for path in videos.iterdir() if ".received." not in path.name] if videos.exists() else []
    assert {path.suffix for path in finals} <= {".mp4"}


def made_for(simulator, kinds):
    """How many tasks the service has made for the runs of each kind."""
    prompts = Counter(task.input["prompt"] for task in simulator.tasks)
    return {kind: prompts[f"A cat. [{kind}]"] for kind in kinds}


def bring_home(simulator):
    """Without trouble, `resume` fetches whatever has a task, and sends nothing."""
    posts = simulator.counts["create_requests"]
    simulator.set_faults([])
    assert wait_for(kie.resume()) == []
    assert {run.state for run in kie.runs(limit=None) if run.task_id} <= {"fetched", "fail"}
    assert simulator.counts["create_requests"] == posts
    check_nothing_is_lost_or_paid_twice(simulator)


@pytest.mark.parametrize("call", OF_RUNS)
def test_a_fault_that_never_strikes_changes_nothing(crowd, call):
    """At 0 % every video comes, and each was asked for once."""
    simulator = crowd(call, OUTCOMES[call], 1, probability=0.0)
    runs = kie.runs(limit=None)

    assert wait_for(runs) == []
    assert simulator.strikes == Counter()
    assert {as_told(run) for run in runs} == {("fetched", "")}
    assert simulator.counts["create_requests"] == len(OUTCOMES[call]) == len(simulator.tasks)
    check_nothing_is_lost_or_paid_twice(simulator)


@pytest.mark.parametrize(("call", "kinds", "share"), list(crowds()))
def test_a_fault_that_strikes_now_and_then(crowd, call, kinds, share):
    """As many runs end otherwise as were struck, each as the table says; all others have their video."""
    number = CROWD[share]
    simulator = crowd(call, kinds, number, probability=share)
    runs = kie.runs(limit=None)

    assert wait_for(runs) == []
    ends = {kind: Counter(map(as_told, found)) for kind, found in by_kind(runs).items()}
    made = made_for(simulator, kinds)
    for kind in kinds:
        struck, end = simulator.strikes[call, kind], end_of(call, kind, stays=False)
        gave_up = 0
        if end == FETCHED:
            gave_up = number - ends[kind][FETCHED]
            expected = Counter({FETCHED: number - gave_up})
            expected[end_of(call, kind, stays=True)] += gave_up
            assert gave_up * (3 if call == "upload" else 4) <= struck, kind  # so many in a row, at least
        else:
            expected = Counter({end: struck, FETCHED: number - struck})
        assert ends[kind] == expected, kind
        unmade = struck if is_unmade(call, kind) else gave_up if call == "upload" else 0
        assert made[kind] == number - unmade, kind
    assert sum(simulator.strikes.values()) > 0
    check_nothing_is_lost_or_paid_twice(simulator)
    bring_home(simulator)


def is_unmade(call, kind):
    return OUTCOMES[call][kind] in {"refused", "unknown", "not_sent"}


@pytest.mark.parametrize("call", OF_RUNS)
def test_one_strike_has_the_outcome_of_the_table(crowd, call):
    """Each kind strikes once, for sure."""
    kinds = OUTCOMES[call]
    simulator = crowd(call, kinds, 1, times=1)
    runs = kie.runs(limit=None)

    assert wait_for(runs) == []
    assert simulator.strikes == Counter({(call, kind): 1 for kind in kinds})
    assert {kind: as_told(*found) for kind, found in by_kind(runs).items()} == {
        kind: end_of(call, kind, stays=False) for kind in kinds
    }
    assert made_for(simulator, kinds) == {kind: int(not is_unmade(call, kind)) for kind in kinds}
    check_nothing_is_lost_or_paid_twice(simulator)
    bring_home(simulator)


@pytest.mark.parametrize("call", OF_RUNS)
def test_a_fault_that_stays_keeps_nobody_waiting(crowd, call):
    """Struck at every call: each run ends in time, and when the trouble is over every paid video comes."""
    hurry(**SHORTER, lost_after_s=0.5, lost_looks=4)
    kinds = OUTCOMES[call]
    ends = {kind: end_of(call, kind, stays=True) for kind in kinds}
    simulator = crowd(call, kinds, 1)
    runs = by_kind(kie.runs(limit=None))
    # A question about a task that is only not answered is asked for as long as somebody waits.
    asking = [kind for kind, end in ends.items() if end == ("at_service", "")]

    assert wait_for([runs[kind][0] for kind in kinds if kind not in asking]) == []
    assert wait_for([runs[kind][0] for kind in asking], 0.5) == [runs[kind][0] for kind in asking]
    assert {kind: as_told(*found) for kind, found in runs.items()} == ends
    posts = len(kinds) + sum(
        sending.RATE_TRIES for kind in kinds if call == "create" and ends[kind][0] == "not_sent"
    )
    assert simulator.counts["create_requests"] == (posts if call != "upload" else len(simulator.tasks))
    check_nothing_is_lost_or_paid_twice(simulator)
    bring_home(simulator)


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 1.0])
def test_the_balance_is_told_or_the_reason(simulate, share):
    """A question of the user's own is asked once; what it meets is raised, and the next one is free."""
    simulator = simulate(credits=1234.0)
    met = {kind: Counter() for kind in OUTCOMES["credits"]}
    for kind, answers in met.items():
        simulator.set_faults([fault("credits", kind, probability=share)])
        for _ in range(10):
            try:
                answers[kie.credits()] += 1
            except kie.KieError as exc:
                answers[type(exc).__name__] += 1
    struck = {kind: simulator.strikes["credits", kind] for kind in met}

    assert met == {
        kind: Counter({1234.0: 10})
        if OUTCOMES["credits"][kind] == "fine"
        else Counter({ERRORS[kind]: struck[kind], 1234.0: 10 - struck[kind]})
        for kind in met
    }
    assert (sum(struck.values()) > 0) == (share > 0)
    assert simulator.counts["credit_requests"] == 10 * len(met)
    assert simulator.counts["create_requests"] == 0


@pytest.mark.parametrize(
    ("call", "end"),
    [("create", ("unknown", "OutcomeUnknown")), ("record", FETCHED), ("upload", FETCHED)],
)
def test_a_reply_that_does_not_come_in_time(simulate, started, call, end):
    """Of a create it is unknown; a question is asked again."""
    hurry(patience=Patience(create_s=1.0, question_s=1.0, upload_s=1.0))
    simulator = simulate(credits=1e6, faults=[Fault(call=call, kind="slow_reply", times=1, seconds=2.5)])
    started(call)
    (run,) = kie.runs()

    assert wait_for([run]) == []
    assert as_told(run) == end
    assert simulator.strikes[call, "slow_reply"] == 1
    time.sleep(2.0 if call == "create" else 0.0)  # the task of the late reply is made
    check_nothing_is_lost_or_paid_twice(simulator)
