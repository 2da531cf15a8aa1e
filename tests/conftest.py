"""Every test alone: no variable, key, folder or setting of whoever runs it, and none of the test before."""

import asyncio
import gc
import os
import signal
import sys
from collections import Counter, defaultdict
from pathlib import Path

import certificates
import kernelforks
import pgserver
import pytest
import statements
from compiling import compile_share, find_letters
from hurry import hurry
from soak import IS_SOAK, SEED

import kie_nb as kie
from kie_nb import settings
from kie_nb.handles import get_session
from kie_nb.settable import SETTABLE

# Every worker and every process of a test would compile the package and the tests anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

certificates.share()
statements.share()
kernelforks.share()
ROOT = Path(__file__).parents[1]
STARTUP = str(ROOT / "tests" / "startup")
if STARTUP not in os.environ.get("PYTHONPATH", "").split(os.pathsep):  # a worker inherits it
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [STARTUP, os.environ.get("PYTHONPATH")]))
sys.modules["rfc3987_syntax"] = None  # as there
PART = 4  # tests of a file that one worker runs one after the other
RULES = {"catalogue", "rules"}  # folders of tests without a process, a socket or a ledger: they cost little
STOP_S = 20.0
NICE = 10  # by which the other tests stand back behind a browser: its many processes wait for each other
BESIDE = ("test_gallery.py", "test_panel.py", "test_wall.py")  # are driven in a second browser
BROWSER_S = 600  # each wait in it has a limit of its own, and a busy machine may need most of several


def pytest_addoption(parser):
    parser.addoption(
        "--cases",
        choices=("all", "even", "odd"),
        default="all",
        help="of tests with many cases run every other one: two Pythons share what a third runs whole; tables of pure rules stay whole",
    )


def pytest_sessionstart(session):
    """Before each worker imports all tests."""
    compile_share(session.config)


def pytest_report_header():
    """How to repeat the games of chance of this run."""
    return f"games of chance: {'in full' if IS_SOAK else 'short (SOAK=1: in full)'}, SEED={SEED}"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config):
    config.letters = find_letters()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Two workers drive a browser each; tests of a file that share a kernel stay together, others go in small parts."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        _parts = None

        def _split_scope(self, nodeid):
            if self._parts is None:
                self._parts = parts_of(self.collection)
            return self._parts[nodeid]

    config.option.loadscopereorder = False  # what takes longest comes first, and not what has most tests
    return Scheduling(config, log)


def parts_of(names):
    """The part that each test is of."""
    parts, seen = {}, Counter()
    for name in names:
        file = name.partition("::")[0]
        folder, last = file.split("/")[1], file.rpartition("/")[2]
        number = seen[file] // PART
        # One store serves all tests of stores: it starts slowly.
        shared = {"browser": f"browser {last in BESIDE}", "kernel": file, "stores": "stores"}
        parts[name] = shared.get(folder, f"{file} {number}")
        seen[file] += 1
    return parts


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Mark the tests by their folders, and begin with those that take longest."""
    if (cases := config.getoption("cases")) != "all":
        kept = dict.fromkeys(every_other(items, odd=cases == "odd"))
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept
    if "soak" not in config.getoption("markexpr"):  # by hand alone
        items[:] = [item for item in items if item.get_closest_marker("soak") is None]
    for item in items:
        if (folder := folder_of(item)) in {"browser", "kernel"}:
            item.add_marker(folder)
        if folder == "browser":
            item.add_marker(pytest.mark.timeout(BROWSER_S))
    items.sort(key=rank)


def pytest_collection_finish(session):
    """What was collected stays to the end: the garbage collector need not look through it again and again."""
    gc.freeze()
    session.config.has_browser = any(folder_of(item) == "browser" for item in session.items)


def pytest_runtest_setup(item):
    """Where there are browser tests too, those that need none leave them the processor: they would end last."""
    if item.config.has_browser and folder_of(item) != "browser" and hasattr(os, "nice"):
        item.config.has_browser = False  # once
        if sys.platform == "linux":
            kernelforks.parent()  # the kernels of a browser test do not stand back
        os.nice(NICE)


def pytest_sessionfinish(session):
    """End what was begun beside the tests."""
    if getattr(session.config, "letters", None):
        session.config.letters.wait()


def every_other(items, *, odd):
    """Each test that has one case, all of pure rules, and every other case of the rest."""
    cases = defaultdict(list)
    for item in items:
        cases[item.nodeid.partition("[")[0]].append(item)
    for found in cases.values():
        is_whole = len(found) == 1 or RULES & set(found[0].path.parts)
        yield from found if is_whole else found[odd::2]


def folder_of(item):
    return item.nodeid.split("/")[1]


def rank(item):
    """What takes longest comes first; of the browser's last what measures how evenly videos play."""
    marks = ("browser", "kernel", "slow")
    first = next((number for number, mark in enumerate(marks) if item.get_closest_marker(mark)), len(marks))
    return first, folder_of(item) == "browser" and item.path.name == "test_wall.py"


