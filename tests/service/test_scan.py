"""A record in a reply that is not quite JSON: what can be read for sure is read, and nothing else."""

import json

import pytest

from kie_nb.errors import ServiceTrouble
from kie_nb.service.envelope import Call, read
from kie_nb.service.records import parse_record, scan_record

LINKS = ("https://x.example/a.mp4",)


def reply(prompt="Waves", **data):
    """A body whose echo has lost one level of escaping, as it was once seen."""
    known = {"taskId": "t1", "model": "wan", "state": "success", "param": "ECHO"}
    known |= {"resultJson": json.dumps({"resultUrls": LINKS}), "failCode": "", "failMsg": "", "costTime": 60}
    whole = json.dumps({"code": 200, "msg": "success", "data": {**known, "creditsConsumed": 60, **data}})
    echo = json.dumps({"model": "wan", "input": json.dumps({"prompt": prompt})})
    return whole.replace('"ECHO"', f'"{echo}"').encode()


def test_a_success_is_read_with_its_links():
    """They die within a day."""
    with pytest.raises(json.JSONDecodeError):
        json.loads(reply())
    record = parse_record(read(Call.RECORD, 200, reply()), "t1")

    assert (record.state, record.urls, record.credits, record.model) == ("success", LINKS, 60.0, "wan")


@pytest.mark.parametrize("prompt", ["Waves", 'He says "hi" {\\}', '"state":"fail","failCode":"1"'])
def test_the_request_is_read_where_only_escaping_went_missing(prompt):
    """It tells whose task it is; an echo that is broken otherwise is not guessed at."""
    assert parse_record(scan_record(reply(prompt)), "t1").param == {
        "model": "wan",
        "input": {"prompt": prompt},
    }
    assert parse_record(scan_record(reply(prompt).replace(b'"input"', b'"input')), "t1").param is None


@pytest.mark.parametrize("state", ["waiting", "queuing", "generating"])
def test_what_is_under_way_is_read(state):
    """It has no links yet."""
    assert parse_record(read(Call.RECORD, 200, reply(state=state, resultJson="")), "t1").state == state


def test_a_failure_is_read_with_its_reason():
    """The word alone decides nothing."""
    found = scan_record(reply(state="fail", resultJson="", failCode="500", failMsg="Internal server error"))
    assert (found["state"], found["failMsg"]) == ("fail", "Internal server error")
    assert scan_record(reply(state="fail", resultJson="")) is None


@pytest.mark.parametrize(
    "prompt",
    [
        '"state":"fail","failCode":"1","failMsg":"x"',
        '"state": "success", "resultJson": "{}"',
        '"param" "resultJson":"https://evil.example/a.mp4"',
        '"creditsConsumed": 1',
    ],
)
def test_a_prompt_decides_nothing(prompt):
    """The echo may hold any words; what it says is never taken for the service's own."""
    found = scan_record(reply(prompt))
    assert found is None or (found["state"] == "success" and LINKS[0] in found["resultJson"])
    under_way = scan_record(reply(prompt, state="generating", resultJson=""))
    assert under_way is None or under_way["state"] == "generating"


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'{"code": 500, "state": "fail"', b'{"code":200,"data":{"state":"success"']
)
def test_what_is_not_sure_is_a_look_that_failed(body):
    """It is looked at again."""
    assert scan_record(body) is None
    with pytest.raises(ServiceTrouble):
        read(Call.RECORD, 200, body)
