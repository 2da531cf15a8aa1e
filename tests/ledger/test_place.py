"""Where the file is: in the home, unless that is on a network disk; then here, with a copy there."""

import contextlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from kie_nb.engine.states import State
from kie_nb.errors import LedgerError
from kie_nb.ledger import GrantStore, Ledger, notes, place, snapshot, taking_in
from kie_nb.ledger.place import Mount, is_network, local_folder, place_of

MOUNTS = [
    Mount("/", "ext4"),
    Mount("/home", "nfs4"),
    Mount("/home/anna/fast", "xfs"),
    Mount("/data", "ext4"),
    Mount("/data", "lustre"),
    Mount("/mnt/a b", "cifs"),
]


@pytest.mark.parametrize(
    "fstype",
    [
        "nfs",
        "nfs4",
        "NFS",
        "cifs",
        "smbfs",
        "smb3",
        "lustre",
        "gpfs",
        "beegfs",
        "9p",
        "afs",
        "ceph",
        "fuse.sshfs",
        "fuse.rclone",
        "fuse.s3fs",
        "remote",
    ],
)
def test_network_disks(fstype):
    """Kinds of file system whose files are on another machine."""
    assert is_network(fstype)


@pytest.mark.parametrize(
    "fstype", ["ext4", "xfs", "btrfs", "zfs", "overlay", "tmpfs", "apfs", "NTFS", "fuseblk", "fuse.mergerfs", ""]
)  # fmt: skip
def test_local_disks(fstype):
    """Kinds whose files are here."""
    assert not is_network(fstype)


@pytest.mark.parametrize(
    ("path", "fstype"),
    [
        ("/srv/x", "ext4"),
        ("/home", "nfs4"),
        ("/home/anna/kie-runs", "nfs4"),
        ("/home/anna/fast/kie-runs", "xfs"),
        ("/home/anna/fastest", "nfs4"),
        ("/homes/x", "ext4"),
        ("/data/x", "lustre"),
        ("/mnt/a b/x", "cifs"),
    ],
)
def test_the_deepest_mount_counts(path, fstype):
    """And of two at one place the later, which hides the other."""
    assert place_of(Path(path), MOUNTS).fstype == fstype


def test_without_a_list_of_mounts_a_disk_counts_as_local(tmp_path):
    """A sandbox may have none."""
    assert place_of(tmp_path, []) is None
    assert place.place(tmp_path, tmp_path / "state", []).file == tmp_path / "ledger.sqlite"


@pytest.fixture
def network(tmp_path, monkeypatch):
    """All in this folder is on a network disk."""
    folder = tmp_path / "net"
    folder.mkdir()
    mounts = [Mount("/", "ext4"), Mount(str(folder.resolve()), "nfs4")]
    monkeypatch.setattr(place, "mounts_here", lambda: mounts)
    monkeypatch.setattr(snapshot, "EVERY_S", 0.05)
    return folder


@pytest.fixture
def open_there(network, tmp_path, monkeypatch):
    """Open the ledger of the network folder on a machine: ``open_there("a")``."""
    opened = []

    def open_one(host="a"):
        monkeypatch.setattr(place.socket, "gethostname", lambda: host)
        opened.append(Ledger(network / "kie-runs", state_home=tmp_path / f"state of {host}"))
        return opened[-1]

    yield open_one
    for ledger in opened:
        ledger.close()


def files(folder):
    return sorted(file.name for file in folder.rglob("*") if file.is_file())


def copies_of(network):
    return sorted((network / "kie-runs").glob("ledger.*.snapshot.sqlite"))


def copies(network):
    """The copies in the home, without the signs that tell machines of one name apart."""
    return [re.sub(r"-[0-9a-f]{8}\.", ".", name) for name in files(network)]


