"""recordInfo → a record: text in text, missing keys, numbers under three names."""

import json

import pytest

from kie_nb.service.records import parse_record, task_id_of

VIDEO, OTHER = "https://cdn.example.com/a.mp4", "https://cdn.example.com/b.mp4"
REQUEST = {"model": "wan/2-5-text-to-video", "input": {"prompt": "Waves", "seed": 0}}


def record(**data):
    return parse_record({"state": "success"} | data, "t1")


@pytest.mark.parametrize(
    ("param", "parsed"),
    [
        pytest.param(
            json.dumps(REQUEST | {"input": json.dumps(REQUEST["input"])}), REQUEST, id="text in text"
        ),
        pytest.param(json.dumps(REQUEST), REQUEST, id="an object in text"),
        pytest.param(REQUEST, REQUEST, id="an object"),
        pytest.param('{"model": "wan", "input": "{"prompt": "Waves"}"}', None, id="under-escaped"),
        pytest.param(
            json.dumps({"model": "wan", "input": '{"prompt": '}),
            {"model": "wan", "input": {}},
            id="broken inside",
        ),
        pytest.param('"text"', None, id="a text"),
        pytest.param("", None, id="empty"),
        pytest.param(None, None, id="null"),
    ],
)
def test_the_echo_of_the_request(param, parsed):
    """Read where it can be read; where it cannot, the record is good all the same."""
    found = record(param=param, resultJson=json.dumps({"resultUrls": [VIDEO]}))

    assert found.param == parsed
    assert found.urls == (VIDEO,)


@pytest.mark.parametrize(
    ("result", "urls"),
    [
        pytest.param(json.dumps({"resultUrls": [VIDEO]}), (VIDEO,), id="text"),
        pytest.param({"resultUrls": [VIDEO]}, (VIDEO,), id="object"),
        pytest.param(json.dumps({"resultUrls": [VIDEO, OTHER]}), (VIDEO, OTHER), id="two"),
        pytest.param(json.dumps({"resultUrls": VIDEO}), (VIDEO,), id="one that is no list"),
        pytest.param(
            json.dumps({"resultUrls": [VIDEO], "firstFrameUrl": "https://x.example/f.png"}),
            (VIDEO,),
            id="with frames beside",
        ),
        pytest.param(json.dumps({"resultUrls": []}), (), id="empty list"),
        pytest.param(json.dumps({"resultUrls": None}), (), id="null list"),
        pytest.param(json.dumps({"resultUrls": 5}), (), id="a number"),
        pytest.param(
            json.dumps({"resultUrls": [None, 7, "", "ftp://x/a.mp4", VIDEO]}), (VIDEO,), id="rubbish"
        ),
        pytest.param(json.dumps({"resultObject": {"text": "x"}}), (), id="a text result"),
        pytest.param("", (), id="empty"),
        pytest.param("null", (), id="null as text"),
        pytest.param(None, (), id="null"),
        pytest.param("{", (), id="broken"),
    ],
)
def test_the_addresses_of_the_result(result, urls):
    """All of them, in order, and only what can be fetched."""
    assert record(resultJson=result).urls == urls


def test_a_record_needs_nothing_but_a_state():
    """Every other key may be missing, as `resultJson` is after a failure."""
    found = parse_record({"state": "waiting"}, "t1")

    assert (found.task_id, found.state, found.urls, found.credits, found.param) == (
        "t1",
        "waiting",
        (),
        None,
        None,
    )
    assert found.duration_s is None


@pytest.mark.parametrize(
    "data",
    [
        *[None, [], "success", 5, {}, {"state": None}, {"state": 3}],
        {"state": "success", "taskId": "t2", "resultJson": {"resultUrl": "https://x.example/other.mp4"}},
    ],
)
def test_without_a_state_of_the_task_there_is_no_record(data):
    """It is then asked for again; another task's video is not taken for this one's."""
    assert parse_record(data, "t1") is None


@pytest.mark.parametrize(
    ("data", "credits_"),
    [
        pytest.param({"creditsConsumed": 2.5}, 2.5, id="creditsConsumed"),
        pytest.param({"consumeCredits": 100}, 100.0, id="consumeCredits"),
        pytest.param({"creditsConsumed": "60.5"}, 60.5, id="as text"),
        pytest.param({"creditsConsumed": 0.0}, 0.0, id="a reported 0"),
        pytest.param({"creditsConsumed": None, "consumeCredits": 100}, 100.0, id="null, then the other name"),
        pytest.param({}, None, id="not reported"),
        pytest.param({"creditsConsumed": None}, None, id="null"),
        pytest.param({"creditsConsumed": "n/a"}, None, id="words"),
        pytest.param({"creditsConsumed": True}, None, id="a switch"),
        pytest.param({"creditsConsumed": float("nan")}, None, id="not a number"),
        pytest.param({"creditsConsumed": "inf"}, None, id="infinite"),
    ],
)
def test_what_it_cost(data, credits_):
    """Under either name, fractions kept; what was not reported is None and never 0."""
    assert record(**data).credits == credits_


