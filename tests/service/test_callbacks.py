"""Whether a callback is from the service: its signature covers the task and the moment, not the body."""

import base64
import hashlib
import hmac

import pytest

from kie_nb.service.records import is_signed, task_id_of

SECRET, TASK, NOW = "geheim ü", "9f8e", 1_790_000_000


def signed(task=TASK, stamp=str(NOW), secret=SECRET, encode=base64.b64encode):
    digest = hmac.new(secret.encode(), f"{task}.{stamp}".encode(), hashlib.sha256).digest()
    return {"X-Webhook-Timestamp": stamp, "X-Webhook-Signature": encode(digest).decode()}


@pytest.mark.parametrize(
    ("body", "task"),
    [
        pytest.param({"data": {"taskId": TASK}}, TASK, id="data.taskId"),
        pytest.param({"data": {"task_id": TASK}}, TASK, id="data.task_id"),
        pytest.param({"taskId": TASK}, TASK, id="taskId"),
        pytest.param({"taskId": TASK, "data": None}, TASK, id="data null"),
        pytest.param({"data": {}}, None, id="none"),
        pytest.param({}, None, id="empty"),
    ],
)
def test_the_task_id_has_three_places(body, task):
    """Three kinds of body keep it in three places; each of them is signed."""
    assert task_id_of(body) == task
    assert is_signed(signed(), body, SECRET, now=NOW) is (task is not None)


@pytest.mark.parametrize(
    ("headers", "good"),
    [
        pytest.param(signed(), True, id="right"),
        pytest.param({name.lower(): value for name, value in signed().items()}, True, id="small letters"),
        pytest.param(signed(stamp=str(NOW - 299)), True, id="nearly five minutes old"),
        pytest.param(signed(stamp=str(NOW - 301)), False, id="too old"),
        pytest.param(signed(stamp=str(NOW + 301)), False, id="from the future"),
        pytest.param(signed(stamp=f"{NOW}000"), False, id="milliseconds"),
        pytest.param(signed(secret="another"), False, id="another secret"),
        pytest.param(signed(task="another"), False, id="another task"),
        pytest.param(signed() | {"X-Webhook-Timestamp": str(NOW + 1)}, False, id="another moment"),
        pytest.param(signed(encode=lambda digest: digest.hex().encode()), False, id="hex"),
        pytest.param(signed() | {"X-Webhook-Signature": ""}, False, id="no signature"),
        pytest.param(signed() | {"X-Webhook-Signature": "ü"}, False, id="a signature beyond ASCII"),
        pytest.param(signed(stamp="²"), False, id="a raised two"),
        pytest.param(signed(stamp="9" * 5000), False, id="5000 digits"),
        pytest.param(signed(stamp="-5"), False, id="before 1970"),
        pytest.param({"X-Webhook-Signature": signed()["X-Webhook-Signature"]}, False, id="no moment"),
        pytest.param({}, False, id="no headers"),
    ],
)
def test_the_signature(headers, good):
    """Base64 of HMAC-SHA256 over task and moment, at most five minutes old; anything else is False, never an error."""
    assert is_signed(headers, {"data": {"taskId": TASK}}, SECRET, now=NOW) is good
