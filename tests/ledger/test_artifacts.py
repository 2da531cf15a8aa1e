"""The files of a run in its row: which is which, and what was on the disk."""

import dataclasses
import json
import sqlite3
from contextlib import closing

import pytest

from kie_nb.ledger import KeptFile, files_made, with_kept

FILES = (
    KeptFile(name="videos/a.mp4", number=1, sha256="a" * 64, bytes=1),
    KeptFile(name="videos/b.png", number=0, sha256="b" * 64, bytes=2),
)
KNOWN = {"task_id": "t", "files": FILES, "files_made": 3}


@pytest.fixture
def fetched(ledger, intention):
    """A run with these columns: ``fetched(files=())``."""

    def make(**changes):
        row, _ = ledger.intend(intention(), fresh=True)
        return ledger.move(row.id, "fetched", expect={"intent"}, **KNOWN | changes)

    return make


def test_a_row_tells_its_files(ledger, fetched):
    """Each with what is known of it, and what is not known is not written."""
    row = fetched()

    assert ledger.get(row.id).files == row.files == FILES
    assert (row.video, row.video_sha256, files_made(row)) == ("videos/a.mp4", "a" * 64, 3)
    with closing(sqlite3.connect(ledger.home / "ledger.sqlite")) as db:
        (text,) = db.execute("SELECT files FROM run").fetchone()
    assert json.loads(text)[1] == {"name": "videos/b.png", "number": 0, "sha256": "b" * 64, "bytes": 2}


def test_a_row_is_found_by_the_hash_of_any_of_its_files(ledger, fetched):
    """A file tells whose it is, whichever of its task's it is."""
    row = fetched()

    assert [ledger.of_video(one.sha256) for one in FILES] == [row, row]
    assert ledger.of_video("c" * 64) is None


@pytest.mark.parametrize(
    ("changes", "made"),
    [
        pytest.param({"files": (), "files_made": None, "urls": ["x", "y"]}, 2, id="links"),
        pytest.param({"urls": ["x"]}, 3, id="the service names fewer today"),
        pytest.param({"urls": ["x"] * 4}, 4, id="or more"),
        pytest.param({"files_made": 1}, 2, id="one is here that was not counted"),
        pytest.param({"files": (), "files_made": None}, 0, id="nobody knows"),
    ],
)
def test_how_many_there_were(fetched, changes, made):
    """By the links, by what was written down, and by what is there."""
    assert files_made(fetched(**changes)) == made


def test_what_comes_takes_the_place_of_its_number(fetched):
    """Another one goes behind; the video stays before the still."""
    came = [
        KeptFile(name="videos/c.mp4", number=1, sha256="c" * 64, bytes=3),
        KeptFile(name="videos/d.mp4", number=2, sha256="d" * 64, bytes=4),
    ]

    assert with_kept(fetched(), came, made=3) == {"files": (*came, FILES[1]), "files_made": 3}


def test_nothing_is_nothing():
    """No file, no count."""
    assert with_kept(None, [], made=0) == {"files": (), "files_made": None}


def test_a_file_is_replaced_and_not_changed():
    """What the row of one process says is what it was given."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        FILES[0].name = "videos/x.mp4"