@pytest.mark.parametrize(
    ("created", "completed", "seconds"),
    [
        pytest.param(1_000, 29_662, 28.662, id="milliseconds"),
        pytest.param("1000", "29662", 28.662, id="as text"),
        pytest.param(5_000, 4_000, 0.0, id="clocks that disagree"),
        pytest.param(1_000, None, None, id="not complete"),
        pytest.param(1_000, float("inf"), None, id="infinite"),
        pytest.param(10**400, 1_000, None, id="far too large"),
        pytest.param(None, None, None, id="neither"),
    ],
)
def test_how_long_it_took(created, completed, seconds):
    """From creation to completion, in seconds; `costTime` is only near it."""
    found = record(createTime=created, completeTime=completed, costTime=785)

    assert found.duration_s == seconds
    assert found.cost_time_s == 785


@pytest.mark.parametrize(
    ("state", "final"),
    [
        ("waiting", False),
        ("queuing", False),
        ("generating", False),
        ("postprocessing", False),
        ("", False),
        ("SUCCESS", True),
        ("Completed", True),
        ("succeeded", True),
        (" failed ", True),
        ("IN PROGRESS", False),
        ("success", True),
        ("fail", True),
    ],
)
def test_only_two_states_are_final(state, final):
    """A word we do not know means that the task goes on."""
    assert parse_record({"state": state}, "t1").is_final is final


def test_a_failure_says_why():
    """The upstream's own code is a text, and null where there is none."""
    found = record(state="fail", failCode="500", failMsg="Internal server error", resultJson=None)

    assert (found.fail_code, found.fail_message) == ("500", "Internal server error")
    assert record(failCode=None, failMsg=None).fail_code == ""


LINK = "https://cdn.example.com/a.mp4"
TWO = [LINK, "https://cdn.example.com/b.mp4"]


@pytest.mark.parametrize(
    ("data", "urls"),
    [
        pytest.param({"resultJson": json.dumps(json.dumps({"resultUrls": TWO}))}, TWO, id="text in text"),
        pytest.param({"resultJson": {"resultUrls": TWO}}, TWO, id="an object"),
        pytest.param({"resultJson": json.dumps({"resultUrls": json.dumps(TWO)})}, TWO, id="its list is text"),
        pytest.param({"resultJson": json.dumps({"resultUrls": [{"url": LINK}]})}, [LINK], id="objects with a url"),
        pytest.param({"resultJson": json.dumps({"resultUrls": [{"url": LINK, "coverUrl": TWO[1]}]})}, [LINK], id="beside a cover"),
        pytest.param({"resultJson": json.dumps({"data": {"result": {"resultUrls": TWO}}})}, TWO, id="nested"),
        pytest.param({"resultJson": json.dumps({"resultUrls": [f" {LINK}\n"]})}, [LINK], id="blanks around"),
        pytest.param({"resultJson": json.dumps({"resultUrl": LINK})}, [LINK], id="one alone"),
        pytest.param({"resultJson": LINK}, [LINK], id="the link itself"),
        pytest.param({"resultJson": json.dumps([LINK])}, [LINK], id="a list"),
        pytest.param({"resultJson": [LINK]}, [LINK], id="a list as it is"),
        pytest.param({"resultJson": "", "response": {"resultUrls": [LINK]}}, [LINK], id="in a response"),
        pytest.param({"resultUrls": [LINK]}, [LINK], id="beside it"),
        pytest.param({"resultJson": json.dumps({"resultUrls": [LINK, LINK]})}, [LINK], id="twice"),
        pytest.param({"resultJson": json.dumps({"resultUrls": TWO, "firstFrameUrl": "https://x.example/f.png"})}, TWO, id="with a frame"),
        pytest.param({"param": json.dumps({"input": {"image_url": LINK}})}, [], id="the picture that was sent is none"),
        pytest.param({"resultJson": "[" * 5000}, [], id="deep"),
        pytest.param({"resultJson": json.dumps({"resultUrls": ["ftp://x/a.mp4", 5, None, "javascript:1"]})}, [], id="no links"),
    ],
)  # fmt: skip
def test_a_link_is_found_however_it_is_wrapped(data, urls):
    """It is a video that was paid for."""
    assert list(parse_record({"state": "success", **data}, "t1").urls) == urls


def test_a_word_that_nobody_knows_means_success_beside_a_result():
    """Without one the task goes on, under the word that came."""
    assert (
        parse_record({"state": "ready", "resultJson": json.dumps({"resultUrls": [LINK]})}, "t1").state
        == "success"
    )
    assert parse_record({"state": "Ready"}, "t1").state == "Ready"
    assert not parse_record({"state": "Ready"}, "t1").is_final


@pytest.mark.parametrize(
    ("body", "task"),
    [
        pytest.param({"data": {"taskId": "9f8e"}}, "9f8e", id="data.taskId"),
        pytest.param({"data": {"task_id": "9f8e"}}, "9f8e", id="data.task_id"),
        pytest.param({"taskId": "9f8e"}, "9f8e", id="taskId"),
        pytest.param({"taskId": "9f8e", "data": None}, "9f8e", id="data null"),
        pytest.param({"data": {}}, None, id="none"),
        pytest.param({}, None, id="empty"),
        pytest.param(["x"], None, id="a list"),
        pytest.param({"data": {"taskId": {"a": 1}}}, None, id="an object"),
        pytest.param({"data": {"taskId": True}}, None, id="a truth value"),
        pytest.param({"taskId": ["x"]}, None, id="a list in it"),
    ],
)
def test_the_task_id_has_three_places(body, task):
    """Three kinds of body keep the task id in three places."""
    assert task_id_of(body) == task
