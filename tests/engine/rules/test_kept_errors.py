"""An error that a run ended with, out of the ledger again; and the error of a task that failed."""

from types import SimpleNamespace

import pytest

from kie_nb.engine.transitions import error_of, failure
from kie_nb.errors import KieError, Refused, TaskFailed
from kie_nb.ledger.states import State
from kie_nb.service.records import parse_record

PLAIN = ("run r1234567 is refused.", "", "")


@pytest.mark.parametrize(
    ("kept", "kind", "told"),
    [
        (
            {"class": "Refused", "message": "No.", "hint": "ask", "charged": "nothing", "code": 422},
            Refused,
            ("No.", "ask", "nothing"),
        ),
        ({"class": "Refused"}, Refused, (*PLAIN[:2], "nothing")),
        ({"class": "KieError", "message": "Odd."}, KieError, ("Odd.", "", "")),
        ({"class": "a newer kind", "message": "Odd."}, KieError, ("Odd.", "", "")),
        (
            {"class": "Any", "message": "Odd."},
            KieError,
            ("Odd.", "", ""),
        ),  # a name of the module, and no class
        ({"class": "NOTHING"}, KieError, PLAIN),
        (None, KieError, PLAIN),
    ],
)
def test_an_error_is_read_again(kept, kind, told):
    """By the name of one of our classes, and as a plain one of ours for any other."""
    run = SimpleNamespace(id="r12345678", state=State.REFUSED, row=SimpleNamespace(error=kept))

    error = error_of(run)

    assert type(error) is kind
    assert (error.message, error.hint, error.charged) == told
    assert getattr(error, "code", None) == (kept or {}).get("code")


@pytest.mark.parametrize(
    ("said", "hint", "charged"),
    [
        ({"failMsg": "flagged as sensitive"}, "content filter", "nothing"),
        ({"failMsg": "cannot fetch the image"}, "is public", "nothing"),
        ({"failMsg": "out of memory"}, "a failed task is not billed", "nothing"),
        ({}, "a failed task is not billed", "nothing"),
        ({"failMsg": "x", "creditsConsumed": 60}, "should not be billed", "60 credits"),
    ],
)
def test_a_failed_task_says_what_to_do(said, hint, charged):
    """By what the service said, and what it took."""
    record = parse_record({"taskId": "t", "state": "fail"} | said, "t")

    error = failure(record)

    assert isinstance(error, TaskFailed)
    assert (said.get("failMsg") or "no reason given") in error.message
    assert hint in error.hint
    assert charged in error.charged
