"""The form: made of the model's description, wrong values said in the words of the magic."""

import functools
import http.server
import re
import shutil
import threading
import time
from concurrent.futures import Future
from pathlib import Path

import pytest

import kie_nb as kie
from kie_nb.catalogue import SEED_MAX, build_request, describe, known_models
from kie_nb.errors import InvalidRequest
from kie_nb.notebook.panel.draft import Draft
from kie_nb.notebook.panel.static import static_page
from kie_nb.requests.images import read_picture

WRONG = "kie-panel-wrong"
TEXT = "wan/2-5-text-to-video"
GOOD = {"model": TEXT, "values": {"prompt": "Waves."}, "seed": 7}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"values": {}}, "prompt"),
        ({"values": {"prompt": "x" * 801}}, "prompt"),
        ({"values": {"prompt": "Waves.", "negative_prompt": "x" * 501}}, "negative_prompt"),
        ({"values": {"prompt": "Waves.", "duration": "7"}}, "duration"),
        ({"seed": "many"}, "seed"),
        ({"seed": -1}, "seed"),
        ({"seed": SEED_MAX + 1}, "seed"),
    ],
)
def test_a_mistake_is_at_its_field_in_the_words_of_the_magic(changes, field):
    """One description validates both."""
    draft = Draft(**GOOD | changes)
    with pytest.raises(InvalidRequest) as said:
        build_request(model=TEXT, seed=draft.seed, **draft.fields)

    errors = draft.errors()

    assert errors == {field: said.value.message}


def test_several_mistakes_are_each_at_their_field():
    """All are said at once, the picture too."""
    draft = Draft(values={"duration": "7"}, seed="x")

    assert set(draft.errors()) == {"prompt", "duration", "seed", "image_url"}
    assert "needs an image" in draft.errors()["image_url"]
    assert draft.missing() == {"prompt", "image_url"}


@pytest.mark.parametrize(
    ("seed", "count", "seeds"),
    [(7, 1, [7]), (7, 3, [7, 8, 9]), (SEED_MAX, 1, [SEED_MAX]), (SEED_MAX, 2, None), ("x", 1, None)],
)
def test_several_runs_count_the_seed_up(seed, count, seeds):
    """The last one must be a seed too."""
    draft = Draft(**GOOD | {"seed": seed, "count": count})

    assert ("seed" in draft.errors()) is (seeds is None)
    if seeds:
        assert draft.seeds == seeds


def test_white_space_around_a_prompt_is_left_out_as_in_a_cell():
    """The magic takes the body of its cell so; the request is the same one."""
    assert Draft(**GOOD | {"values": {"prompt": " Waves.\n"}}).fields == {"prompt": "Waves."}


def test_a_seed_that_is_left_out_is_no_mistake():
    """It is drawn before it is sent, and shown."""
    assert Draft(**GOOD | {"seed": None}).errors() == {}


@pytest.mark.parametrize("model", known_models())
def test_every_field_has_a_control_with_its_words_and_choices(page, model):
    """Nothing is written twice."""
    page.form.model.value = model

    for entry in describe(model):
        if entry.option in {"image", "seed"}:
            continue
        widget = page.field(entry.name).widget
        assert widget.description == entry.title
        assert widget.tooltip == entry.help
        shown = {value for _, value in getattr(widget, "options", ())}
        assert set(entry.choices) <= shown
    assert page.form.read().model == model


def test_what_was_written_stays_when_the_model_changes(page):
    """A look at another model loses nothing."""
    page.write(prompt="Waves.", duration="10")
    page.form.model.value = TEXT
    page.write(aspect_ratio="9:16")

    assert page.form.read().values["prompt"] == "Waves."
    assert page.form.read().values["duration"] == "10"


def test_a_picture_arrives_in_pieces(page, cat):
    """As large files do; its pixels and size are shown."""
    page.give(cat, piece_bytes=50_000)
    page.until(lambda: page.form.picture.place.facts)

    assert page.form.picture.place.facts == "chelsea.png · 451 × 300 · 237 kB"
    assert page.form.read().source == read_picture(cat)


@pytest.mark.parametrize(
    ("path", "words"),
    [("no.png", "there is no file"), (".", "is a folder"), ("ftp://a.example/x.png", "")],
)
def test_a_bad_path_is_said_at_the_picture(page, path, words):
    """In the words of the magic, before anything is sent."""
    page.form.picture.path.value = path
    page.until(lambda: words in page.form.picture.error.value)
    page.until(lambda: not page.panel.button.disabled)
    page.write(prompt="The cat smiles.")
    page.click()
    page.answer()
    page.until(lambda: page.panel.callbacks.line.is_bad)

    assert "nothing" in page.says


def test_a_path_with_a_slip_is_told_its_neighbour(page, cat):
    """As a cell says it; and on a line of its own."""
    shutil.copy(cat, "cat.png")
    page.form.picture.path.value = "ct.png"
    page.until(lambda: "there is no file" in page.form.picture.error.value)

    assert "\nnext: did you mean cat.png?" in page.form.picture.error.value


