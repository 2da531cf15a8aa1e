"""The form: made of the model's description, wrong values said in the words of the magic."""

import functools
import http.server
import re
import shutil
import threading
import time
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import pytest
import videocorpus
from PIL import Image

import kie_nb as kie
from kie_nb.catalogue import SEED_MAX, Request, build_request, describe, known_models
from kie_nb.errors import InvalidRequest
from kie_nb.notebook.panel.draft import Draft
from kie_nb.notebook.panel.static import static_page
from kie_nb.notebook.panel.view import described
from kie_nb.requests.images import read_picture

TEXT, IMAGE, R2V = "wan/2-5-text-to-video", "wan/2-5-image-to-video", "wan/2-7-r2v"
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
    assert "Add a picture" in draft.errors()["image_url"]
    assert draft.missing() == {"prompt", "image_url"}


def test_a_seed_left_out_is_one_that_the_model_takes():
    """Those of InfiniTalk begin at 10000: the form finds nothing wrong, and draws one of them."""
    values = {"prompt": "p", "audio_url": "https://example.com/voice.mp3"}
    draft = Draft(model="infinitalk/from-audio", values=values, source="https://example.com/cat.png", count=3)

    assert draft.errors() == {}
    assert {*draft.with_seed().seeds} <= {*range(10_000, 1_000_001)}
    assert "10000 to 1000000" in replace(draft, seed=7).errors()["seed"]


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
    page.view.chosen = model
    controls = {each["name"]: each for each in page.view.models[model]["fields"]}

    for entry in describe(model):
        control = controls[entry.name]
        assert (control["title"], control["help"], control["most"]) == (
            entry.title,
            entry.help,
            entry.max_length,
        )
        assert set(entry.choices) <= {value for value, _ in control["choices"]}
    assert page.form.read().model == model


@pytest.mark.parametrize(
    ("model", "value", "words"),
    [("wan/3-0-video", -1, "as the model decides"), ("wan/2-7-videoedit", 0, "as long as its video")],
)
def test_a_length_that_is_no_number_of_seconds_has_words(model, value, words):
    """The same in the form as on a card."""
    (control,) = (one for one in described(model)[model]["fields"] if one["name"] == "duration")

    assert dict(control["choices"])[value] == words
    assert Request(model=model, inputs={"duration": value}).length == words


def test_what_was_written_stays_when_the_model_changes(page):
    """A look at another model loses nothing, and asks it for nothing that it does not take."""
    page.view.chosen = TEXT
    page.write(prompt="Waves.", duration="10", aspect_ratio="9:16")
    page.view.chosen = IMAGE

    assert page.form.read().fields == {"prompt": "Waves.", "duration": "10"}
    page.view.chosen = TEXT
    assert page.form.read().fields["aspect_ratio"] == "9:16"


def test_a_callback_is_checked_at_its_field_and_sent(page, cat):
    """It is the user's own word: what fills the form neither brings one nor takes it away."""
    page.view.chosen = TEXT
    page.write(prompt="Waves.", call_back_url="here")
    page.until(lambda: "callBackUrl='here'" in page.error("call_back_url"))
    page.write(call_back_url="https://a.example/done")
    page.until(lambda: not page.view.errors and page.is_on)
    (run,) = page.panel.generate()
    assert run.request.call_back_url == "https://a.example/done"

    page.panel.fill(run)
    assert page.form.read().callback == "https://a.example/done"


def test_a_picture_arrives_in_pieces(page, photograph):
    """As large files do; its pixels and size are shown."""
    page.give(photograph, piece_bytes=50_000)
    page.until(lambda: "kB" in page.facts)

    assert page.facts == "chelsea.png · 451 × 300 · 237 kB"
    assert page.form.read().source == read_picture(photograph)


@pytest.mark.parametrize(
    ("path", "words"),
    [("no.png", "There is no file"), (".", "is a folder"), ("ftp://a.example/x.png", "")],
)
def test_a_bad_path_is_said_at_the_picture(page, path, words):
    """In the words of the magic, before anything is sent."""
    page.view.path = path
    page.until(lambda: words in page.error("image_url"))
    page.until(lambda: page.is_on)
    page.write(prompt="The cat smiles.")
    page.click()
    page.until(lambda: not page.panel.submission.is_ready)
    page.until(lambda: page.panel.submission.is_ready)

    assert words in page.error("image_url")
    assert not kie.runs()


