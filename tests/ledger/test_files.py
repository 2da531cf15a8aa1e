"""Names and places of files: readable, and never outside the folder."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kie_nb.home import is_name
from kie_nb.ledger import Files, input_name
from kie_nb.ledger.files import short_task, slug

HEX = "0123456789abcdef" * 2
SHA256 = HEX * 2


@pytest.mark.parametrize(
    ("text", "readable"),
    [
        pytest.param("The cat looks up.", "the-cat-looks-up", id="plain"),
        pytest.param("Zürich, été, Łódź", "zurich-ete-odz", id="accents"),
        pytest.param("../../etc/passwd", "etc-passwd", id="dots and slashes"),
        pytest.param("C:\\Windows\\x.exe", "c-windows-x-exe", id="backslashes"),
        pytest.param("line one\nline two\r\0", "line-one-line-two", id="newlines and NUL"),
        pytest.param("😀🐈", "clip", id="emoji"),
        pytest.param("猫が笑う", "clip", id="Japanese"),
        pytest.param("", "clip", id="nothing"),
        pytest.param("--rf *", "rf", id="dashes"),
        pytest.param("x" * 10_000, "x" * 40, id="one long word"),
        pytest.param("word " * 2_000, "word-word-word-word-word-word-word-word", id="10 000 characters"),
        pytest.param("half \ud83d", "half", id="half a character"),
    ],
)
def test_a_prompt_becomes_a_few_words(text, readable):
    """ASCII letters, digits and dashes; whole words while there is room."""
    assert slug(text) == readable


@pytest.mark.parametrize(
    ("task_id", "short"),
    [
        pytest.param(HEX, hashlib.sha256(HEX.encode()).hexdigest()[:8], id="hex"),
        pytest.param(
            "task_wan_1777537996491", hashlib.sha256(b"task_wan_1777537996491").hexdigest()[:8], id="words"
        ),
        pytest.param("../../x", hashlib.sha256(b"../../x").hexdigest()[:8], id="dots"),
        pytest.param(HEX + "\n", hashlib.sha256(f"{HEX}\n".encode()).hexdigest()[:8], id="a newline"),
    ],
)
def test_eight_characters_tell_tasks_apart(task_id, short):
    """A hash of the whole: ids are opaque, may hold anything, and time-ordered ones begin alike."""
    assert short_task(task_id) == short


def test_a_video_has_a_readable_name(tmp_path):
    """Prompt, seed and task; a second file of one task has a number, a run without a seed none."""
    files = Files(tmp_path)

    names = [
        files.video(prompt="The cat", seed=0, task_id=HEX).name,
        files.video(prompt="The cat", seed=7, task_id=HEX, number=1).name,
        files.video(prompt="The cat", seed=None, task_id=HEX).name,
    ]

    assert Files.of(files.video(prompt="The cat", seed=0, task_id=HEX)).home == tmp_path
    assert names == ["the-cat_s0_3eb1bd43.mp4", "the-cat_s7_3eb1bd43_2.mp4", "the-cat_3eb1bd43.mp4"]


@settings(deadline=None, max_examples=60, database=None)
@given(
    prompt=st.text(),
    task_id=st.text(st.characters(exclude_categories=["Cs"])),
    seed=st.none() | st.integers(0, 2**31),
)
def test_a_video_stays_in_its_folder(tmp_path_factory, prompt, task_id, seed):
    """Whatever prompt and task id are made of."""
    files = Files(tmp_path_factory.getbasetemp())

    path = files.video(prompt=prompt, seed=seed, task_id=task_id)

    assert path.parent == files.videos
    assert path.resolve().parent == files.videos.resolve()
    assert path.name.isascii()
    assert len(path.name) < 100
    assert files.place(files.relative(path)) == path


def test_preview_and_poster_lie_beside_the_video(tmp_path):
    """Their names begin as the video's does."""
    files = Files(tmp_path)
    video = files.video(prompt="The cat", seed=7, task_id=HEX)

    assert files.preview(video).name == "the-cat_s7_3eb1bd43.preview.mp4"
    assert files.poster(video).name == "the-cat_s7_3eb1bd43.poster.jpg"
    assert files.preview(video).parent == files.poster(video).parent == video.parent