@pytest.fixture(autouse=True)
def _alone(monkeypatch, tmp_path):
    """The environment has no KIE_ variable but two, and they and the current folder lead into `tmp_path`."""
    for name in [name for name in os.environ if name.startswith("KIE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KIE_NB_HOME", str(tmp_path / "kie-runs"))
    monkeypatch.setenv("KIE_NB_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    monkeypatch.chdir(tmp_path)
    forget_settings()
    hurry()
    yield
    forget_settings()
    stop_driving(tmp_path)


def forget_settings():
    settings.start_folder.cache_clear()  # a test is a process of its own
    settings.configure(**dict.fromkeys(SETTABLE))
    settings.set_key(None)


def stop_driving(folder):
    """Drive no longer what a test has left under way in its *folder*: it would be asked for, of nobody, until the worker ends."""
    supervisor = get_session().supervisor
    if any(run.ledger.home.is_relative_to(folder) for run in supervisor.driven):
        loop = supervisor.workspace.dispatcher.loop
        asyncio.run_coroutine_threadsafe(_cancel(folder), loop).result(STOP_S)


async def _cancel(folder):
    named = [(task, task.get_coro()) for task in asyncio.all_tasks()]
    frames = [(task, of.cr_frame) for task, of in named if of.__qualname__ == "Supervisor._drive"]
    homes = [(task, frame.f_locals["drive"].run.ledger.home) for task, frame in frames if frame is not None]
    drives = [task for task, home in homes if home.is_relative_to(folder)]
    for task in drives:
        task.cancel()
    if drives:
        await asyncio.wait(drives, timeout=STOP_S / 2)


@pytest.fixture
def interruptible():
    """■ and Ctrl+C reach this process and those that it starts: a worker of pytest-xdist ignores them, and so would they."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def shared_films(tmp_path_factory):
    """What the simulators of all tests have drawn: their films have the names of their requests, and none is drawn twice."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "films"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def simulate(monkeypatch, shared_films):
    """Start a simulator and point the settings at it: ``simulate(faults=[...])``; many creates a window, tiny videos.

    A task is done at once, unless the test says how long it takes: then by 20 times as fast as the service's.
    """
    from kie_nb.simulator import Simulator  # most tests need none

    started = []

    def start(**options):
        speed = 20.0 if "duration_s" in options else 200.0
        usual = {"tiny": True, "speed": speed, "creates_per_window": 10_000}
        simulator = Simulator(**usual | options).start()
        if "state_dir" not in options:
            simulator._world.studio.videos = shared_films
        started.append(simulator)
        monkeypatch.setenv("KIE_BASE_URL", simulator.base_url)
        monkeypatch.setenv("KIE_NB_CREATES_PER_WINDOW", "10000")
        return simulator

    yield start
    for simulator in started:
        simulator.stop()


@pytest.fixture
def paid(monkeypatch):
    """The simulator of the test answers as Kie.ai: what it makes counts as money."""
    monkeypatch.setenv("KIE_NB_SERVICE", "kie")
    monkeypatch.setenv("KIE_API_KEY", "a-key-of-the-tests")


@pytest.fixture(scope="session")
def photograph():
    """The one that is in the repository."""
    return ROOT / "notebooks" / "images" / "chelsea.png"


@pytest.fixture(scope="session")
def cat(tmp_path_factory, photograph):
    """The photograph, with another beside it, in a tenth of their bytes: thousands of tests send it."""
    from PIL import Image  # late: tables of rules need none

    folder = tmp_path_factory.mktemp("images", numbered=False)
    for name in ("chelsea.png", "coffee.png"):
        with Image.open(photograph.with_name(name)) as fine:
            size, pixels = fine.size, fine.convert("RGB")
        pixels.info = {}
        coarse = pixels.resize([side // 5 for side in size]).resize(size, Image.Resampling.NEAREST)
        coarse.save(folder / name)
    return folder / "chelsea.png"


@pytest.fixture
def ask(cat):
    """Ask for a video of the cat."""

    def ask(prompt="The cat smiles.", **more):
        return kie.generate(prompt, **{"image": cat, "seed": 7} | more)

    return ask


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL server of the tests' own."""
    if pgserver.programs() is None:
        if os.environ.get("CI") == "true":
            pytest.fail("PostgreSQL is not installed: apt-get install postgresql")
        pytest.skip("PostgreSQL is not installed")
    with pgserver.running() as server:
        yield server
