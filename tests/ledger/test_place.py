"""Where the file is: in the home, unless that is on a network disk; then here, with a copy there."""

import contextlib
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from kie_nb.errors import LedgerError
from kie_nb.ledger import GrantStore, Ledger, place, snapshot
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


def test_the_file_is_kept_here_and_a_copy_there(open_there, intention, network, tmp_path):
    """On the network disk there is one whole file in no WAL mode, and nothing that SQLite works with."""
    ledger = open_there()
    row, _ = ledger.intend(intention())
    ledger.close()

    (local,) = (tmp_path / "state of a" / "ledgers").rglob("ledger.sqlite")
    assert local.is_file()
    assert files(network) == ["ledger.a.snapshot.sqlite"]
    copy = network / "kie-runs" / "ledger.a.snapshot.sqlite"
    assert copy.read_bytes()[18:20] == b"\1\1"  # the header's word for "no WAL"
    with contextlib.closing(sqlite3.connect(f"file:{copy}?immutable=1", uri=True)) as db:
        assert db.execute("SELECT id FROM run").fetchall() == [(row.id,)]


def test_it_is_said_in_one_line(open_there, network):
    """Where the ledger is, why, and where its copy is; an ordinary home has nothing to say."""
    (line,) = open_there().remarks

    assert "network disk (nfs4)" in line
    assert "state of a" in line
    assert "ledger.a.snapshot.sqlite" in line


def test_an_ordinary_home_has_no_remarks(ledger):
    """Nothing is said where nothing is odd."""
    assert ledger.remarks == []


def test_another_machine_begins_with_what_is_there(open_there, intention):
    """What was paid for on one is not paid for again on the other."""
    one = open_there("a")
    row, _ = one.intend(intention())
    one.move(row.id, "fetched", expect={"intent"}, video="videos/a.mp4")
    one.close()

    other = open_there("b")

    assert other.intend(intention())[0].id == row.id
    assert other.remarks[1] == "1 runs were taken in from ledger.a.snapshot.sqlite."


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


def test_a_torn_copy_of_another_machine_is_told_and_stops_nobody(open_there, intention, network):
    """Its runs are missing here, which must be known."""
    (network / "kie-runs").mkdir()
    (network / "kie-runs" / "ledger.b.snapshot.sqlite").write_bytes(b"half a file")

    ledger = open_there("a")

    assert "ledger.b.snapshot.sqlite could not be taken in" in ledger.remarks[1]
    assert ledger.intend(intention())[1]


def test_a_full_network_disk_stops_nobody(open_there, intention, monkeypatch, caplog):
    """The ledger itself is safe on the local one."""
    ledger = open_there()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(snapshot.shutil, "copyfile", full)

    assert ledger.intend(intention())[1]
    ledger.close()
    assert "No space left" in caplog.text


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