def test_the_file_is_kept_here_and_a_copy_there(open_there, intention, network, tmp_path):
    """On the network disk there is one whole file in no WAL mode, and nothing that SQLite works with."""
    ledger = open_there()
    row, _ = ledger.intend(intention())
    ledger.close()

    (local,) = (tmp_path / "state of a" / "ledgers").rglob("ledger.sqlite")
    assert local.is_file()
    assert copies(network) == ["ledger.a.snapshot.sqlite"]
    copy = network / "kie-runs" / files(network)[0]
    assert copy.read_bytes()[18:20] == b"\1\1"  # the header's word for "no WAL"
    with contextlib.closing(sqlite3.connect(f"file:{copy}?immutable=1", uri=True)) as db:
        assert db.execute("SELECT id FROM run").fetchall() == [(row.id,)]


def test_it_is_said_in_one_line(open_there, intention, network):
    """Where the ledger is, why, and where its copy is; an ordinary home has nothing to say."""
    ledger = open_there()
    (line,) = ledger.remarks
    ledger.intend(intention())
    ledger.close()

    assert "network disk (nfs4)" in line
    assert "state of a" in line
    assert files(network)[0] in line
    assert line.endswith("Machines that use it at once see each other's runs only when they open it.")


def test_an_ordinary_home_has_no_remarks(ledger, intention):
    """Nothing is said where nothing is odd, and nothing is noted twice."""
    sent(ledger, intention)

    assert ledger.remarks == []
    assert {file.name.partition("-")[0] for file in ledger.home.iterdir()} == {"ledger.sqlite"}


def test_another_machine_begins_with_what_is_there(open_there, intention, network):
    """What was paid for on one is not paid for again on the other."""
    one = open_there("a")
    row, _ = one.intend(intention())
    one.move(row.id, "fetched", expect={"intent"}, video="videos/a.mp4")
    one.close()

    other = open_there("b")

    assert other.intend(intention())[0].id == row.id
    assert other.remarks[1] == f"1 runs were taken in from {files(network)[0]}."


@pytest.mark.usefixtures("slow_copies")
def test_a_folder_that_was_brought_to_a_local_disk(open_there, intention, network, tmp_path, monkeypatch):
    """Its runs are known there too, by copy or by note; what they made is not paid for again."""
    there = open_there("a")
    row = accepted(there, sent(there, intention, seed=1))
    there.close()
    noted = accepted(open_there("a"), sent(open_there("a"), intention, seed=2), "t2")
    shutil.copytree(network / "kie-runs", tmp_path / "home" / "kie-runs")
    monkeypatch.setattr(place, "mounts_here", lambda: [Mount("/", "ext4")])

    here = Ledger(tmp_path / "home" / "kie-runs", state_home=tmp_path / "state of me")

    assert {(found.id, found.task_id) for found in here.runs()} == {(row.id, "t"), (noted.id, "t2")}
    assert len(here.remarks) == 2
    here.close()
    again = Ledger(tmp_path / "home" / "kie-runs", state_home=tmp_path / "state of me")
    assert again.remarks == []
    again.close()


def test_a_lost_local_disk_is_made_good_from_the_copy(open_there, intention, tmp_path):
    """A machine that is set up anew finds its own runs."""
    ledger = open_there("a")
    row, _ = ledger.intend(intention())
    ledger.move(row.id, "fetched", expect={"intent"})
    ledger.close()
    (local,) = (tmp_path / "state of a").rglob("ledger.sqlite")
    local.unlink()

    assert [found.id for found in open_there("a").runs()] == [row.id]


def test_a_ledger_of_before_is_taken_in(open_there, intention, network, tmp_path):
    """An earlier kie_nb kept it on the network disk itself; nothing of it is lost, and it stays as it is."""
    earlier = Ledger(tmp_path / "earlier")
    row, _ = earlier.intend(intention())
    earlier.move(row.id, "fetched", expect={"intent"})
    home = network / "kie-runs"
    home.mkdir()
    for file in (tmp_path / "earlier").glob("ledger.sqlite*"):  # with its WAL, as a killed kernel leaves it
        (home / file.name).write_bytes(file.read_bytes())
    earlier.close()
    before = (home / "ledger.sqlite").read_bytes()

    assert [found.id for found in open_there().runs()] == [row.id]
    assert (home / "ledger.sqlite").read_bytes() == before


