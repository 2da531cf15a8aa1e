"""A run is a value: copied, stored and handed to other processes it stays the handle of the same run."""

import asyncio
import builtins
import copy
import os
import pickle
import re
import sys

import pytest
from kernelforks import script

import kie_nb
from kie_nb.errors import InvalidRequest, LedgerError


@pytest.fixture
def clip(simulate, ask):
    """A run whose video is on disk."""
    simulate()
    return ask().wait()


def loads(stored):
    return pickle.loads(stored)  # noqa: S301 - of our own


def python(code, *words, given=b"", **variables):
    """What a script of another process prints."""
    how = ["-c"] if "\n" in code else []
    done = script(*how, code, *words, given=given, text=False, env=os.environ | variables)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


LOADED = """
import pickle, sys
import kie_nb
try:
    given = sys.stdin.buffer.read()
    run = pickle.loads(given)
except kie_nb.KieError as exc:
    print(type(exc).__name__, exc)
else:
    print(run.id, run.state, run.video, run is pickle.loads(given))
"""


@pytest.mark.parametrize(
    "copied",
    [
        copy.copy,
        copy.deepcopy,
        lambda run: copy.deepcopy({"of": [run]})["of"][0],
        lambda run: loads(pickle.dumps(run)),
        lambda run: loads(pickle.dumps(run, 2)),
    ],
    ids=["copy", "deepcopy", "deepcopy of what holds it", "pickle", "old pickle"],
)
def test_a_copy_is_the_same_handle(clip, copied):
    """There is one run behind it, whose state is one."""
    assert copied(clip) is clip


def test_a_pickle_has_no_key_and_little_more_than_the_id(clip):
    """Whoever gets it needs the ledger to see anything."""
    stored = pickle.dumps(clip)

    assert clip.id.encode() in stored
    assert b"The cat smiles" not in stored
    assert len(stored) < 500 + len(str(clip.ledger.home))


def test_another_process_finds_it_in_the_same_ledger(clip, tmp_path):
    """From another folder too, whose own ledger is another one and is not made for it."""
    elsewhere = tmp_path / "elsewhere"

    found = python(LOADED, given=pickle.dumps(clip), KIE_NB_HOME=str(elsewhere))

    assert found.split() == [clip.id, "fetched", str(clip.video), "True"]
    assert not elsewhere.exists()


def test_a_folder_that_was_moved_is_found_by_its_new_name(clip, tmp_path):
    """Where the settings name it."""
    stored = pickle.dumps(clip)
    (tmp_path / "kie-runs").rename(tmp_path / "moved")

    found = python(LOADED, given=stored, KIE_NB_HOME=str(tmp_path / "moved"))

    assert found.split()[:2] == [clip.id, "fetched"]
    assert "moved" in found


def test_where_its_ledger_is_not_the_error_says_so(clip, tmp_path):
    """Nothing is made, and nothing is bought."""
    stored = pickle.dumps(clip)
    (tmp_path / "kie-runs").rename(tmp_path / "away")

    told = python(LOADED, given=stored)

    assert f"LedgerError Run {clip.id[:8]} is in no ledger that can be reached from here" in told
    assert "KIE_NB_HOME" in told
    assert not (tmp_path / "kie-runs").exists()


WORKERS = """
import multiprocessing, os, sys
import kie_nb

def look(run):
    return os.getpid() != parent_of(run) and (run.id, run.state, run.wait().video.name)

def parent_of(run):
    return int(run.tags[0])

if __name__ == "__main__":
    clip = kie_nb.get(sys.argv[1]).tag(str(os.getpid()))
    for method in sys.argv[2:]:
        with multiprocessing.get_context(method).Pool(1) as pool:
            print(*pool.map(look, [clip])[0])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_workers_of_a_pool_get_it(clip, tmp_path):
    """Whichever way they were started."""
    script = tmp_path / "workers.py"
    script.write_text(WORKERS)

    told = python(str(script), clip.id, "fork", "spawn").splitlines()

    assert told == [f"{clip.id} fetched {clip.video.name}"] * 2


def test_asyncio_is_told_to_await_it(clip):
    """asyncio wants a coroutine, and says what it got in its place."""
    with pytest.raises((TypeError, ValueError), match=r"write `await run`, or run\.wait\(\)"):
        asyncio.run(clip)

    async def group():
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(clip)

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(group())
    assert "write `await run`" in str(caught.value.exceptions[0])


def test_what_takes_awaitables_takes_it(clip):
    """gather, wait_for, and a coroutine of one's own in a group."""

    async def all_of_them():
        async def one():
            return await clip

        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(one())
        return [*await asyncio.gather(clip, clip), await asyncio.wait_for(clip, 10), task.result()]

    assert asyncio.run(all_of_them()) == [clip] * 4


def test_its_words_stay_its_words(clip):
    """What asyncio is told is told to nobody else."""
    assert re.match(r"<Run [0-9a-f]{8} fetched", repr(clip))
    assert asyncio.run(said(clip)) == repr(clip)


async def said(run):
    return repr(run)


def test_a_loop_that_cannot_be_nested_says_what_to_do(recwarn):
    """uvloop's cannot."""
    uvloop = pytest.importorskip("uvloop")
    closed = []

    async def cell():
        coroutine = asyncio.sleep(0)
        try:
            kie_nb.run(coroutine)
        finally:
            closed.append(coroutine.cr_frame is None)

    with (
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        pytest.raises(InvalidRequest, match="inside a loop of uvloop") as caught,
    ):
        runner.run(cell())

    assert "await" in caught.value.hint
    assert closed == [True]  # else Python warns that it was never awaited
    assert not [one for one in recwarn if "never awaited" in str(one.message)]


def test_a_star_hides_nothing_of_pythons_own():
    """`credits` is Python's, and `kie_nb.credits` stays ours."""
    names = {}
    exec("from kie_nb import *", names)  # noqa: S102 - as a cell does

    public = {name for name in names if not name.startswith("__")}
    assert public & set(vars(builtins)) == set()
    assert {"generate", "runs", "Run", "KieError"} <= public
    assert callable(kie_nb.credits)


def test_a_run_that_is_in_no_ledger_any_more_is_an_error_of_ours(clip):
    """In the same process too."""
    stored = pickle.dumps(clip).replace(clip.id.encode(), b"0" * len(clip.id))

    with pytest.raises(LedgerError, match="in no ledger"):
        loads(stored)
