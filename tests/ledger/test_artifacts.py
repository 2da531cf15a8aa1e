"""The files of a run in its row: which is which, and what was on the disk."""

import pytest

from kie_nb.ledger import KeptFile, files_made, with_kept
from kie_nb.ledger.artifacts import numbers_of
from kie_nb.ledger.files import short_task

TASK = "t"
SAID = f"videos/a_{short_task(TASK)}"
FACTS = [
    {"name": "videos/a.mp4", "number": 1, "sha256": "aa", "bytes": 1},
    {"name": "videos/b.png", "number": 0, "sha256": "bb", "bytes": 2},
]
COLUMNS = {
    "task_id": TASK,
    "video": "videos/a.mp4",
    "video_sha256": "aa",
    "video_bytes": 1,
    "more_videos": ["videos/b.png"],
    "files": FACTS,
    "files_made": 3,
}


@pytest.fixture
def fetched(ledger, intention):
    """A run with these columns: ``fetched(files=None)``."""

    def make(**changes):
        row, _ = ledger.intend(intention(), fresh=True)
        return ledger.move(row.id, "fetched", expect={"intent"}, **COLUMNS | changes)

    return make


@pytest.mark.parametrize(
    ("told", "numbers"),
    [
        pytest.param([], [], id="none"),
        pytest.param([0, 1], [0, 1], id="told"),
        pytest.param([1, 0], [1, 0], id="the second first"),
        pytest.param([None, None], [0, 1], id="by their place"),
        pytest.param([None, 0], [1, 0], id="what is told goes first"),
        pytest.param([2, None, None], [2, 1, 0], id="the third alone is told"),
        pytest.param([1, 1, None], [1, 0, 2], id="told twice"),
        pytest.param([5], [5], id="of many"),
    ],
)
def test_each_file_has_a_number_of_its_own(told, numbers):
    """As it is told; else its place among them, or one that is free."""
    assert numbers_of(told) == numbers


def test_a_row_tells_its_files(fetched):
    """Each with what is known of it."""
    row = fetched()

    assert row.files == (
        KeptFile(name="videos/a.mp4", number=1, sha256="aa", bytes=1),
        KeptFile(name="videos/b.png", number=0, sha256="bb", bytes=2),
    )
    assert files_made(row) == 3


def test_an_earlier_row_tells_what_it_knows(fetched):
    """The hash of the first, and numbers by names that say them; of the others nothing is invented."""
    row = fetched(
        video=f"{SAID}_2.mp4", more_videos=[f"{SAID}.mp4", "videos/odd.mp4"], files=None, files_made=None
    )

    assert row.files == (
        KeptFile(name=f"{SAID}_2.mp4", number=1, sha256="aa", bytes=1),
        KeptFile(name=f"{SAID}.mp4", number=0),
        KeptFile(name="videos/odd.mp4", number=2),
    )
    assert files_made(row) == 0


@pytest.mark.parametrize(
    ("changes", "made"),
    [
        pytest.param({"files": None, "files_made": None, "urls": ["x", "y"]}, 2, id="links"),
        pytest.param({"urls": ["x"]}, 3, id="the service names fewer today"),
        pytest.param({"urls": ["x"] * 4}, 4, id="or more"),
        pytest.param({"files_made": 1}, 2, id="one is here that was not counted"),
        pytest.param({"files_made": 1 << 40}, 0, id="beyond belief"),
    ],
)
def test_how_many_there_were(fetched, changes, made):
    """By the links, by what was written down, and by what is there."""
    assert files_made(fetched(**changes)) == made


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({"name": 1}, id="no list"),
        pytest.param(7, id="a number"),
        pytest.param(["videos/a.mp4"], id="names alone"),
        pytest.param([{"name": ["x"]}], id="a name that is none"),
        pytest.param([{"name": "videos/b.png", "number": -1, "sha256": 7, "bytes": True}], id="nonsense"),
    ],
)
def test_facts_that_are_none_are_not_known(fetched, files):
    """They may come with the note of another machine; the run itself is worth more than they."""
    assert kept_files(fetched(files=files))[1] == KeptFile(name="videos/b.png", number=1)


def test_what_comes_takes_the_place_of_its_number(fetched):
    """Another one goes behind; the video stays before the still, and its columns are those of the first."""
    row = fetched()
    came = [
        KeptFile(name="videos/c.mp4", number=1, sha256="cc", bytes=3),
        KeptFile(name="videos/d.mp4", number=2, sha256="dd", bytes=4),
    ]

    columns = with_kept(row, came, made=3)

    assert (columns["video"], columns["video_sha256"], columns["video_bytes"]) == ("videos/c.mp4", "cc", 3)
    assert columns["more_videos"] == ["videos/d.mp4", "videos/b.png"]
    assert [one["number"] for one in columns["files"]] == [1, 2, 0]
    assert columns["files_made"] == 3


def test_nothing_is_nothing():
    """No file, no count."""
    assert set(with_kept(None, [], made=0).values()) == {None}
