"""Reply → value or error: HTTP 200 is no acceptance, and numbers mean less than texts."""

import json

import pytest

from kie_nb.errors import (
    AuthError,
    InvalidRequest,
    ModelUnavailable,
    OutcomeUnknown,
    OutOfCredits,
    RateLimited,
    Refused,
    ServiceTrouble,
    TaskLost,
)
from kie_nb.service.envelope import Call, read

PURSE = (
    "Credits insufficient : Your current balance isn’t enough to run this request. Please top up to continue."
)
FREQUENT = "Your call frequency is too high. Please try again later."
RANGE = "resolution is not within the range of allowed options"
UNSUPPORTED = "The model name you specified is not supported. Please verify the model name and try again."


def body(**reply):
    return json.dumps(reply).encode()


def error_of(call, content, status=200):
    with pytest.raises(Exception) as caught:
        read(call, status, content)
    return caught.value


# (id, code, text, error of a create, error of a read); where both are one class, it stands once.
REFUSALS = [
    ("400", 400, "taskId parameter is required", InvalidRequest, None),
    ("401", 401, "Unauthorized – Authentication failed", AuthError, None),
    ("401 older text", 401, "You do not have access permissions", AuthError, None),
    ("401 no text", 401, "", AuthError, None),
    ("402", 402, PURSE, OutOfCredits, None),
    ("402 no text", 402, "", OutOfCredits, None),
    ("403", 403, "IP not allowed", AuthError, None),
    ("404", 404, "The requested resource does not exist", Refused, None),
    ("404 model", 404, "model name wan/9 not supported", ModelUnavailable, None),
    ("408", 408, "no result for over 10 minutes", OutcomeUnknown, ServiceTrouble),
    ("422 field", 422, "prompt cannot be empty", InvalidRequest, None),
    ("422 no text", 422, "", InvalidRequest, None),
    ("422 unknown task", 422, "recordInfo is null", TaskLost, None),
    ("422 foreign URL", 422, "url is wrong", InvalidRequest, None),
    ("422 model", 422, UNSUPPORTED, ModelUnavailable, None),
    ("429", 429, "", RateLimited, None),
    ("429 text", 429, FREQUENT, RateLimited, None),
    ("430", 430, "", RateLimited, None),
    ("433 own limit of the key", 433, "The sub-key has exceeded its usage limit.", OutOfCredits, None),
    ("433 rate in its text", 433, "hourly rate limit of this key", OutOfCredits, None),
    ("451", 451, "Failed to fetch the image", InvalidRequest, None),
    ("455", 455, "The system is under maintenance", Refused, None),
    ("500", 500, "Server error, please try again later.", OutcomeUnknown, ServiceTrouble),
    ("500 no text", 500, "", OutcomeUnknown, ServiceTrouble),
    ("500 purse", 500, PURSE, OutOfCredits, None),
    ("500 range", 500, RANGE, InvalidRequest, None),
    ("500 required", 500, "This field is required", InvalidRequest, None),
    ("500 too long", 500, "prompt exceeds the maximum length", InvalidRequest, None),
    ("500 paused", 500, "This interface is temporarily paused", ModelUnavailable, None),
    ("500 not provisioned", 500, "Operation not found: Market_wan_2-5_5", ModelUnavailable, None),
    ("500 rate", 500, FREQUENT, RateLimited, None),
    ("500 capitals", 500, "CREDITS INSUFFICIENT", OutOfCredits, None),
    ("501", 501, "Playground task failed.", OutcomeUnknown, Refused),
    ("502", 502, "", OutcomeUnknown, ServiceTrouble),
    ("503", 503, "", OutcomeUnknown, ServiceTrouble),
    ("504", 504, "", OutcomeUnknown, ServiceTrouble),
    ("505", 505, "This feature is disabled.", ModelUnavailable, None),
    ("531", 531, "Generation failed, credits returned", Refused, None),
    ("550", 550, "Connection denied", Refused, None),
    ("4030", 4030, "Not supported in the current region", Refused, None),
    ("a number never seen", 777, "who knows", OutcomeUnknown, ServiceTrouble),
    ("0", 0, "", OutcomeUnknown, ServiceTrouble),
]


@pytest.mark.parametrize(
    ("code", "text", "error"),
    [pytest.param(code, text, error, id=name) for name, code, text, error, _ in REFUSALS],
)
def test_a_create_that_is_not_accepted(code, text, error):
    """A clear refusal says what to do; whatever is none may have made a task."""
    raised = error_of(Call.CREATE, body(code=code, msg=text, data=None))

    assert type(raised) is error
    assert text in raised.message
    assert raised.charged


@pytest.mark.parametrize(
    "error", [AuthError, InvalidRequest, ModelUnavailable, OutOfCredits, RateLimited, OutcomeUnknown]
)
def test_the_next_step_is_told(error):
    """What a caller can do something about has a hint, and says what it cost."""
    code, text = next((code, text) for _, code, text, kind, _ in REFUSALS if kind is error)

    raised = error_of(Call.CREATE, body(code=code, msg=text))

    assert raised.hint
    assert raised.charged == ("unknown, perhaps the full price" if error is OutcomeUnknown else "nothing")


