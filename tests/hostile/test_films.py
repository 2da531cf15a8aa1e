"""Films of hostile files, and hostile records of films: only our own errors, no program, nothing bought."""

import ast
import json
import random
import sqlite3

import pytest
import videocorpus

import kie_nb as kie
from kie_nb.ledger import FILM
from kie_nb.notebook.run_cell import cell_of
from kie_nb.notebook.run_page import card


@pytest.fixture(scope="session")
def clips(tmp_path_factory):
    """A clip with sound, and one of another codec."""
    folder = tmp_path_factory.mktemp("clips")
    made = {
        "a.mp4": videocorpus.draw(frames=8, sound="aac", tone_s=0.4),
        "b.webm": videocorpus.draw("webm", "libvpx-vp9", frames=8),
    }
    for name, content in made.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in made]


@pytest.mark.parametrize("seed", range(8))
def test_spoilt_clips_never_crash(clips, tmp_path, seed):
    """Cut, or with bytes turned: joined as far as they play, or refused in words; nothing unfinished is left."""
    dice = random.Random(seed)  # noqa: S311
    content = bytearray(clips[seed % 2].read_bytes())
    if dice.random() < 0.5:
        content = content[: dice.randrange(len(content))]
    for _ in range(dice.randrange(30)):
        content[dice.randrange(len(content))] = dice.randrange(256)
    (tmp_path / "spoilt").write_bytes(content)

    try:
        film = kie.join([clips[0], tmp_path / "spoilt", clips[1]], "film.mp4")
        film.frame(-1)
    except kie.InvalidRequest as exc:
        assert str(tmp_path) not in exc.message  # noqa: PT017 - it may be joined, too

    left = [path.name for path in tmp_path.rglob("*") if ".part" in path.name]
    assert left == []


@pytest.fixture
def film(clips):
    return kie.join(clips)


@pytest.mark.parametrize(
    "part",
    [
        {"run": 'x"); import os; os.system("x"); ("'},
        {"name": "'); import os; os.system('x'); ('\n\"\"\""},
        {"run": ["list"]},
        {"name": "<script>alert(1)</script>", "frame": -1},
        "text",
    ],
    ids=str,
)
def test_a_stranger_s_parts_run_nothing(film, part):
    """The cell that is copied calls `kie.join`, whatever the record says; the card shows text."""
    row = film.ledger.get(film.id)
    parts = {**row.origin, "parts": [part]}
    with sqlite3.connect(film.ledger.home / "ledger.sqlite") as db:
        db.execute("UPDATE run SET origin = ? WHERE id = ?", (json.dumps(parts), film.id))
    film.ledger.publish(film.ledger.get(film.id))

    called = [node for node in ast.walk(ast.parse(cell_of(film))) if isinstance(node, ast.Call)]

    assert {ast.unparse(node.func) for node in called} <= {"kie.join", "kie.get"}
    assert "<script>alert" not in card(film)


@pytest.mark.parametrize("state", ["intent", "success", "lost", "unknown"])
def test_a_film_in_another_state_is_sent_nowhere(simulate, film, state):
    """Nothing of a service's life is believed of it."""
    service = simulate()
    with sqlite3.connect(film.ledger.home / "ledger.sqlite") as db:
        db.execute("UPDATE run SET state = ?, files = '[]' WHERE id = ?", (state, film.id))

    kie.resume()
    kie.doctor()

    assert (service.counts["create"], service.counts["record"]) == (0, 0)


def test_a_film_is_no_model(simulate):
    """It cannot be asked for by its name."""
    service = simulate()

    with pytest.raises(kie.InvalidRequest, match="is no model of the service"):
        kie.generate(model=FILM, input={"prompt": "p", "clips": []})

    assert service.counts["create"] == 0