def test_while_a_copy_cannot_be_read_nothing_new_is_bought(open_there, intention, network):
    """It may tell that it is paid for. What is known here is shown; with the file away, or whole again, buying goes on."""
    known, _ = open_there("a").intend(intention(seed=1))
    torn = network / "kie-runs" / "ledger.b.snapshot.sqlite"
    torn.write_bytes(b"half a file")

    ledger = open_there("a")

    assert "ledger.b.snapshot.sqlite could not be taken in" in ledger.remarks[-1]
    assert ledger.intend(intention(seed=1)) == (known, False)
    with pytest.raises(LedgerError, match="nothing new is bought") as caught:
        ledger.intend(intention(seed=2))
    assert caught.value.lines()[1] == "  charged: nothing"
    assert len(caught.value.lines()) == 3
    torn.unlink()
    assert ledger.intend(intention(seed=2))[1]


@pytest.fixture
def left_there(open_there, intention, monkeypatch):
    """A run that another machine has bought on the network disk, which is then looked at as a disk of this machine."""
    ledger = open_there("a")
    row, _ = ledger.intend(intention())
    ledger.move(row.id, "fetched", expect={"intent"})
    ledger.close()
    monkeypatch.setattr(place, "mounts_here", lambda: [Mount("/", "ext4")])
    return row


@pytest.mark.parametrize("at", ["copyfile", "copy_ledger", "_record"])
def test_what_was_broken_off_is_taken_in_again(left_there, open_ledger, network, monkeypatch, at):
    """The ledger is there by then, with some runs perhaps, and must not count as one that knows all."""

    def stops(*_):
        raise KeyboardInterrupt

    home, (copy,) = network / "kie-runs", copies_of(network)
    where = {"copyfile": taking_in.shutil, "_record": taking_in.TakingIn}.get(at, taking_in)
    with monkeypatch.context() as then:
        then.setattr(where, at, stops)
        with pytest.raises(KeyboardInterrupt):
            open_ledger(home)

    with open_ledger(home).database.read() as db:
        assert db.exec_driver_sql("SELECT name FROM home_copy").all() == [(copy.name,)]
    assert [row.id for row in open_ledger(home).runs()] == [left_there.id]


def test_a_full_disk_is_tried_again_before_buying(left_there, open_ledger, intention, network, monkeypatch):
    """What could not be read at the start is read when it matters."""

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as then:
        then.setattr(taking_in.shutil, "copyfile", full)
        ledger = open_ledger(network / "kie-runs")
        assert "No space left" in ledger.remarks[0]

    assert ledger.intend(intention())[0].id == left_there.id


def test_a_second_kernel_waits_for_the_first(left_there, open_ledger, intention, network):
    """Else it would find a ledger that knows nothing yet, and buy."""
    home = network / "kie-runs"
    with contextlib.closing(
        sqlite3.connect(home / "taking-in.lock", check_same_thread=False)
    ) as first_kernel:
        first_kernel.execute("BEGIN EXCLUSIVE")
        done = threading.Timer(0.4, first_kernel.rollback)
        done.start()
        begun = time.monotonic()
        ledger = open_ledger(home)
        done.join()

    assert time.monotonic() - begun >= 0.4
    assert ledger.intend(intention())[0].id == left_there.id


