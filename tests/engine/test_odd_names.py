"""Names that no file can have, and some that one can: wherever they are given, they are used as they are or refused in words."""

import shutil
from pathlib import Path

import pytest

import kie_nb as kie
from kie_nb import settings

pytestmark = pytest.mark.slow

SHORT_S = 60
NAMES = {
    "upwards": "../../../etc/passwd",
    "a newline": "a\nb\r\nc",
    "emoji": "🐈‍⬛ 猫 é",
    "10 000 characters": "x" * 10_000,
    "10 000 steps": "x/" * 5_000,
    "a zero": "a\x00b",
    "half a character": "a\ud83db",
    "a script": "<script>alert(1)</script>",
}
PLACES = {
    "a picture": lambda name, ask: ask(image=name),
    "an address of a picture": lambda name, ask: ask(image=f"http://pictures.local/{name}"),
    "a model": lambda name, ask: ask(model=name),
    "a field": lambda name, ask: ask(**{name: 1}),
    "a value": lambda name, ask: ask(resolution=name),
    "a run": lambda name, _ask: kie.get(name),
    "words to look for": lambda name, _ask: kie.runs(text=name, tag=name, experiment=name),
    "a folder to import": lambda name, _ask: kie.import_runs(Path("in") / name),
    "a video to read": lambda name, _ask: kie.read_request(Path("in") / name),
    "a budget": lambda name, _ask: kie.budget(5, per=name),
}
REFUSED_NOWHERE = {"words to look for"}


def is_clear(error):
    """Few lines, and none of them long."""
    lines = str(error).splitlines()
    return 1 <= len(lines) <= 4 and len(str(error)) < 900


def told_by(act):
    """The error of ours that *act* raises, or None; any other goes on."""
    try:
        act()
    except kie.KieError as exc:
        return exc
    return None


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
@pytest.mark.parametrize("place", PLACES)
def test_a_name_that_is_none(simulate, ask, deep, place, name):
    """Wherever it is given it is refused in a few lines; nothing is sent, and nothing is written outside."""
    simulator = simulate()
    told = told_by(lambda: PLACES[place](name, ask))

    assert told is not None or place in REFUSED_NOWHERE
    assert told is None or is_clear(told), str(told)
    assert simulator.counts["create_requests"] == 0
    assert {path.name for path in deep.iterdir()} <= {"deep", "kie-runs", "state"}


@pytest.fixture
def deep(tmp_path, monkeypatch):
    """A working folder far down; gives the one that nothing but ours may be in."""
    folder = tmp_path / "deep" / "deeper" / "deepest" / "work"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    return tmp_path


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_a_folder_to_export_to(simulate, ask, deep, name):
    """It is made under that name, or refused in a few lines."""
    simulate()
    run = ask().wait(SHORT_S)
    told = told_by(lambda: kie.export(Path("out") / name))

    made = [path.parent for path in deep.rglob("manifest.json")]
    assert len(made) == int(told is None)
    assert told is None or is_clear(told), str(told)
    assert run.video.exists()


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_a_prompt_that_is_no_name(simulate, ask, name):
    """What is short enough is sent as it is, and its video lies among the others; what is not is refused by its length."""
    simulator = simulate()
    if len(name) > 800 or "\ud83d" in name:
        with pytest.raises(kie.InvalidRequest) as caught:
            ask(name)
        assert is_clear(caught.value)
        assert simulator.counts["create_requests"] == 0
        return
    run = ask(name).wait(SHORT_S)

    assert simulator.tasks[0].input["prompt"] == name
    assert run.video.resolve().parent == (settings.current().home / "videos").resolve()
    assert run.video.name.isascii()
    assert "\n" not in run.video.name


@pytest.mark.parametrize(
    "name_and_kept",
    [
        ("a\nb.png", "a-b"),
        ("🐈 猫.png", "picture"),
        ("..png", "picture"),
        ("<script>.png", "script"),
        ("x" * 250 + ".png", "x" * 40),
    ],
)
def test_a_picture_with_an_odd_name(simulate, ask, cat, tmp_path, name_and_kept):
    """It is sent under a name of ours, and kept under what is plain of its own, with the first digits of its hash."""
    simulator, (name, kept) = simulate(), name_and_kept
    shutil.copyfile(cat, tmp_path / name)
    run = ask(image=name).wait(SHORT_S)

    assert run.request.image.label == name
    assert [path.name for path in (settings.current().home / "inputs").iterdir()] == [
        f"{kept}-{run.request.image.sha256[:8]}.png"
    ]
    assert simulator.tasks[0].input["image_url"].isascii()


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_words_of_ones_own(simulate, ask, monkeypatch, name):
    """A tag and a note are kept as they are, found again and exported; or refused, so that no run is shut in by its words."""
    simulate()
    run = ask().wait(SHORT_S)
    kept = []
    for write in (run.tag, run.note):
        told = told_by(lambda write=write: write(name))
        assert told is None or is_clear(told), str(told)
        kept.append(name if told is None else None)
    kie.export("out")
    monkeypatch.setenv("KIE_NB_HOME", "elsewhere")
    kie.import_runs("out")
    found = kie.get(run.id)

    assert (*found.tags, None)[0] == kept[0]
    assert found.row.note == kept[1]
    assert kept[0] is None or [one.id for one in kie.runs(tag=name)] == [run.id]


@pytest.mark.parametrize("name", ["a\nb", "🐈 猫", "<script>", "x" * 200])
def test_a_folder_with_an_odd_name(simulate, ask, name):
    """The runs are in it and nowhere else."""
    simulate()
    kie.configure(home=name)
    run = ask().wait(SHORT_S)

    assert run.video.parts[-3:-1] == (name, "videos")
    assert Path(name, "ledger.sqlite").exists()


@pytest.mark.parametrize("name", ["x" * 10_000, "a\x00b", "x/" * 5_000])
def test_a_folder_that_no_disk_can_have(simulate, ask, name):
    """It is told before anything is sent."""
    simulator = simulate()
    kie.configure(home=name)
    with pytest.raises(kie.KieError) as caught:
        ask()

    assert is_clear(caught.value)
    assert sum(simulator.counts.values()) == 0