@pytest.mark.parametrize(
    ("code", "text", "error"),
    [pytest.param(code, text, other or error, id=name) for name, code, text, error, other in REFUSALS],
)
def test_a_question_that_is_not_answered(code, text, error):
    """The same refusals; but what is unclear costs nothing and may be asked again."""
    questions = [call for call in Call if call is not Call.CREATE]
    if error is Refused and code == 404:
        questions.remove(Call.RECORD)

    assert {type(error_of(call, body(code=code, msg=text, data=None))) for call in questions} == {error}


def test_a_record_that_is_not_found_is_a_task_that_is_not_known():
    """The docs' 404 says of a task what the wire says with 422: it may pass just after creation (kie-api §4.6)."""
    raised = error_of(Call.RECORD, body(code=404, msg="task not found", data=None))

    assert type(raised) is TaskLost


@pytest.mark.parametrize(
    ("status", "content", "create_error", "read_error"),
    [
        pytest.param(403, b"error code: 1010", Refused, Refused, id="front door"),
        pytest.param(
            403, b"<html>Attention Required! | Cloudflare</html>", Refused, Refused, id="front door's page"
        ),
        pytest.param(403, b"forbidden", AuthError, AuthError, id="403 in plain text"),
        pytest.param(401, b"", AuthError, AuthError, id="401 with nothing"),
        pytest.param(429, b"slow down", RateLimited, RateLimited, id="429 in plain text"),
        pytest.param(429, body(msg="x"), RateLimited, RateLimited, id="429 in JSON without a code"),
        pytest.param(429, body(code=429, msg=""), RateLimited, RateLimited, id="429 in both"),
        pytest.param(401, body(error="bad key"), AuthError, AuthError, id="401 in JSON without a code"),
        pytest.param(200, b"", OutcomeUnknown, ServiceTrouble, id="nothing"),
        pytest.param(200, b"<html>ok</html>", OutcomeUnknown, ServiceTrouble, id="a page under 200"),
        pytest.param(200, b'{"code": 200, "da', OutcomeUnknown, ServiceTrouble, id="cut short"),
        pytest.param(200, b"[1, 2]", OutcomeUnknown, ServiceTrouble, id="a list"),
        pytest.param(200, b"[" * 100_000, OutcomeUnknown, ServiceTrouble, id="endless brackets"),
        pytest.param(200, b'"ok"', OutcomeUnknown, ServiceTrouble, id="a text"),
        pytest.param(200, b"null", OutcomeUnknown, ServiceTrouble, id="null"),
        pytest.param(200, b"\xff\xfe\x00", OutcomeUnknown, ServiceTrouble, id="no text at all"),
        pytest.param(200, b"{}", OutcomeUnknown, ServiceTrouble, id="an empty object"),
        pytest.param(200, body(code=None), OutcomeUnknown, ServiceTrouble, id="code null"),
        pytest.param(200, body(code="soon"), OutcomeUnknown, ServiceTrouble, id="code in words"),
        pytest.param(200, b'{"code": Infinity}', OutcomeUnknown, ServiceTrouble, id="code infinite"),
        pytest.param(200, body(code=[200]), OutcomeUnknown, ServiceTrouble, id="code in a list"),
        pytest.param(502, b"Bad Gateway", OutcomeUnknown, ServiceTrouble, id="502"),
        pytest.param(502, body(code=200, data={}), OutcomeUnknown, ServiceTrouble, id="502 that says 200"),
        pytest.param(500, b"{}", OutcomeUnknown, ServiceTrouble, id="500 with an empty object"),
        pytest.param(404, b"Not Found", OutcomeUnknown, ServiceTrouble, id="404 in plain text"),
    ],
)
def test_what_is_no_envelope(status, content, create_error, read_error):
    """Front doors and broken bodies: only what surely made no task is a refusal."""
    assert type(error_of(Call.CREATE, content, status)) is create_error
    assert type(error_of(Call.RECORD, content, status)) is read_error


def test_the_front_door_says_nothing_about_the_key():
    """ "error code: 1010" is about the User-Agent."""
    raised = error_of(Call.CREATE, b"error code: 1010", 403)

    assert "nothing about your key" in raised.message
    assert raised.charged == "nothing"


@pytest.mark.parametrize(
    ("reply", "data"),
    [
        pytest.param({"code": 200, "msg": "success", "data": {"taskId": "t"}}, {"taskId": "t"}, id="object"),
        pytest.param({"code": 200, "message": "success", "data": 60.62}, 60.62, id="number"),
        pytest.param({"code": "200", "msg": "ok", "data": "text"}, "text", id="code as text"),
        pytest.param({"code": 200, "msg": "ok"}, None, id="no data"),
    ],
)
def test_an_accepted_reply_gives_its_data(reply, data):
    """`data` is whatever the call has; its absence is the caller's to judge."""
    assert read(Call.CREDITS, 200, json.dumps(reply).encode()) == data


@pytest.mark.parametrize("key", ["msg", "message"])
@pytest.mark.parametrize("code", [422, "422"])
def test_the_text_stands_under_either_name(key, code):
    """`msg` on the wire, `message` on the older page; the code may be a text."""
    raised = error_of(Call.CREATE, json.dumps({"code": code, key: "prompt cannot be empty"}).encode())

    assert type(raised) is InvalidRequest
    assert "prompt cannot be empty" in raised.message


def test_an_unknown_outcome_says_so_and_how_to_find_out():
    """It is the one error after which money may be gone: what to compare before it is sent again."""
    raised = error_of(Call.CREATE, b"oops", 502)

    assert "A task may exist; it is not sent again" in raised.message
    assert all(word in raised.hint for word in ("balance", "https://kie.ai/logs"))
