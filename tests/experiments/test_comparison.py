"""`kie_nb.compare`: any two videos, with a verdict, figures and a strip of frames."""

import base64
import copy
import io
import re

import pytest
from PIL import Image

import kie_nb as kie
from kie_nb.simulator import Fault, Simulator


def test_verdicts_follow_the_drift_of_the_model(drawn):
    """The same request at growing drift, set against what other seeds do: same bytes, same look, alike, different."""
    first = drawn("a.mp4")
    spread = kie.compare(first, drawn("seed.mp4", seed=2)).likeness.distance

    verdicts = [
        kie.compare(first, drawn(f"{drift}.mp4", drift=drift, task=1), spread=spread).verdict
        for drift in (0.0, 0.05, 0.25, 1.0)
    ]

    assert verdicts == ["same bytes", "same look", "alike", "different"]


def test_other_seeds_have_another_sound(drawn):
    """Which is said, and shown by itself."""
    found = kie.compare(drawn("a.mp4"), drawn("b.mp4", seed=2))

    sound = found.likeness.sound
    assert sound.rms_difference > 0.5 * min(sound.rms)
    assert "the sound differs" in repr(found)


def test_it_shows_itself_as_text(drawn):
    """A plain sentence, the verdict, then the figures, then the reasons; a unit with each."""
    same = repr(kie.compare(drawn("a.mp4"), drawn("b.mp4")))
    other = repr(kie.compare(drawn("a.mp4"), drawn("c.mp4", seed=2), spread=0.5))

    assert same.startswith("The same file, byte for byte.\nsame bytes: a.mp4 and b.mp4\n")
    assert "- the files are equal, byte for byte" in same
    assert re.search(r"SSIM +0\.\d{4} +at worst 0\.\d{4}", other)
    assert re.search(r"distance \(1 - SSIM\) +0\.\d{4} +0\.\d\d of the 0\.5000 between seeds", other)
    assert re.search(r"picture +136 × 90, 4 frames, 1 s", other)


def test_it_shows_two_players_a_sentence_and_folded_numbers(drawn, tmp_path):
    """In this order; names are text and never tags; nothing is written beside the files, and the numbers have the strip of frames."""
    found = kie.compare(drawn("<b>a.mp4"), drawn("c.mp4", seed=2))
    before = sorted(tmp_path.iterdir())

    html = found._repr_html_()

    players, said = html.split('<p role="status"')
    assert players.count('src="data:video/mp4;base64,') == 2
    assert said.split(">", 1)[1].startswith(found.sentence)
    assert said.index("<details><summary") < said.index("SSIM")
    strip = re.search(r'src="data:image/jpeg;base64,([^"]+)"', said)[1]
    with Image.open(io.BytesIO(base64.b64decode(strip))) as picture:
        assert (picture.format, picture.width) == ("JPEG", 956)
    assert f"{found.verdict}: &lt;b&gt;a.mp4 and c.mp4" in said
    assert "<b>" not in html
    assert f"{found.likeness.ssim:.4f}" in said
    assert sorted(tmp_path.iterdir()) == before


def test_it_can_be_saved_as_a_page(drawn, tmp_path):
    """Which plays with no kernel; its path is a path like any other, and shows itself as a link with the file's size."""
    page = kie.compare(drawn("a.mp4"), drawn("c.mp4", seed=2)).save("pair.html")

    assert page == tmp_path / "pair.html"
    assert page.read_text("utf-8").count('src="data:video/mp4;base64,') == 2
    assert re.fullmatch(r"<pair\.html, \d+ kB>", repr(page))
    assert re.search(r'<a href="pair.html"[^>]*>pair.html</a> <span[^>]*>\d+ kB</span>', page._repr_html_())
    assert copy.deepcopy(page) == page
    assert repr(page.parent / "gone.html").endswith("gone.html')")


def test_a_page_without_room_links_the_files_themselves(drawn, tmp_path):
    """Not copies that were made for it and are gone."""
    kie.compare(drawn("a.mp4"), drawn("c.mp4", seed=2)).save(tmp_path / "pair.html", embed_mb=0)

    sources = re.findall(r'<video[^>]* src="([^"]*)"', (tmp_path / "pair.html").read_text(encoding="utf-8"))
    assert len(sources) == 2
    assert all((tmp_path / source).is_file() for source in sources)


def test_what_is_said_of_one_video_stands_apart_from_what_is_said_of_both(drawn):
    """Below "second" is nothing but the second video: the worst SSIM and the seconds compared are of the pair."""
    html = kie.compare(drawn("a.mp4"), drawn("c.mp4", seed=2))._repr_html_()

    sides, figures = re.findall(r"<table.*?</table>", html)
    assert ">second</th>" in sides
    assert "at worst" not in sides
    assert "<th" not in figures
    assert "at worst" in figures
    assert re.search(r"pairs of frames</td><td[^>]*>1 s<", figures)


def test_runs_can_be_compared(monkeypatch, cat):
    """By their handles: two purchases of one request from a model that drifts; their labels name them."""
    with Simulator(tiny=True, speed=50.0, drift=0.2) as simulator:
        monkeypatch.setenv("KIE_BASE_URL", simulator.base_url)
        runs = [kie.generate("The cat smiles.", image=cat, seed=7, fresh=True).wait() for _ in range(2)]
        mixed = kie.compare(runs[0], runs[1].video)
        found = kie.compare(*runs)

    assert found.verdict in {"alike", "different"}
    assert 0 < found.likeness.distance < 1
    assert repr(found).splitlines()[1] == f"{found.verdict}: {runs[0].label} and {runs[1].label}"
    assert mixed.likeness == found.likeness


def test_a_run_without_a_video_cannot_be_compared(monkeypatch, cat, drawn):
    """It says so and names the run."""
    with Simulator(tiny=True, speed=50.0, faults=[Fault(call="task", kind="fail")]) as simulator:
        monkeypatch.setenv("KIE_BASE_URL", simulator.base_url)
        run = kie.generate("The cat smiles.", image=cat, seed=7)
        with pytest.raises(kie.TaskFailed):
            run.wait()

        with pytest.raises(kie.InvalidRequest, match=f"{run.label} has no video on disk: its state is fail"):
            kie.compare(drawn("a.mp4"), run)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("page.mp4", "an HTML page"),
        ("empty.mp4", "an empty file"),
        ("none.mp4", "none.mp4 cannot be read: No such file"),
        (".", "cannot be read: it is not a plain file"),
        ("\0", "Nothing was compared"),
    ],
    ids=["a page", "empty", "missing", "a folder", "no name"],
)
@pytest.mark.parametrize("is_first", [True, False])
def test_what_is_no_video_is_told(drawn, tmp_path, name, words, is_first):
    """On either side, without a word about money."""
    (tmp_path / "page.mp4").write_bytes(b"<html>404</html>")
    (tmp_path / "empty.mp4").touch()
    pair = [drawn("a.mp4"), f"{tmp_path}/{name}"]

    with pytest.raises(kie.InvalidRequest, match=words) as caught:
        kie.compare(*reversed(pair) if is_first else pair)

    assert caught.value.charged == ""


def test_a_spread_that_is_none_is_refused(drawn):
    """A verdict must not rest on it."""
    with pytest.raises(kie.InvalidRequest, match="a spread is a distance from 0 to 2, not -1"):
        kie.compare(drawn("a.mp4"), drawn("b.mp4"), spread=-1)
