"""Heavy work in an executor of the user's: what leaves this process, and what becomes of executors that fail."""

import contextlib
import io
import os
import pickle
import signal
import time
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path

import pytest

import kie_nb as kie
from kie_nb import notice, settings
from kie_nb.engine import workers
from kie_nb.engine.file_download import FETCH, fetch_one
from kie_nb.experiment import spread as spreads
from kie_nb.fileops import hash_of
from kie_nb.handles import get_session
from kie_nb.ledger import owner

KEY = "a-key-of-the-tests"
SHORT_S = 60


@pytest.fixture(autouse=True)
def _new_process(monkeypatch):
    monkeypatch.setattr(spreads, "_known", {})
    monkeypatch.setattr(notice, "_said", {"simulator"})


@pytest.fixture
def pair(cat, simulator):
    """Ask for two seeds, and give their runs."""

    def pair(**more):
        exp = kie.Experiment("two", image=cat, prompt="The cat smiles", seed=range(2), **more)
        return exp.run().wait(SHORT_S)

    return pair


class Elsewhere:
    """An executor that pickles what it is given, as one must that has other processes."""

    def __init__(self):
        self.threads = ThreadPoolExecutor(2)
        self.sent = []

    def submit(self, fn, /, *args):
        self.sent.append(pickle.dumps((fn, args)))
        return self.threads.submit(self.work, *pickle.loads(self.sent[-1]))  # noqa: S301

    def work(self, fn, args):
        return pickle.loads(pickle.dumps(fn(*args)))  # noqa: S301

    @property
    def names(self):
        return sorted(pickle.loads(each)[0].__name__ for each in self.sent)  # noqa: S301


class Parts(pickle.Unpickler):
    """What a pickle is made of besides texts and numbers."""

    def __init__(self, data):
        super().__init__(io.BytesIO(data))
        self.found = set()

    def find_class(self, module, name):
        self.found.add(name)
        return super().find_class(module, name)


def parts_of(data):
    read = Parts(data)
    read.load()
    return read.found


def test_what_leaves_holds_links_paths_and_numbers_alone(pair, paid, capsys):
    """No key, no ledger, nothing of the session; and it is downloads, previews and comparisons that leave."""
    kie.configure(executor=(executor := Elsewhere()))
    exp = pair()
    first, second = exp.runs
    assert exp.spread(pairs=5).pairs == 1
    assert kie.compare(first, second).html()

    assert [executor.names.count(name) for name in ("fetch_one", "_distance", "_measure")] == [2, 1, 1]
    assert set(executor.names) == {"fetch_one", "_distance", "_measure", "make_preview", "make_poster"}
    functions, paths = set(executor.names), {"PosixPath", "WindowsPath", "Path", "PurePosixPath"}
    for data in executor.sent:
        assert parts_of(data) <= functions | paths | {"Patience"}
        assert KEY.encode() not in data
        assert b"ledger" not in data
    assert "executor" not in capsys.readouterr().out


def failed(error):
    future = Future()
    future.set_exception(error)
    return future


def done(value):
    future = Future()
    future.set_result(value)
    return future


class Bad:
    """An executor that does with each piece what it is told."""

    def __init__(self, act):
        self.act = act

    def submit(self, fn, /, *args):
        return self.act(fn, *args)


def double(number):
    return 2 * number


def checked(answer, number):
    if answer != 2 * number:
        raise ValueError(f"{answer!r} is no answer")
    return answer


def shut_down(fn, *_):
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    return pool.submit(fn)


BAD = {
    "is shut down": shut_down,
    "refuses": lambda *_: (_ for _ in ()).throw(ValueError("no")),
    "gives no future": lambda *_: None,
    "loses its workers": lambda *_: failed(BrokenProcessPool("a worker died")),
    "has no kie_nb": lambda *_: failed(ModuleNotFoundError("No module named 'kie_nb'")),
    "cancels": lambda *_: (future := Future()).cancel() and future,
    "answers nothing": lambda *_: done(None),
    "answers nonsense": lambda *_: done({"kie": -1}),
    "never answers": lambda *_: Future(),
}


@pytest.mark.parametrize("act", BAD.values(), ids=BAD)
def test_what_an_executor_does_not_do_is_done_here(capsys, monkeypatch, act):
    """Whoever asked gets the answer, in whichever way it was asked for, and one line says so."""
    monkeypatch.setattr(workers, "SILENCE_S", 0.1)
    monkeypatch.setattr(workers, "_LOOK_S", 0.02)
    kie.configure(executor=Bad(act))
    threads, piece = workers.Workers(1, "here"), workers.Piece(double, checked)

    asked = [threads.submit(piece, number) for number in range(5)]
    assert threads.submit(threads.do, piece, 21).result() == 42  # from the only thread that there is
    assert spreads.results(asked) == [0, 2, 4, 6, 8]
    said = capsys.readouterr()
    assert (said.out + said.err).count("the executor did not do all that it was given") == 1


def test_a_piece_that_nobody_waits_for_any_more_is_dropped():
    """In the executor too."""
    held = Future()
    kie.configure(executor=Bad(lambda *_: held))
    asked = workers.Workers(1, "here").submit(workers.Piece(double, checked), 1)
    assert asked.cancel()
    with pytest.raises(CancelledError):
        held.result(SHORT_S)


