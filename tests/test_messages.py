"""What every message keeps to; `python tests/messages.py` prints them all, to be read in one sitting."""

import re

from messages import messages

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
