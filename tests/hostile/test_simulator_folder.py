"""The simulator's folder comes from somebody else: it names no file, no address and no figure that is then believed.

A good folder is made by a simulator; then one thing in it is what a stranger would write.
"""

import contextlib
import json
import os
import shutil
import sqlite3
import struct
import threading
import uuid
from pathlib import Path

import pytest
from kerneldriver import CELL, Workshop
from strangefolder import QUICK, TOLD, client, created, database, ended, listening

from kie_nb.simulator import Fault, Simulator

SECRET = b"-----BEGIN OPENSSH PRIVATE KEY-----"
MARKUP = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A folder in which one task is done."""
    folder = tmp_path_factory.mktemp("original") / "simulator"
    with Simulator(folder, **QUICK) as sim, client(sim) as http:
        created(http)
        ended(sim)
    return folder


@pytest.fixture
def folder(original, tmp_path):
    (tmp_path / "secret.txt").write_bytes(SECRET)
    return Path(shutil.copytree(original, tmp_path / "kie-runs" / "simulator"))


@pytest.fixture
def listener():
    with listening() as server:
        yield server


@pytest.fixture
def workshop(tmp_path):
    opened = Workshop(tmp_path)
    yield opened
    opened.close()


def good_row(folder):
    with database(folder) as db:
        db.row_factory = sqlite3.Row
        return dict(db.execute("SELECT * FROM task").fetchone())


def add(folder, row):
    with database(folder) as db:
        marks = ", ".join("?" * len(row))
        db.execute(f"INSERT INTO task ({', '.join(row)}) VALUES ({marks})", list(row.values()))  # noqa: S608


def reply(folder, path):
    """What the simulator of a folder serves without a key; nothing where it refuses to start."""
    try:
        sim = Simulator(folder, **QUICK).start()
    except OSError:
        return b""
    with sim, client(sim) as http:
        return http.get(path).content


# --- files


def link_in_videos(folder, secret, row):
    (folder / "videos" / row["video"]).unlink()
    (folder / "videos" / row["video"]).symlink_to(secret)


def linked_videos(folder, secret, row):
    shutil.rmtree(folder / "videos")
    (secret.parent / row["video"]).write_bytes(SECRET)
    (folder / "videos").symlink_to(secret.parent)


def linked_uploads(folder, secret, _row):
    shutil.rmtree(folder / "uploads")
    for path in (secret.parent / "kieai/1", secret.parent / "outside"):
        path.mkdir(parents=True)
    (secret.parent / "kieai/1/secret.txt").write_bytes(SECRET)
    (folder / "uploads").symlink_to(secret.parent)


def no_picture(folder, _secret, _row):
    place = folder / "uploads" / "kieai" / "1"
    place.mkdir(parents=True)
    (place / "secret.txt").write_bytes(SECRET)


def other_bytes(folder, _secret, row):
    (folder / "videos" / row["video"]).write_bytes(SECRET)


@pytest.mark.parametrize("place", [link_in_videos, linked_videos, other_bytes, linked_uploads, no_picture])
def test_what_is_served_is_a_video_of_its_own_folder(folder, tmp_path, place):
    """No link is followed, and what is neither video nor picture by its bytes is not served."""
    row = good_row(folder)
    place(folder, tmp_path / "secret.txt", row)

    for path in (f"/media/{row['id']}_0.mp4", "/kieai/1/secret.txt"):
        assert SECRET not in reply(folder, path)


@pytest.mark.parametrize("name", ["../../../secret.txt", "ABSOLUTE", "..\\x.mp4", "sub/x.mp4", "x.mp4\0"])
def test_a_stored_name_leads_nowhere(folder, tmp_path, name):
    """A path in the place of a video's name is no task of ours."""
    row = good_row(folder)
    with database(folder) as db:
        db.execute("UPDATE task SET video = ?", (name.replace("ABSOLUTE", str(tmp_path / "secret.txt")),))

    with Simulator(folder, **QUICK) as sim, client(sim) as http:
        assert http.get(f"/media/{row['id']}_0.mp4").status_code == 404
        assert sim.tasks == []


def test_a_pipe_holds_nothing_up(folder):
    """Neither as a video nor as the database."""
    row = good_row(folder)
    video = folder / "videos" / row["video"]
    video.unlink()
    os.mkfifo(video)
    with Simulator(folder, **QUICK) as sim, client(sim) as http:
        assert http.get(f"/media/{row['id']}_0.mp4").status_code == 404
        assert http.get("/_sim/state").status_code == 200


@pytest.mark.parametrize("name", [".", "videos", "uploads", "alive"])
def test_nothing_is_written_through_a_linked_folder(folder, tmp_path, name):
    """It is refused, in words."""
    outside = tmp_path / "outside"
    outside.mkdir()
    target = folder / name
    shutil.rmtree(target)
    target.symlink_to(outside)

    with pytest.raises(OSError, match="link"):
        Simulator(folder, **QUICK).start()
    assert list(outside.iterdir()) == []


