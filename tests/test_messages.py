"""What every message keeps to; `python tests/messages.py` prints them all, to be read in one sitting."""

import re

from messages import messages

from kie_nb.errors import KieError
from kie_nb.wording.next_steps import SCRIPT, said_in

NOTEBOOKS = ("notebook/", "server/")  # what stands there is said where there is a cell
# A message may begin with what it is about, as it is typed: a field, an option, a file, a library.
AS_TYPED = re.compile(r"[{%`.[]|--?[\w{]|\w+(?:\.\w+)*[=/(.]|\w*_\w+|(?:zip|pandas) ")


def errors():
    return [message for message in messages() if message.is_error]


def test_an_error_begins_with_a_capital_letter_and_ends_in_a_full_stop():
    """It is a sentence; what is filled in at its end brings its own."""
    texts = [text for message in errors() for text in message.parts["text"].split(" || ") if text]

    assert [text for text in texts if not text[0].isupper() and not AS_TYPED.match(text)] == []
    assert [text for text in texts if text[-1] not in ".?}"] == []


def test_an_error_is_short():
    """What happened in a few lines, and a next step of one or two: a red box that is read, not skipped."""
    for part, most in {"text": 300, "hint": 220}.items():
        texts = [re.sub(r"{[^}]*}", "", message.parts.get(part, "")) for message in errors()]
        assert [text for text in texts if len(text) > most] == []


def test_nobody_says_the_old_words():
    """A few that a person of this field would not write."""
    old = re.compile(
        r"is needed\.|allowed is|and none was given|not driven|as the service likes", re.IGNORECASE
    )

    assert [str(message) for message in messages() if old.search(str(message))] == []


def test_a_script_is_told_of_no_cell_and_no_magic():
    """Next steps are written for a notebook; where there is none they are said in Python."""
    hints = [
        *(message.parts.get("hint", "") for message in errors() if not message.place.startswith(NOTEBOOKS)),
        "run the cell again later",
        "%kie show {id[:8]} tells how to settle it",
    ]
    told = [said_in(SCRIPT, re.sub(r"{[^}]*}", "1", hint)) for hint in hints]

    both_ways = re.compile(r"%kie budget \w+ \w+, or kie\.budget")
    found = [text for text in told if re.search(r"%+kie|\brun (?:the|its) cell\b", both_ways.sub("", text))]
    assert found == []
    assert told[-2:] == [
        "make the same call again later",
        "kie_nb.get('1').evidence() tells how to settle it",
    ]
    assert "kie_nb.resume()" in str(KieError("It waits.", hint="`%kie resume` takes it up"))
