"""What a gallery is asked by the browser: anything may arrive, and only the newest question counts."""

import re

import pytest

from kie_nb.handles.registry import Question
from kie_nb.notebook.gallery.question import MOST_ASKING, Newest, parse
from kie_nb.notebook.gallery.widget import GalleryWidget
from kie_nb.wording import Gallery, strings

ASKED = [
    pytest.param({}, {}, id="nothing asks for the newest"),
    pytest.param(None, {}, id="no mapping at all"),
    pytest.param([["page", 3]], {}, id="a list"),
    pytest.param({"page": 3}, {"page": 3}, id="a page"),
    pytest.param({"page": 0}, {}, id="pages begin at 1"),
    pytest.param({"page": "3"}, {}, id="a page is a number"),
    pytest.param({"page": True}, {}, id="true is no number"),
    pytest.param({"page": 10**30}, {}, id="a page that no database counts to"),
    pytest.param({"text": "  rain "}, {"text": "rain"}, id="text is trimmed"),
    pytest.param({"text": 7}, {}, id="text is text"),
    pytest.param({"text": "x" * 5000}, {"text": "x" * 1000}, id="text has a limit"),
    pytest.param({"order": "best"}, {"order": "best"}, id="an order"),
    pytest.param({"order": "id; DROP TABLE run"}, {}, id="an order that is none"),
    pytest.param({"order": ["best"]}, {}, id="an order that is a list"),
    pytest.param({"least_rating": 4}, {"least_rating": 4}, id="a rating"),
    pytest.param({"least_rating": 0}, {}, id="0 is any rating"),
    pytest.param({"least_rating": 6}, {}, id="there are five stars"),
    pytest.param({"tag": "", "model": "", "experiment": ""}, {}, id="empty words do not matter"),
    pytest.param({"tag": "a b", "model": "m", "experiment": "e"}, {"tag": "a b", "model": "m", "experiment": "e"}, id="words"),
    pytest.param({"size": 10**6, "service": "kie"}, {}, id="what it does not ask"),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "means"), ASKED)
def test_what_makes_no_sense_is_left_out(asked, means):
    """An older page's words, or nonsense, never make an error, and never more than they may ask."""
    assert parse(asked) == Question(**means)


def test_only_the_newest_question_wants_an_answer():
    """Who types asks faster than a ledger answers."""
    newest = Newest()
    newest.ask("a", 1)
    newest.ask("a", 2)

    assert newest.wants("a", 2)
    assert not newest.wants("a", 1)


def test_pages_ask_for_themselves():
    """Two windows look at one gallery: neither makes the other's question old."""
    newest = Newest()
    newest.ask("a", 1)
    newest.ask("b", 7)

    assert newest.wants("a", 1)
    assert newest.wants("b", 7)
    assert not newest.wants("b", 1)


def test_a_question_that_comes_late_is_old():
    """Subshells may turn two messages around."""
    newest = Newest()
    newest.ask("a", 2)
    newest.ask("a", 1)

    assert newest.wants("a", 2)


def test_pages_that_are_gone_are_forgotten():
    """Every reload is a new page; a kernel that lives for weeks must not keep them all."""
    newest = Newest()
    for number in range(MOST_ASKING + 1):
        newest.ask(f"page {number}", 1)

    assert not newest.wants("page 0", 1)
    assert newest.wants("page 1", 1)


def test_the_front_end_has_all_its_strings():
    """Each name that it uses is in `wording.Gallery`, lists too."""
    known = strings(Gallery)
    used = re.findall(r"\bWORDS\.(\w+)", GalleryWidget._esm)

    assert {name for name in used if name not in known} == set()