def test_a_path_with_a_slip_is_told_its_neighbour(page, cat):
    """As something to press."""
    shutil.copy(cat, "cat.png")
    page.view.path = "ct.png"
    page.until(lambda: "There is no file" in page.error("image_url"))

    (fix,) = page.view.errors["image_url"]["fixes"]
    assert fix["label"] == "Use cat.png"
    assert "did you mean" not in page.error("image_url")  # once is enough
    page.send("fix", **fix)
    page.until(lambda: "cat.png · 451 × 300" in page.facts)
    assert page.view.path == "cat.png"


def test_a_wrong_seed_marks_the_seed_alone(page):
    """A press says why, once and at its field, and sends nothing."""
    page.view.chosen = TEXT
    page.write(prompt="Waves.")
    page.view.seed = "-3"
    page.until(lambda: "seed" in page.error("seed"))
    page.until(lambda: page.is_on)
    page.click()
    page.until(lambda: not page.panel.submission.is_ready)
    page.until(lambda: page.panel.submission.is_ready)

    assert list(page.view.errors) == ["seed"]
    assert "seed=-3" not in page.says
    assert not kie.runs()


def test_what_is_missing_is_a_mistake_once_generate_is_pressed(page):
    """It goes when it is mended."""
    page.view.chosen = TEXT
    page.until(lambda: page.is_on)
    assert not page.view.errors
    page.panel.say("Run 1 failed.", bad=True)
    page.click()
    page.until(lambda: page.error("prompt"))
    assert page.says == ""
    page.write(prompt="Waves.")
    page.until(lambda: not page.view.errors)


def test_a_lost_piece_is_no_picture(page, cat):
    """Half a photograph is never sent."""
    page.send("piece", b"half", id="a", name="cat.png", piece=1, pieces=2)
    page.until(lambda: "lost on its way" in page.error("image_url"))

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
    page.view.path = f"{served}/cat.png"
    page.until(lambda: "451 × 300" in page.facts)

    assert page.facts == f"cat.png · 451 × 300 · {cat.stat().st_size / 1000:.0f} kB"
    assert page.form.picture.still
    assert page.form.read().source == f"{served}/cat.png"


@pytest.mark.parametrize(
    ("path", "words"), [("gone.png", "cannot be read"), ("", "an HTML page")], ids=["gone", "page"]
)
def test_an_address_that_serves_no_picture_is_marked(page, served, path, words, monkeypatch):
    """Before it is asked for; where it may still be read by the service, it can be."""
    monkeypatch.setattr("kie_nb.requests.image_urls.check_url", lambda url, **_own: url)
    page.view.path = f"{served}/{path}"

    page.until(lambda: words in page.error("image_url"))


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
        page.view.path = str(cat)
        time.sleep(0.004 * (turn % 10))
        page.view.path = "ftp://a.example/x.png"
        time.sleep(0.05)
        assert page.facts == page.form.read().source == "ftp://a.example/x.png"


def test_what_stands_in_the_panels_place_names_nothing_that_is_not_there():
    """A notebook that only shows the panel has no variable of it."""
    words = static_page(text=True)

    calls = re.findall(r"[\w.()]+\(\w*\)", words)
    assert calls == ["kie.panel().fill(run)", "kie.panel().generate()"]


def test_two_frames_and_ten_references_are_lines_of_text(page, cat):
    """A line a file, in one field a role: as calm as the form of one picture; what is missing or too much stands at it."""
    page.view.chosen = "bytedance/seedance-2"
    fields = {each["name"]: each for each in page.view.models["bytedance/seedance-2"]["fields"]}
    assert {name: one["lines"] for name, one in fields.items() if one["lines"]} == {
        "first_frame_url": 1, "last_frame_url": 1, "reference_image_urls": 9, "reference_video_urls": 3, "reference_audio_urls": 3,
    }  # fmt: skip
    several = "\n".join(f"{number}.png" for number in range(10))
    draft = Draft(model="bytedance/seedance-2", values={"prompt": "Waves.", "reference_image_urls": several})

    assert len(draft.media["reference"]) == 10
    assert draft.asked(0)["reference_image_urls"][9] == "9.png"
    assert "10 pictures; the model takes at most 9" in draft.errors()["reference"]
    draft.values["reference_image_urls"] = several.removesuffix("\n9.png")
    assert (draft.errors(), draft.estimate.credits) == ({}, 205)