# --- the database

FOREIGN = {
    "trigger": "CREATE TRIGGER t AFTER UPDATE ON account BEGIN UPDATE account SET balance = 7; END",
    "view": "CREATE VIEW v AS SELECT 1",
    "table": "CREATE TABLE notes (x)",
    "generated column": "ALTER TABLE task ADD COLUMN g TEXT AS (upper(prompt))",
    "index by an expression": "CREATE INDEX i ON task (upper(prompt))",
    "column": "ALTER TABLE task ADD COLUMN spare TEXT DEFAULT 'x'",
}


@pytest.mark.parametrize("statement", FOREIGN.values(), ids=FOREIGN)
def test_a_database_that_carries_more_than_our_tables_is_refused(folder, statement):
    """It stays as it is."""
    with database(folder) as db:
        db.execute(statement)
    before = (folder / "simulator.sqlite").read_bytes()

    with pytest.raises(OSError, match="not ours"):
        Simulator(folder, **QUICK).start()
    assert (folder / "simulator.sqlite").read_bytes() == before


@pytest.mark.parametrize("what", ["link", "text", "folder", "linked log", "no balance"])
def test_what_is_no_database_of_ours_is_refused(folder, tmp_path, what):
    """In words, and nothing is written through a link."""
    path, target = folder / "simulator.sqlite", tmp_path / "target.sqlite"
    if what == "link":
        path.rename(target)
        path.symlink_to(target)
    elif what == "text":
        path.write_text("no database at all " * 200)
    elif what == "folder":
        path.unlink()
        path.mkdir()
    elif what == "linked log":
        target.write_text("somebody's text")
        (folder / "simulator.sqlite-wal").symlink_to(target)
    else:
        with database(folder) as db:
            db.execute("UPDATE account SET balance = 'much'")
    before = target.read_bytes() if target.exists() else b""

    with pytest.raises(OSError, match="not as a simulator keeps it"):
        Simulator(folder, **QUICK).start()
    assert not before or target.read_bytes() == before


