"""`%kie models`, `%kie prices`, `%kie show` and slips in names of models."""

import re
from types import SimpleNamespace

import pytest

from kie_nb.catalogue import build_request
from kie_nb.catalogue.listing import COLUMNS, LEAST, WIDE, found, lines, not_found
from kie_nb.catalogue.models import near
from kie_nb.errors import InvalidRequest
from kie_nb.notebook import kie_magic, showing
from kie_nb.notebook.kie_magic import kie
from kie_nb.tables import as_html


@pytest.mark.parametrize(("name", "model"), [
    ("klnig", "kling"),
    ("wan-33", "wan/3-0-video"),
    ("wan/3-0-vido", "wan/3-0-video"),
    ("seedence-2", "bytedance/seedance-2"),
    ("hailou 2.3", "hailuo/2-3"),
    ("pixverse extnd", "pixverse-v6"),
    ("blah", ""),
    ("", ""),
    ("x" * 5000, ""),
])  # fmt: skip
def test_a_slip_in_a_models_name_is_told(name, model):
    """Of an id as of a short name; what resembles none names none."""
    assert str(near(name) or "").startswith(model)
    assert bool(near(name)) == bool(model)
    with pytest.raises(InvalidRequest) as caught:
        build_request(model=name, prompt="A cat.")
    assert ("did you mean" in caught.value.message) == bool(model)


def test_a_model_that_is_not_offered_says_why():
    """In the list, where it is looked for, and where it is used; raw inputs reach it all the same."""
    assert "no inputs" in not_found("fabric")
    with pytest.raises(InvalidRequest, match="publishes no inputs of it"):
        build_request(model="veed/fabric-1", prompt="A cat.")
    assert build_request(model="veed/fabric-1", raw={"prompt": "A cat."}).model == "veed/fabric-1"


def test_the_list_takes_short_names_and_says_a_price_once(capsys):
    """Of Wan 3.0 the seconds of a given video cost as much as those that are made: one line says both."""
    assert [row.id for row in found("wan-3")] == ["wan/3-0-video"]
    kie(None, "models")
    assert "not offered: veed/fabric-1: " in capsys.readouterr().out
    kie(None, "prices wan-3")
    lines = [line for line in capsys.readouterr().out.splitlines() if "credits/s" in line]
    assert len(lines) == 3
    assert "32 credits/s at 1080P; a given video's seconds count, too" in lines[2]


def test_a_run_is_shown_by_the_name_of_its_variable(record, monkeypatch):
    """As by its id; another variable's name is none."""
    run, shown = record("fetched", credits=60.0), []
    names = SimpleNamespace(user_ns={"clip": run, "other": 7})
    monkeypatch.setattr(kie_magic, "get_ipython", lambda: names)
    monkeypatch.setattr(showing, "show", shown.append)

    assert kie(None, "show clip") is kie(None, f"show {run.id[:8]}") is run
    assert shown == [run, run]
    with pytest.raises(InvalidRequest, match="No run here begins with 'other'"):
        kie(None, "show other")


@pytest.mark.parametrize(("more", "words"), [
    ({"image": "a"}, ""),
    ({"image": "a", "last_image": "b"}, ""),
    ({"last_image": "b"}, "last_image needs image"),
    ({"image": "a", "reference": ["c"]}, "exclude each other"),
    ({"image": "a", "audio_ids": ["id"]}, "image and audio_ids exclude each other"),
    ({"reference": list("abcdef"), "video_list": [{"url": "https://a.example/v", "start": 0, "ends": 4}]}, "at most 7"),
])  # fmt: skip
def test_omni_flash_takes_frames_or_references(more, words):
    """As its page says (October 2026)."""
    from wirecases import asked

    given = {
        name: [f"https://a.example/{one}.png" for one in value] if name == "reference" else value
        for name, value in more.items()
    }
    given |= {
        name: f"https://a.example/{given[name]}.png" for name in ("image", "last_image") if name in given
    }
    if not words:
        assert asked("google/gemini-omni-flash-1-1", {"prompt": "p", "duration": "4", **given})
        return
    with pytest.raises(InvalidRequest, match=words):
        asked("google/gemini-omni-flash-1-1", {"prompt": "p", "duration": "4", **given})


@pytest.mark.parametrize("more", [{}, {"video": "https://a.example/v.mp4", "taskId": "t"}])
def test_pixverse_extends_a_video_or_a_task(more):
    """One of them."""
    from wirecases import asked, wire

    with pytest.raises(InvalidRequest, match="taskId"):
        asked("pixverse-v6/extend", {"prompt": "It goes on.", **more})
    assert wire(asked("pixverse-v6/extend", {"prompt": "It goes on.", "taskId": "t"}))["taskId"] == "t"


def test_the_list_of_models_leaves_room_for_what_they_take():
    """At 780 pixels nothing is cut: ids, lengths, sizes and prices may wrap, no narrower than they are read."""
    shown = str(as_html(COLUMNS, lines(found("wan-3")), caption="", wide=WIDE, least=LEAST))

    cells = re.findall(r'<td style="([^"]*)">', shown)
    may_wrap = [place for place, style in enumerate(cells) if "nowrap" not in style]
    assert may_wrap == sorted({WIDE, *LEAST})
    assert sum(LEAST.values()) + 7 < 45  # em of the columns that may wrap
