"""The one way from a stored name to a file: what is a name of ours, and what may be read and made."""

import os

import pytest

from kie_nb import home

HASH = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("stored", "is_ours"),
    [
        ("videos/the-cat_s7_3eb1bd43.mp4", True),
        ("videos/the-cat_s7_3eb1bd43_2.png", True),
        (f"videos/{'x' * 200}", True),
        (f"videos/{'x' * 201}", False),
        ("the-cat.mp4", False),
        ("inputs/the-cat.mp4", False),
        ("videos", False),
        ("videos/", False),
        ("videos/.", False),
        ("videos/..", False),
        ("videos/../x.mp4", False),
        ("videos//x.mp4", False),
        ("./videos/x.mp4", False),
        ("/videos/x.mp4", False),
        ("videos/.x.mp4", False),
        ("videos/x.mp4.", False),
        ("videos/x.mp4 ", False),
        ("videos/x.mp4\n", False),
        ("videos/x\0.mp4", False),
        ("videos/x:y.mp4", False),
        ("videos/x\\y.mp4", False),
        ("videos\\x.mp4", False),
        ("videos/x\u2215y.mp4", False),
        ("videos/\uff0e\uff0e", False),
        ("videos/été.mp4", False),
        ("videos/NUL", False),
        ("videos/con.mp4", False),
        ("videos/~", False),
        ("", False),
        (".", False),
        (None, False),
        (7, False),
        (b"videos/x.mp4", False),
        (["videos/x.mp4"], False),
    ],
)
def test_a_stored_name(tmp_path, stored, is_ours):
    """A known folder and a bare name as we give them, and nothing else."""
    assert (home.stored_place(tmp_path, stored) is not None) is is_ours


@pytest.mark.parametrize(
    ("text", "is_hash"),
    [
        (HASH, True),
        (HASH.upper(), False),
        (HASH[1:], False),
        (f"{HASH}\n", False),
        ("../" + HASH[3:], False),
        (None, False),
    ],
)
def test_a_hash(text, is_hash):
    """64 digits, none of them a capital."""
    assert home.is_sha256(text) is is_hash


def test_only_plain_files_in_real_folders_are_opened(tmp_path):
    """The home may be a link, for its user has put it where it is; what is in it may not."""
    real, outside = tmp_path / "real", tmp_path / "outside"
    for folder in (real / "videos", outside):
        folder.mkdir(parents=True)
        (folder / "x.mp4").write_bytes(b"film")
    (tmp_path / "home").symlink_to(real)
    (real / "videos" / "link.mp4").symlink_to(outside / "x.mp4")
    os.mkfifo(real / "videos" / "pipe.mp4")
    (real / "inputs").symlink_to(outside)
    videos = tmp_path / "home" / "videos"

    assert home.read_plain(videos / "x.mp4") == b"film"
    for path in (
        videos / "link.mp4",
        videos / "pipe.mp4",
        videos,
        real / "inputs" / "x.mp4",
        videos / "none.mp4",
    ):
        assert not home.is_plain_file(path)
        with pytest.raises(OSError, match=r"\w"):
            home.open_plain(path)
    with home.open_file(videos / "link.mp4") as file:  # of a user's own choice
        assert file.read() == b"film"
    with pytest.raises(OSError, match="a link"):
        home.make_folder(real / "inputs")
