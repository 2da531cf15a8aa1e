"""A home on a network disk: a rollback journal, said once, and only where file locks hold."""

import contextlib
import errno
import fcntl
import sqlite3
import sys
from pathlib import Path

import pytest
from kernelforks import Script

from kie_nb.errors import LedgerError
from kie_nb.ledger import GrantStore, Ledger, sqlite_checks
from kie_nb.ledger.sqlite_checks import Mount, is_network, mount_of

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
    assert mount_of(Path(path), MOUNTS).fstype == fstype


def test_without_a_list_of_mounts_a_disk_counts_as_local(tmp_path):
    """A sandbox may have none."""
    assert mount_of(tmp_path, []) is None


@pytest.fixture
def network(tmp_path, monkeypatch):
    """All in this folder is on a network disk; called, it is mounted with these options."""
    folder = tmp_path / "net"
    folder.mkdir()

    def mount(options="rw"):
        mounts = [Mount("/", "ext4"), Mount(str(folder.resolve()), "nfs4", options)]
        monkeypatch.setattr(sqlite_checks, "mounts_here", lambda: mounts)
        return folder

    mount()
    mount.folder = folder
    return mount


def journal_of(file):
    with contextlib.closing(sqlite3.connect(file)) as db:
        return db.execute("PRAGMA journal_mode").fetchone()[0]


def test_the_ledger_has_a_rollback_journal_there(network, open_ledger, intention):
    """Beside the notebook as ever; it is said in one line, and works."""
    home = network() / "kie-runs"
    ledger = open_ledger(home)
    row, _ = ledger.intend(intention())

    assert open_ledger(home).get(row.id) == row
    assert journal_of(home / "ledger.sqlite") == "delete"
    (line,) = ledger.remarks
    assert "network disk (nfs4)" in line
    assert "KIE_NB_LEDGER" in line
    assert ledger.untold() == (line,)
    assert open_ledger(home).untold() == ()


def test_an_ordinary_home_has_wal_and_no_remarks(open_ledger, intention, tmp_path):
    """Nothing is said where nothing is special."""
    ledger = open_ledger(tmp_path / "home")
    ledger.intend(intention())

    assert ledger.remarks == []
    assert journal_of(tmp_path / "home" / "ledger.sqlite") == "wal"


def test_a_folder_that_was_brought_to_another_disk_changes_its_journal(
    network, open_ledger, intention, monkeypatch
):
    """To a network disk and back, with its runs."""
    monkeypatch.setattr(sqlite_checks, "mounts_here", list)
    home = network.folder / "kie-runs"
    ledger = open_ledger(home)
    row, _ = ledger.intend(intention())
    ledger.close()

    network()
    there = open_ledger(home)
    assert there.get(row.id) == row
    assert journal_of(home / "ledger.sqlite") == "delete"
    there.close()

    monkeypatch.setattr(sqlite_checks, "mounts_here", list)
    assert open_ledger(home).get(row.id) == row
    assert journal_of(home / "ledger.sqlite") == "wal"


WRITER = """
import sys
from pathlib import Path
from kie_nb.ledger import Ledger, NewRun, sqlite_checks

sqlite_checks.mounts_here = lambda: [sqlite_checks.Mount("/", "nfs4")]
known = dict.fromkeys(NewRun.__slots__)
known |= dict.fromkeys(("account", "model", "owner"), "x") | {"service": "kie", "family": "f" * 64}
known |= {"request": {"model": "x", "input": {}}, "seed_drawn": False, "made_by": {}}
ledger = Ledger(Path(sys.argv[1]))
for number in range(40):
    ledger.intend(NewRun(**known | {"fingerprint": f"{sys.argv[2]}{number:063}"}))
"""


def test_two_processes_write_it_at_once(network, open_ledger):
    """Every intention of both is on disk: a lock of one keeps the other out."""
    home = network() / "kie-runs"
    running = [Script([sys.executable, "-c", WRITER, home, name]) for name in "ab"]

    assert [process.wait() for process in running] == [0, 0]
    assert len(open_ledger(home).runs(limit=None)) == 80


@pytest.mark.parametrize("options", ["rw,nolock", "local_lock=all,rw", "rw,vers=3,local_lock=posix"])
def test_locks_of_one_machine_alone_are_refused(network, options):
    """Two machines would write the file at once; the refusal names the two ways out."""
    folder = network(options)

    with pytest.raises(LedgerError, match="on this machine alone") as caught:
        Ledger(folder / "kie-runs")

    assert "KIE_NB_HOME" in caught.value.hint
    assert "KIE_NB_LEDGER" in caught.value.hint
    assert not list(folder.rglob("*.sqlite"))


def _no_locks(*_):
    raise OSError(errno.ENOLCK, "No locks available")


@pytest.mark.parametrize(
    ("locks", "fault"),
    [(_no_locks, "No locks available"), (lambda *_: 0, "a second lock was given")],
    ids=["none are given", "all are given"],
)
def test_locks_that_do_not_hold_are_refused(network, monkeypatch, locks, fault):
    """They are tried before the database is opened, and nothing of the trial is left."""
    folder = network()
    monkeypatch.setattr(fcntl, "fcntl", locks)

    with pytest.raises(LedgerError, match=fault):
        Ledger(folder / "kie-runs")

    assert not [file for file in folder.rglob("*") if file.is_file()]


def test_grants_are_kept_there_too(network):
    """Kernels of several machines that share the folder of a user share the account's limit."""
    store = GrantStore(network() / "state")
    grant, _ = store.take("a", limit=1, window_s=1)
    store.close()

    assert grant is not None
    assert journal_of(network.folder / "state" / "grants.sqlite") == "delete"


def test_a_folder_that_cannot_be_made_is_called_by_its_own_name(tmp_path):
    """The grants are chosen by KIE_NB_STATE, the ledger by its home."""
    file = tmp_path / "file"
    file.touch()
    attempts = [
        (lambda: GrantStore(file / "state"), "KIE_NB_STATE"),
        (lambda: Ledger(file / "home"), "KIE_NB_HOME or configure(home=...)"),
    ]

    for attempt, setting in attempts:
        with pytest.raises(LedgerError, match="cannot be created") as caught:
            attempt()
        assert caught.value.hint == f"choose another with {setting}"