def test_a_ledger_that_is_there_takes_in_what_was_bought_meanwhile(
    open_there, open_ledger, intention, network, monkeypatch
):
    """One folder may be a local disk of the machine that serves it; each copy is read once, as long as it is the same."""
    home = network / "kie-runs"
    with monkeypatch.context() as then:
        then.setattr(place, "mounts_here", lambda: [Mount("/", "ext4")])
        open_ledger(home).close()
    there = open_there("a")
    row, _ = there.intend(intention())
    there.move(row.id, "fetched", expect={"intent"})
    there.close()
    monkeypatch.setattr(place, "mounts_here", lambda: [Mount("/", "ext4")])

    here = open_ledger(home)

    assert here.intend(intention())[0].id == row.id
    monkeypatch.setattr(taking_in, "copy_ledger", None)  # it would be called for a copy that is new
    assert open_ledger(home).remarks == []


def test_machines_of_one_name_have_a_copy_each(open_there, intention, network, tmp_path):
    """What the second has bought is not lost under what the first writes."""
    one = open_there("ubuntu")
    one.intend(intention(seed=1))
    one.close()
    (tmp_path / "state of ubuntu").rename(tmp_path / "of the first")
    two = open_there("ubuntu")
    two.intend(intention(seed=2))
    two.close()

    assert copies(network) == ["ledger.ubuntu.snapshot.sqlite"] * 2
    open_there("ubuntu").close()
    assert len(copies_of(network)) == 2


def test_a_full_network_disk_stops_nobody(open_there, intention, monkeypatch, caplog):
    """The ledger itself is safe on the local one."""
    ledger = open_there()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(snapshot.shutil, "copyfile", full)

    assert ledger.intend(intention())[1]
    ledger.close()
    assert "No space left" in caplog.text


# --- a machine that is lost before its copy is made ---------------------------------------------------------------


@pytest.fixture
def slow_copies(monkeypatch, open_there):
    """No copy is made until the ledger is let go of."""
    monkeypatch.setattr(snapshot, "EVERY_S", 3600)


def sent(ledger, intention, **changes):
    row, _ = ledger.intend(intention(**changes))
    return ledger.move(row.id, "sending", expect={"intent"}, sent_at="2026-11-22T10:00:00+00:00")


def accepted(ledger, row, task_id="t"):
    expect = {"sending", "accepted", "unknown"}
    return ledger.move(row.id, "accepted", expect=expect, task_id=task_id)


@pytest.mark.usefixtures("slow_copies")
def test_a_task_outlives_its_machine(open_there, intention):
    """Another machine knows it, its request and its history, though no copy was made; nobody pays for it again."""
    one = open_there("a")
    row = accepted(one, sent(one, intention))

    other = open_there("b")

    found = other.get(row.id)
    assert (found.state, found.task_id, found.owner) == ("accepted", "t", None)
    assert (found.request, found.seed, found.estimate) == (row.request, row.seed, row.estimate)
    assert [entry["to_state"] for entry in other.events(row.id)][:3] == ["intent", "sending", "accepted"]
    assert other.intend(intention()) == (found, False)
    assert other.remarks[1:] == ["1 runs that another machine had under way were taken in."]


@pytest.mark.parametrize("is_copied", [False, True], ids=["by its note", "by its copy"])
@pytest.mark.usefixtures("slow_copies")
def test_the_facts_of_files_outlive_their_machine(open_there, intention, is_copied):
    """Number, hash and size of each, and how many there were."""
    one = open_there("a")
    row = sent(one, intention)
    facts = [{"name": f"videos/{n}.mp4", "number": n, "sha256": f"{n}" * 64, "bytes": n} for n in (1, 2)]
    changes = {"video": "videos/1.mp4", "more_videos": ["videos/2.mp4"], "files": facts, "files_made": 3}
    one.move(row.id, "fetched", expect={"sending"}, task_id="t", **changes)
    if is_copied:
        one.close()

    found = open_there("b").get(row.id)

    assert (found.state, found.files, found.files_made) == ("fetched", facts, 3)


@pytest.mark.usefixtures("slow_copies")
def test_a_request_under_way_outlives_its_machine(open_there, intention):
    """Whether it was billed nobody knows: it is not sent again by itself."""
    row = sent(open_there("a"), intention)

    other = open_there("b")

    found = other.get(row.id)
    assert (found.state, found.error["charged"]) == ("unknown", "unknown, perhaps the full price")
    assert other.intend(intention()) == (found, False)