def elsewhere(fn, *args):
    """A worker that does the work with other disks than ours."""
    found = fn(*args)
    if not isinstance(found, tuple):
        (found["path"] if isinstance(found, dict) else found).unlink()
        return done(found)
    if isinstance(found[0], tuple):
        return done((("0" * 64, "1" * 64), 0.5))
    return done((replace(found[0], first=replace(found[0].first, bytes=1)), found[1]))


def test_what_workers_do_on_other_disks_is_done_here(pair, capsys):
    """Videos are fetched, compared and shown as ever."""
    kie.configure(executor=Bad(elsewhere))
    exp = pair()
    found = kie.compare(*exp.runs)

    assert exp.spread().median == found.likeness.distance
    assert found.likeness.first.sha256 == exp.runs[0].row.video_sha256
    assert "data:video/mp4" in found.html()
    said = capsys.readouterr()
    assert (said.out + said.err).count("executor") == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"path": Path("/etc/passwd")},
        {"path": "videos/a.mp4"},
        {"bytes": 4},
        {"bytes": "3"},
        {"sha256": "x"},
        {"sha256": "0" * 64},
        {"seconds": float("nan")},
        {"width": -1},
        {"remark": b"x"},
    ],
    ids=str,
)
def test_what_a_worker_says_that_it_has_fetched_is_checked(tmp_path, changes):
    """The file is one of its own names, here, and has the length and the hash that it says."""
    place = tmp_path / "a.mp4"
    place.write_bytes(b"abc")
    said = {"path": place, "sha256": hash_of(place), "bytes": 3, "seconds": 1.0, "width": 2, "height": 2}
    said |= {"remark": None, "version": None}
    assert FETCH.checked(said, "https://x", place, place) == said
    with pytest.raises(ValueError, match=r"write to the folder|what they have written|validation error"):
        FETCH.checked(said | changes, "https://x", place, place)


def test_what_a_killed_worker_has_left_of_a_download_goes(pair):
    """The piece was repeated: nothing of the first try stays beside the videos."""

    place_now, _, start = owner.mark().rpartition("-")
    dead = f"{place_now}-{int(start) + 1}"  # the number of this process, and another start

    def killed(fn, *args):
        if fn is not fetch_one:
            return done(fn(*args))
        place = args[2]
        place.with_name(f"{place.name}.1.{dead}.incoming.part").write_bytes(b"\0" * 99)
        return failed(BrokenProcessPool("a worker died"))

    kie.configure(executor=Bad(killed))
    (exp := pair()).wait(SHORT_S)
    videos = exp.runs[0].video.parent
    assert (
        sorted(path for path in videos.iterdir() if "incoming" in path.name or "received" in path.name) == []
    )
    assert [run.missing for run in exp.runs] == [(), ()]


def test_an_error_of_our_own_is_told_and_no_notice(pair, tmp_path, capsys):
    """A file that is no video is none anywhere: that it came back says nothing of the executor."""
    kie.configure(executor=Elsewhere())
    (bad := tmp_path / "a.mp4").write_bytes(b"\0" * 4096)
    with pytest.raises(kie.InvalidRequest, match=r"cannot be|seems"):
        kie.compare(bad, bad)
    said = capsys.readouterr()
    assert "executor" not in said.out + said.err


@pytest.mark.parametrize("value", [3, "dask", object()])
def test_what_cannot_be_an_executor_is_refused(value):
    """And none is the default: None goes back to it."""
    with pytest.raises(kie.InvalidRequest, match="Executor or a Dask client"):
        kie.configure(executor=value)
    kie.configure(executor=Elsewhere())
    kie.configure(executor=None)
    assert settings.executor() is None


@pytest.fixture(scope="session")
def cluster():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.mark.slow
def test_a_worker_of_a_cluster_that_dies_repeats_its_piece(cluster, cat, simulator, capsys):
    """Downloads and comparisons are done by its processes; one that is killed in the middle is noticed by nobody."""
    kie.configure(executor=cluster)
    exp = kie.Experiment("many", image=cat, prompt="The cat smiles", seed=range(3)).run().wait(SHORT_S)
    log = cluster.cluster.scheduler.transition_log
    assert len({key for key, *_ in log if str(key).startswith("fetch_one")}) == len(exp.runs)

    pairs = spreads._pairs_of(exp.cells())
    jobs = spreads._measured(get_session(), pairs)
    while not (busy := {where: tasks for where, tasks in cluster.processing().items() if tasks}):
        time.sleep(0.01)
    pids = cluster.run(os.getpid, workers=list(busy))
    os.kill(pids[next(iter(busy))], signal.SIGKILL)
    found = spreads.results(jobs)

    kie.configure(executor=None)
    spreads._known.clear()
    assert found == spreads.results(spreads._measured(get_session(), pairs))
    said = capsys.readouterr()
    assert "executor" not in said.out + said.err
    with contextlib.suppress(TimeoutError):
        cluster.wait_for_workers(2, timeout=SHORT_S)