def test_a_wrong_seed_marks_the_seed_alone(page):
    """Not the runs beside it, which are right; a press says why, and sends nothing."""
    page.form.model.value = TEXT
    page.write(prompt="Waves.")
    page.form.seed.text.value = "-3"
    page.until(lambda: "seed" in page.form.seed.error.value)

    marked = [each for each in (page.form.seed.text, page.form.seed.count) if WRONG in each._dom_classes]
    assert marked == [page.form.seed.text]
    assert WRONG not in page.form.seed.box._dom_classes
    page.click()
    page.answer()
    page.until(lambda: "charged: nothing" in page.says)
    assert "seed=-3" in page.says
    assert not kie.runs()


def test_what_was_said_of_a_mistake_goes_when_it_is_mended(page):
    """All of it must be: one of two mistakes is no reason yet. What came behind it stays."""
    page.form.model.value = TEXT
    page.form.seed.text.value = "-3"
    page.until(lambda: not page.panel.button.disabled)
    page.click()
    page.answer()
    page.until(lambda: page.panel.callbacks.line.is_bad)
    page.panel.say("Run 1 is done.", add=True)
    page.write(prompt="Waves.")
    page.until(lambda: not page.field("prompt").error.value)
    assert "seed=-3" in page.says

    page.form.seed.text.value = "3"
    page.until(lambda: "seed=-3" not in page.says)

    assert page.says == "Run 1 is done."


def test_an_error_of_another_kind_outlives_a_right_form(page):
    """A run that has failed is said until something else is."""
    page.form.model.value = TEXT
    page.until(lambda: not page.panel.button.disabled)
    page.click()
    page.answer()
    page.until(lambda: page.panel.callbacks.line.is_bad)
    page.panel.say("Run 1 failed.", bad=True)
    page.write(prompt="Waves.")
    page.until(lambda: not page.field("prompt").error.value)

    assert page.says == "Run 1 failed."
    assert page.panel.callbacks.line.is_bad


def test_a_lost_piece_is_no_picture(page, cat):
    """Half a photograph is never sent."""
    message = {"id": "a", "name": "cat.png", "piece": 1, "pieces": 2}
    page.form.picture._message(None, message, [b"half"])
    page.until(lambda: "lost on its way" in page.form.picture.error.value)

    assert page.form.read().source is None


@pytest.fixture
def served(cat):
    """The address of a picture."""
    folder = Path("served")
    folder.mkdir()
    shutil.copy(cat, folder / "cat.png")
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_words):
        """Nothing."""


def test_a_picture_by_its_address_is_shown(page, served, cat, monkeypatch):
    """With its pixels and size, as one that was dropped."""
    monkeypatch.setattr(
        "kie_nb.requests.image_urls.check_url", lambda url, **_own: url
    )  # no public address here
    page.form.picture.path.value = f"{served}/cat.png"
    page.until(lambda: "451 × 300" in page.form.picture.place.facts)

    assert page.form.picture.place.facts == "cat.png · 451 × 300 · 241 kB"
    assert page.form.picture._still
    assert page.form.read().source == f"{served}/cat.png"


@pytest.mark.parametrize(
    ("path", "words"), [("gone.png", "cannot be read"), ("", "an HTML page")], ids=["gone", "page"]
)
def test_an_address_that_serves_no_picture_is_marked(page, served, path, words, monkeypatch):
    """Before it is asked for; where it may still be read by the service, it can be."""
    monkeypatch.setattr("kie_nb.requests.image_urls.check_url", lambda url, **_own: url)
    page.form.picture.path.value = f"{served}/{path}"

    page.until(lambda: words in page.form.picture.error.value)


def test_a_picture_that_is_read_too_slowly_is_not_waited_for_without_end(page, cat, monkeypatch):
    """The press says so and sends nothing."""
    monkeypatch.setattr("kie_nb.notebook.panel.picture.READ_S", 0.1)
    page.form.picture._reading = Future()
    page.write(prompt="The cat smiles.")
    with pytest.raises(InvalidRequest, match="still being read, so nothing was sent"):
        page.panel.generate()


def test_a_picture_that_is_read_too_late_is_not_shown_for_another(page, cat):
    """What stands there is what is sent: the one that was given last."""
    for turn in range(40):
        page.form.picture.path.value = str(cat)
        time.sleep(0.004 * (turn % 10))
        page.form.picture.path.value = "ftp://a.example/x.png"
        time.sleep(0.05)
        assert page.form.picture.place.facts == page.form.read().source == "ftp://a.example/x.png"


def test_what_stands_in_the_panels_place_names_nothing_that_is_not_there():
    """A notebook that only shows the panel has no variable of it."""
    words = static_page(text=True)

    calls = re.findall(r"[\w.()]+\(\w*\)", words)
    assert calls == ["kie.panel().fill(run)", "kie.panel().generate()"]