@pytest.mark.parametrize("is_copied", [False, True], ids=["by its note", "by its copy"])
@pytest.mark.usefixtures("slow_copies")
def test_a_run_taken_in_as_unknown_is_settled_by_its_task(open_there, intention, is_copied):
    """Its machine was alive after all; it is said when the ledger is opened again."""
    one = open_there("a")
    row = sent(one, intention)
    other = open_there("b")
    other.mark(row.id, note="mine")
    other.close()

    accepted(one, row)
    if is_copied:
        one.close()

    again = open_there("b")
    found = again.get(row.id)
    assert (found.state, found.task_id, found.error, found.note) == ("accepted", "t", None, "mine")
    assert again.standing(intention()) == found


def test_a_note_goes_when_the_copy_tells_as_much(open_there, intention, network):
    """One of a request that is under way, or of unknown outcome, stays."""
    ledger = open_there()
    done, open_, unknown = (sent(ledger, intention, seed=seed) for seed in (1, 2, 3))
    accepted(ledger, done)
    ledger.move(unknown.id, "unknown", expect={"sending"})
    ledger.close()

    left = {file.stem for file in (network / "kie-runs" / "open").iterdir()}
    assert left == {open_.id, unknown.id}


@pytest.mark.parametrize("to", ["intent", "refused", "not_sent"])
@pytest.mark.usefixtures("slow_copies")
def test_a_request_that_made_no_task_for_sure_is_noted_no_more(open_there, intention, network, to):
    """Elsewhere it must not count as perhaps billed."""
    ledger = open_there()
    ledger.move(sent(ledger, intention).id, to, expect={"sending"})

    assert files(network) == []


@pytest.mark.usefixtures("slow_copies")
def test_what_cannot_be_noted_is_not_sent(open_there, intention, network):
    """The step to `sending` is refused whole, in two lines that say why; with room again it is made."""
    ledger = open_there()
    row, _ = ledger.intend(intention())
    notes = network / "kie-runs" / "open"
    notes.rmdir()

    with pytest.raises(LedgerError, match="which is on a network disk") as caught:
        ledger.move(row.id, "sending", expect={"intent"})

    assert len(caught.value.lines()) == 2
    assert ledger.get(row.id).state == "intent"
    notes.mkdir()
    assert ledger.move(row.id, "sending", expect={"intent"})


@pytest.mark.usefixtures("slow_copies")
def test_a_task_that_cannot_be_noted_is_in_the_ledger(open_there, intention, network):
    """The network disk may be gone for good; what is known here stays, and the next try notes it."""
    ledger = open_there()
    row = sent(ledger, intention)
    notes = network / "kie-runs" / "open"
    notes.rename(network / "away")

    with pytest.raises(LedgerError, match="cannot be noted"):
        accepted(ledger, row)

    assert (ledger.get(row.id).state, ledger.get(row.id).task_id) == ("accepted", "t")
    (network / "away").rename(notes)
    accepted(ledger, row)
    assert open_there("b").get(row.id).task_id == "t"


@pytest.mark.parametrize(
    "text", ["", "[]", '{"run": {"id": "bad"}, "events": []}', '{"run": 1, "events": 2}']
)
@pytest.mark.usefixtures("slow_copies")
def test_a_torn_note_is_told_and_stops_nobody(open_there, intention, network, text):
    """The others are taken in, and it is left for a person to look at."""
    one = open_there("a")
    row = accepted(one, sent(one, intention))
    bad = network / "kie-runs" / "open" / "bad.json"
    bad.write_text(text)

    other = open_there("b")
    other.close()

    assert f"{bad} could not be taken in" in other.remarks[1]
    assert other.get(row.id).task_id == "t"
    assert bad.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"created_at": {"x": 1}},
        {"created_at": "yesterday"},
        {"seed": 2**63},
        {"estimate": "60"},
        {"seed_drawn": 1},
        {"request": []},
        {"state": "paused"},
        {"prompt": None, "model": None},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