def test_files_that_are_dropped_on_fields_are_lines_that_name_them(page, cat, tmp_path, simulator):
    """Beside paths and addresses, each name once; what a line names is sent, and a line that is changed is a path again."""
    page.view.chosen = R2V
    (tmp_path / "elsewhere").mkdir()
    for place, colour in ((tmp_path / "dog.png", "red"), (tmp_path / "elsewhere" / "dog.png", "blue")):
        Image.new("RGB", (320, 320), colour).save(place)
        page.give(place, field="reference_image")
        page.form.wait()
    page.write(reference_image=f"{page.view.values['reference_image']}\n{cat}")
    assert page.view.values["reference_image"].splitlines() == ["dog.png", "dog (2).png", str(cat)]
    page.write(prompt="They meet.", duration=2, resolution="720p")
    page.give(cat, field="reference_video")  # a picture is no video
    page.until(lambda: "is not a video" in page.says)

    (run,) = page.panel.generate()
    run.wait(60)

    assert [one.label for one in run.request.media["reference"]] == ["dog.png", "dog.png", cat.name]
    assert len({one.sha256 for one in run.request.media["reference"]}) == 3
    assert simulator.counts["uploads_accepted"] == 3
    page.write(reference_image="dog (3).png")
    assert page.form.read().media == {"reference": ["dog (3).png"]}
    page.give(tmp_path / "dog.png", field="reference_image")
    page.form.wait()
    assert [*page.form.read().held] == ["dog.png"]  # what no line names is let go
    page.view.chosen = TEXT
    page.give(cat, field="reference_image")  # of a model that was chosen before
    page.form.wait()
    assert page.form.read().media == {}


def test_a_sound_or_a_video_that_is_dropped_anywhere_is_for_its_field(page, cat, tmp_path):
    """The picture stays; a model that takes no sound says so, and which do."""
    (tmp_path / "voice.wav").write_bytes(videocorpus.tone("wav", "pcm_s16le"))
    (tmp_path / "film.mp4").write_bytes(videocorpus.draw(frames=24))
    page.view.chosen = "wan/2-7-image-to-video"
    page.give(cat)
    page.until(lambda: "451 × 300" in page.facts)
    page.give(tmp_path / "voice.wav")
    page.give(tmp_path / "film.mp4")
    page.until(lambda: len(page.form.read().media) == 2)

    labels = {role: one.identity.label for role, (one,) in page.form.read().media.items()}
    assert labels == {"video": "film.mp4", "audio": "voice.wav"}
    assert "451 × 300" in page.facts
    assert page.error("first_frame_url") == ""
    page.view.chosen = IMAGE
    page.give(tmp_path / "voice.wav")
    page.until(lambda: f"{IMAGE} takes no audio" in page.says)
    page.give(tmp_path / "film.mp4")
    page.until(lambda: page.says.startswith("film.mp4 carries no kie_nb request"))


def test_a_model_without_a_seed_says_so_and_is_asked_without_one(page):
    """In the form, in place of the seed; several videos of it are repetitions."""
    page.view.chosen = "bytedance/seedance-2"
    assert "no seed" in page.view.models["bytedance/seedance-2"]["noSeed"]
    page.view.chosen = TEXT
    assert page.view.models[TEXT]["noSeed"] == ""
    draft = Draft(model="kling-2.6/text-to-video", values={"prompt": "Waves."}, seed=7, count=2)

    assert draft.errors() == {}
    assert [draft.asked(each).get("replicate") for each in draft.seeds] == [0, 1]
    assert "seed" not in draft.asked(0)