def test_a_picture_is_kept_once(tmp_path):
    """Under the name it had and digits of its hash; a second time, whatever it is called by then, writes nothing."""
    files = Files(tmp_path)
    sha256 = hashlib.sha256(b"picture").hexdigest()
    first = files.keep_input(b"picture", sha256, "image/png", "Desktop photo (2).PNG")
    stamp = first.stat().st_mtime_ns

    again = files.keep_input(b"picture", sha256, "image/png", "other.png")

    assert first == again == files.find_input(sha256)
    assert first == tmp_path / "inputs" / f"Desktop-photo-2-{sha256[:8]}.png"
    assert again.stat().st_mtime_ns == stamp
    assert len(list(files.inputs.iterdir())) == 1


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("desktop_photo.jpg", "desktop_photo"),
        (f"cat-{SHA256[:8]}.png", "cat"),
        ("Ünï cödé.png", "Uni-code"),
        ("写真.png", "picture"),
        ("../../x\\y.png", "x-y"),
        (".hidden", "hidden"),
        ("x" * 300, "x" * 40),
        ("image (PIL 3fa2)", "image-PIL-3fa2"),
    ],
)
def test_what_a_copy_is_called(label, name):
    """Readable, and a name that any disk takes; its own copy keeps its name."""
    called = input_name(label, SHA256, "image/jpeg")

    assert called == f"{name}-{SHA256[:8]}.jpg"
    assert is_name(called)


def test_copies_whose_digits_are_alike_are_told_apart(tmp_path):
    """By their content; a copy of an older folder has the whole hash for its name."""
    files = Files(tmp_path)
    contents = [b"picture", b"another"]
    first, second = (hashlib.sha256(each).hexdigest() for each in contents)
    files.inputs.mkdir()
    for number, content in enumerate(contents):
        (files.inputs / f"{number}-{second[:8]}.png").write_bytes(content)
    assert files.find_input(second).read_bytes() == b"another"

    (files.inputs / f"{first}.png").write_bytes(b"picture")
    assert files.find_input(first) == files.inputs / f"{first}.png"


@pytest.mark.parametrize("name", ["cat", "stranger"])
def test_a_file_of_another_picture_is_not_taken_for_its_copy(tmp_path, name):
    """Its name has the same eight digits: it came with an import, or was altered. It could not be sent again."""
    files = Files(tmp_path)
    sha256 = hashlib.sha256(b"picture").hexdigest()
    files.inputs.mkdir()
    other = files.inputs / f"{name}-{sha256[:8]}.png"
    other.write_bytes(b"another")

    kept = files.keep_input(b"picture", sha256, "image/png", "cat.png")

    assert kept.read_bytes() == files.find_input(sha256).read_bytes() == b"picture"
    assert other.read_bytes() == b"another"


def test_part_of_a_picture_is_no_picture(tmp_path):
    """A crash between writing and naming leaves one; what is found is whole, or nothing."""
    files = Files(tmp_path)
    files.inputs.mkdir()
    (files.inputs / f"{SHA256}.png.0123.part").write_bytes(b"pic")
    assert files.find_input(SHA256) is None

    kept = files.keep_input(b"picture", SHA256, "image/png", "cat.png")

    assert files.find_input(SHA256) == kept


def test_the_ledger_keeps_paths_that_can_move(tmp_path):
    """Relative to the folder, with forward slashes."""
    files = Files(tmp_path / "here")
    stored = files.relative(files.videos / "a.mp4")

    assert stored == "videos/a.mp4"
    assert Files(tmp_path / "there").place(stored) == tmp_path / "there" / "videos" / "a.mp4"