@pytest.mark.usefixtures("slow_copies")
def test_a_note_that_cannot_be_kept_keeps_no_other_out(open_there, intention, network, wrong):
    """It is told, by its name, and what is beside it comes in."""
    one = open_there("a")
    row = accepted(one, sent(one, intention))
    good = network / "kie-runs" / "open" / f"{row.id}.json"
    note = json.loads(good.read_text())
    bad = good.with_name("aaaaaaaaaaaa.json")
    bad.write_text(json.dumps(note | {"run": note["run"] | {"id": bad.stem, "fingerprint": "f2"} | wrong}))

    other = open_there("b")

    assert [found.id for found in other.runs()] == [row.id]
    assert any(f"{bad} could not be taken in: " in remark for remark in other.remarks)


@pytest.mark.parametrize(
    "wrong", [{"state": "paused"}, {"model": "\ud800"}], ids=lambda wrong: next(iter(wrong))
)
@pytest.mark.usefixtures("slow_copies")
def test_while_a_note_tells_of_a_run_that_cannot_come_in_nothing_new_is_bought(
    open_there, intention, network, wrong
):
    """It may be the one that was paid for: of a newer kie_nb, or refused by the ledger. What stands is shown as ever."""
    one = open_there("a")
    here = accepted(one, sent(one, intention, seed=2), "t2")
    row = accepted(one, sent(one, intention))
    note = network / "kie-runs" / "open" / f"{row.id}.json"
    whole = json.loads(note.read_text())
    note.write_text(json.dumps(whole | {"run": whole["run"] | wrong}))

    other = open_there("b")
    with pytest.raises(LedgerError, match="nothing new is bought") as told:
        other.intend(intention())
    assert str(note) in str(told.value)
    assert other.intend(intention(seed=2)) == (other.get(here.id), False)

    note.write_text(json.dumps(whole))
    assert other.intend(intention()) == (other.get(row.id), False)


@pytest.mark.usefixtures("slow_copies")
def test_a_note_that_the_ledger_refuses_keeps_no_other_out(open_there, intention, network):
    """Two of the same run, say, whose writers have died: each is merged by itself."""
    one = open_there("a")
    rows = [accepted(one, sent(one, intention, seed=seed), f"t{seed}") for seed in (1, 2)]
    bad = network / "kie-runs" / "open" / f"{rows[0].id}.json"
    note = json.loads(bad.read_text())
    note["run"]["model"] = "\ud800"  # half a character, which no database keeps
    bad.write_text(json.dumps(note))

    other = open_there("b")

    assert [found.id for found in other.runs()] == [rows[1].id]
    assert any(f"{bad} could not be taken in" in remark for remark in other.remarks)


def test_a_state_of_a_newer_kie_nb_is_said():
    """In two lines, wherever such a run is looked at."""
    with pytest.raises(LedgerError, match="is in the state 'paused'") as caught:
        State("paused")

    assert caught.value.lines()[1] == "  next: upgrade kie_nb: a newer one wrote it"


def test_notes_know_every_state():
    """The list in the ledger is that of the engine above it."""
    assert frozenset(State) == notes.STATES


def test_an_older_copy_never_takes_the_place_of_a_newer(open_there, intention, tmp_path, network):
    """Kernels of one machine write it one after the other."""
    ledger = open_there()
    (folder,) = (tmp_path / "state of a" / "ledgers").iterdir()
    with contextlib.closing(sqlite3.connect(folder / "snapshot.lock")) as other_kernel:
        other_kernel.execute("BEGIN EXCLUSIVE")
        ledger.intend(intention())
        time.sleep(0.2)
        assert files(network) == []

    end = time.monotonic() + 10
    while copies(network) != ["ledger.a.snapshot.sqlite"]:
        assert time.monotonic() < end, "no copy was made"
        time.sleep(0.01)