def test_a_journal_deletes_no_file(folder, tmp_path):
    """SQLite deletes the file that the end of a journal names, whatever it is."""
    with contextlib.closing(sqlite3.connect(folder / "simulator.sqlite")) as db:
        db.execute("PRAGMA journal_mode=DELETE")
    victim = tmp_path / "secret.txt"
    name, pages = os.fsencode(victim), (folder / "simulator.sqlite").stat().st_size // 4096
    magic = bytes.fromhex("d9d505f920a163d7")
    head = (magic + struct.pack(">5I", 0, 0, pages, 512, 4096)).ljust(512, b"\0")
    end = struct.pack(">I", (1 << 30) // 4096 + 1) + name + struct.pack(">2I", len(name), sum(name)) + magic
    (folder / "simulator.sqlite-journal").write_bytes(head + end)

    with pytest.raises(OSError, match="journal"):
        Simulator(folder, **QUICK).start()
    assert victim.exists()


# --- addresses


def test_no_callback_of_an_old_task_is_posted(tmp_path, listener):
    """Not at the start, and not when it is done."""
    folder = tmp_path / "simulator"
    folder.mkdir()
    url = f"http://127.0.0.1:{listener.server_port}/hook"
    plan = {"seconds": 5.0, "short_side": 720, "aspect": 1.0, "image_url": None}
    with database(folder) as db:
        db.executescript(TOLD)
        for state, fate in (("success", ""), ("fail", "fail"), ("open", "fail")):
            db.execute(
                "INSERT INTO task VALUES (?, 'm', 'p', '{}', '{}', ?, ?, 1, 2, 1.0, 1, ?, ?, ?, 1, ?, 2, 0)",
                (uuid.uuid4().hex, json.dumps(plan), url, fate, uuid.uuid4().hex, "0" * 32 + ".mp4", state),
            )
    with contextlib.suppress(OSError), Simulator(folder, **QUICK):
        threading.Event().wait(0.5)

    assert listener.seen == []


def test_no_picture_of_an_old_task_is_fetched(folder, listener):
    """A task that a folder brings along is drawn from what lies in the folder, or fails."""
    url = f"http://0x7f.1:{listener.server_port}/track.png"
    row = good_row(folder) | {"id": uuid.uuid4().hex, "owner": uuid.uuid4().hex, "state": "open"}
    row |= {"video": None, "ready_ms": None, "complete_ms": None}
    add(folder, row | {"plan": json.dumps(json.loads(row["plan"]) | {"image_url": url})})

    with Simulator(folder, **QUICK) as sim:
        ended(sim)
        assert [task.state for task in sim.tasks if task.task_id == row["id"]] == ["fail"]
    assert listener.seen == []


# --- values

ODD = (
    *(MARKUP, "../../x", b"\xff\xfe", "", None, -1, 0, 1.5, 1e308, float("inf"), 2**62, -(2**63), True),
    *("[" * 20_000, '{"a": ' * 20_000, '"\\ud800"', '{"x": NaN}', '{"seconds": 1e308}', "9" * 5000, "\0"),
)


def test_any_value_in_any_column_is_left_out_or_harmless(folder):
    """All pages and calls answer, nothing is markup, and new tasks are taken as before."""
    row = good_row(folder)
    names = [name for name in row if name != "id"]
    for name in names:
        for value in ODD:
            with contextlib.suppress(sqlite3.IntegrityError):  # a column that takes no NULL
                add(folder, row | {"id": uuid.uuid4().hex, name: value})
    for value in ODD:
        with contextlib.suppress(sqlite3.IntegrityError):
            add(folder, row | {"id": value})
    with database(folder) as db:
        ids = [one for (one,) in db.execute("SELECT id FROM task")]
    assert len(ids) > 200

    with Simulator(folder, **QUICK, creates_per_window=10_000) as sim, client(sim) as http:
        before = sim.balance
        for path in ("/", "/_sim/state"):
            page = http.get(path)
            assert page.status_code == 200
            assert path != "/" or MARKUP not in page.text
        for one in {str(one)[:100] for one in ids}:
            found = http.get("/api/v1/jobs/recordInfo", params={"taskId": one})
            assert found.status_code == 200
            assert found.json()["code"] in {200, 400, 422}
        assert before == sim.balance == 10_000 - 60
        created(http, prompt="another")
        ended(sim)
        assert row["id"] in {task.task_id for task in sim.tasks}


@pytest.mark.parametrize("moment", [2**62, "later"])
def test_no_stored_moment_shuts_the_rate_window(folder, moment):
    """Tasks of a time to come are not counted as new ones."""
    row = good_row(folder)
    for _ in range(30):
        add(folder, row | {"id": uuid.uuid4().hex, "created_ms": moment})

    with Simulator(folder, **QUICK) as sim, client(sim) as http:
        created(http, prompt="another")
        ended(sim)


@pytest.mark.parametrize("cost", [1e308, -1e9, "all", 1e7])
def test_a_failed_task_gives_no_purse_back_that_was_never_held(folder, cost):
    """What it is said to have cost is no figure of ours."""
    row = good_row(folder) | {"id": uuid.uuid4().hex, "state": "open", "fate": "fail", "complete_ms": None}
    add(folder, row | {"credits": cost})

    with Simulator(folder, **QUICK) as sim:
        assert sim.balance == 10_000 - 60


@pytest.mark.parametrize(
    "make",
    [
        lambda: Simulator(speed=float("inf")),
        lambda: Simulator(speed=float("nan")),
        lambda: Simulator(credits=float("inf")),
        lambda: Simulator(credits=-1),
        lambda: Fault(call="create", kind="slow_reply", seconds=1e308),
        lambda: Fault(call="task", kind="slow", seconds=-5),
        lambda: Fault(call="task", kind="slow", seconds=float("nan")),
    ],
)
def test_figures_are_bounded(make):
    """Speed, purse and delays."""
    with pytest.raises(ValueError, match=r"speed|balance|seconds"):
        make()


@pytest.mark.kernel
@pytest.mark.parametrize("what", ["trigger", "linked folder", "odd rows"])
def test_a_cell_in_a_strange_folder_says_so_or_works(workshop, original, tmp_path, what):
    """A real kernel, the embedded simulator: our own words, nothing charged, nothing written elsewhere."""
    place = workshop.folder / "kie-runs" / "simulator"
    shutil.copytree(original, place)
    outside = tmp_path / "outside"
    outside.mkdir()
    if what == "trigger":
        with database(place) as db:
            db.execute(FOREIGN["trigger"])
    elif what == "linked folder":
        shutil.rmtree(place / "videos")
        (place / "videos").symlink_to(outside)
    else:
        with database(place) as db:
            db.execute("UPDATE task SET video = '../../../x', credits = 1e308, prompt = ?", (MARKUP,))
    kernel = workshop.kernel(KIE_NB_SIMULATOR_SPEED=50)
    cell = kernel.run(CELL.replace("--seed 7", "--seed 7 --wait"))

    assert list(outside.iterdir()) == []
    if what == "odd rows":
        assert cell.status == "ok"
        assert workshop.videos()
    else:
        assert cell.status == "error"
        assert "The simulator could not start" in cell.error
        assert "charged: nothing" in cell.error
        assert "Traceback" not in cell.error