def test_a_copy_that_is_being_made_is_made_to_its_end(open_there, intention, tmp_path, network):
    """Letting go of the ledger waits for it: a process that ends would take its writer along."""
    ledger = open_there()
    (folder,) = (tmp_path / "state of a" / "ledgers").iterdir()
    with contextlib.closing(
        sqlite3.connect(folder / "snapshot.lock", check_same_thread=False)
    ) as other_kernel:
        other_kernel.execute("BEGIN EXCLUSIVE")
        ledger.intend(intention())
        time.sleep(0.2)
        done = threading.Timer(0.2, other_kernel.rollback)
        done.start()
        ledger.close()
        done.join()

    assert copies(network) == ["ledger.a.snapshot.sqlite"]


LEAVING = """
import sys
from pathlib import Path
from kie_nb.ledger import Ledger, NewRun, place, snapshot

place.mounts_here = lambda: [place.Mount("/", "ext4"), place.Mount(sys.argv[1], "nfs4")]
snapshot.EVERY_S = 3600
known = dict.fromkeys(("notebook", "experiment", "seed", "estimate"))
known |= dict.fromkeys(("service", "account", "model", "fingerprint", "family", "owner", "lease_until"), "x")
Ledger(Path(sys.argv[1]), state_home=Path(sys.argv[2])).intend(NewRun(**known, request={}, seed_drawn=False, made_by={}))
"""


def test_at_exit_the_copy_is_brought_up_to_date(network, tmp_path):
    """A process that ends at once leaves nothing behind that only this machine knows."""
    subprocess.run([sys.executable, "-c", LEAVING, network.resolve(), tmp_path / "state"], check=True)

    (copy,) = network.glob("ledger.*.snapshot.sqlite")
    with contextlib.closing(sqlite3.connect(copy)) as db:
        assert db.execute("SELECT count(*) FROM run").fetchone() == (1,)


def test_grants_are_kept_here_too(network, tmp_path, monkeypatch):
    """A state folder on a network disk holds no database; a folder of the user's own on this machine does."""
    monkeypatch.setattr(place.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(place, "LOCAL_FOLDERS", ())

    store = GrantStore(network / "state")
    grant, _ = store.take("a", limit=1, window_s=1)
    store.close()

    assert grant is not None
    assert files(network) == []
    (folder,) = tmp_path.glob("kie_nb-*")
    assert (folder / "grants.sqlite").is_file()
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_state_folder_that_cannot_be_made_is_called_by_its_own_name(network, tmp_path):
    """The grants, and a ledger that is kept there, are chosen by KIE_NB_STATE; a ledger in its home is not."""
    file = tmp_path / "file"
    file.touch()
    attempts = [
        (lambda: GrantStore(file / "state"), "KIE_NB_STATE"),
        (lambda: Ledger(network, state_home=file / "state"), "KIE_NB_STATE"),
        (lambda: Ledger(file / "home", state_home=tmp_path), "KIE_NB_HOME or configure(home=...)"),
    ]

    for attempt, setting in attempts:
        with pytest.raises(LedgerError, match="cannot be made") as caught:
            attempt()
        assert caught.value.hint == f"choose another with {setting}"


def test_somebody_elses_folder_is_not_used(network, tmp_path, monkeypatch):
    """In a folder where everybody may write, a name is no proof."""
    monkeypatch.setattr(place.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(place, "LOCAL_FOLDERS", ())
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"kie_nb-{os.getuid()}").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(LedgerError, match="somebody else"):
        local_folder(network / "state")


def test_without_any_local_disk_it_is_told(tmp_path):
    """And what to do about it."""
    with pytest.raises(LedgerError, match="no local one") as caught:
        local_folder(tmp_path, [Mount("/", "nfs4")])

    assert "KIE_NB_LEDGER" in caught.value.hint
