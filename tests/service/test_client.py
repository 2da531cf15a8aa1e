"""The client over real sockets: what is sent, what is never sent twice, and where the key goes."""

import hashlib
import json
import socket

import pytest

from kie_nb.errors import (
    AuthError,
    InvalidRequest,
    NotSent,
    OutcomeUnknown,
    OutOfCredits,
    RateLimited,
    ServiceTrouble,
    StillRunning,
    TaskLost,
)
from kie_nb.service import Client
from kie_nb.simulator import Fault

MODEL = "wan/2-5-text-to-video"
WAVES = {"prompt": "Waves", "duration": "5", "resolution": "720p", "seed": 0}


def reply(**body):
    return json.dumps(body).encode()


ACCEPTED = reply(code=200, msg="success", data={"taskId": "t1", "recordId": "t1"})


async def create(client, **more):
    return await client.create(MODEL, WAVES, **more)


def test_from_request_to_file(simulate, ask, tmp_path):
    """Create, wait, download: the record names the video and its cost, and the video is on disk."""
    simulator, seen = simulate(), []

    async def all_of_it(client):
        before = await client.credits()
        task_id = await create(client)
        record = await client.wait(task_id, on_change=seen.append)
        path = await client.download(record.urls[0], tmp_path / "waves.mp4")
        return before - await client.credits(), record, path

    spent, record, path = ask(simulator.base_url, all_of_it)

    assert record.state == "success"
    assert record.param["input"] == WAVES
    assert spent == record.credits == 60
    assert path.read_bytes()[4:8] == b"ftyp"
    assert seen[-1] == record
    assert simulator.counts["create_requests"] == 1


def test_what_a_create_looks_like(serve, ask):
    """The documented body and headers; None is left out, 0 and False are not; no callback unless there is one."""
    site = serve(lambda request: request.answer(body=ACCEPTED))

    async def both(client):
        await client.create(MODEL, WAVES | {"negative_prompt": None, "nsfw_checker": False})
        await client.create(MODEL, WAVES, call_back_url="https://example.com/hook")

    ask(site.url, both)

    first, second = site.seen
    assert (first.command, first.path) == ("POST", "/api/v1/jobs/createTask")
    assert json.loads(first.body) == {"model": MODEL, "input": WAVES | {"nsfw_checker": False}}
    assert json.loads(second.body)["callBackUrl"] == "https://example.com/hook"
    assert first.headers["Authorization"] == "Bearer a-key"
    assert first.headers["Content-Type"] == "application/json"
    assert first.headers["User-Agent"].startswith("kie_nb/")


def test_an_upload_gives_an_address(simulate, ask, cat):
    """The service has the very bytes, under a name of ours."""
    simulator, content = simulate(), cat.read_bytes()

    async def upload(client):
        return await client.upload(content, "a-hash.png", mime="image/png")

    done = ask(simulator.base_url, upload)

    assert (done.name, done.bytes) == ("a-hash.png", len(content))
    assert done.url.startswith(simulator.base_url)


@pytest.mark.parametrize(
    ("data", "url"),
    [
        pytest.param(
            {"downloadUrl": "https://a.example/1.png", "fileUrl": "x"},
            "https://a.example/1.png",
            id="downloadUrl",
        ),
        pytest.param({"fileUrl": "https://a.example/2.png"}, "https://a.example/2.png", id="fileUrl"),
        pytest.param({"success": False, "downloadUrl": "https://a.example/3.png"}, None, id="no success"),
        pytest.param({}, None, id="no address"),
        pytest.param(None, None, id="no data"),
    ],
)
def test_the_two_shapes_of_an_upload_reply(serve, ask, data, url):
    """Without an address the upload is trouble, and may be done again."""
    site = serve(lambda request: request.answer(body=reply(success=True, code=200, data=data)))

    async def upload(client):
        try:
            return (await client.upload(b"x", "x.png", mime="image/png")).url
        except ServiceTrouble:
            return None

    assert ask(site.url, upload) == url


def test_a_refused_connection_was_not_sent(nobody, ask):
    """No byte left: it is tried again while patience lasts, and then surely cost nothing."""
    with pytest.raises(NotSent, match="No connection") as caught:
        ask(nobody, create)

    assert caught.value.charged == "nothing"


@pytest.mark.parametrize("number", [socket.EAI_NONAME, socket.EAI_AGAIN], ids=["no such name", "no answer"])
def test_a_machine_that_is_offline_is_told_so(ask, monkeypatch, number):
    """In words, not as an errno; nothing was sent."""

    def offline(*_args, **_more):
        raise socket.gaierror(number, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", offline)

    with pytest.raises(NotSent, match=r"was not found \(is this machine online\?\)\.") as caught:
        ask("https://kie-nb-tests.example", create)
    with pytest.raises(ServiceTrouble, match=r"was not found \(is this machine online\?\)\."):
        ask("https://kie-nb-tests.example", Client.credits)

    assert caught.value.charged == "nothing"


def drop(request):
    request.hang_up()


def half_a_reply(request):
    request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{")
    request.hang_up()


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(drop, id="hung up without a reply"),
        pytest.param(half_a_reply, id="half a reply"),
        pytest.param(lambda request: request.answer(502, b"Bad Gateway"), id="502"),
        pytest.param(lambda request: request.answer(body=b"<html>"), id="a page"),
        pytest.param(lambda request: request.answer(body=reply(code=408, msg="")), id="408"),
        pytest.param(lambda request: request.answer(body=reply(code=500, msg="Server error")), id="500"),
        pytest.param(lambda request: request.answer(body=reply(code=200, data={})), id="no task id"),
        pytest.param(lambda request: request.answer(body=reply(code=200, data=None)), id="no data"),
        pytest.param(lambda request: request.answer(body=reply(code=200, data="t1")), id="data a text"),
        pytest.param(lambda request: request.answer(307, location="/again"), id="a redirect"),
    ],
)
def test_a_lost_answer_is_never_sent_again(serve, ask, answer):
    """Exactly one request reaches the service, however much patience there is."""
    site = serve(answer)

    with pytest.raises(OutcomeUnknown, match="A task may exist; it is not sent again"):
        ask(site.url, lambda client: create(client, patience_s=10_000))

    assert len(site.seen) == 1


def test_no_reply_in_time_is_an_unknown_outcome(simulate, ask):
    """The simulator makes the task and keeps silent: there is one task, and one request."""
    simulator = simulate(faults=[Fault(call="create", kind="lost_reply")])

    with pytest.raises(OutcomeUnknown):
        ask(simulator.base_url, create)

    assert simulator.counts["create_requests"] == len(simulator.tasks) == 1


@pytest.mark.parametrize("fault", ["429", "http_429", "430"])
def test_a_rate_refusal_is_waited_out(simulate, ask, fault):
    """Rejected, not queued: after the window it is sent again, and accepted."""
    simulator = simulate(faults=[Fault(call="create", kind=fault, times=2)])

    assert ask(simulator.base_url, create)
    assert simulator.counts["create_requests"] == 3
    assert len(simulator.tasks) == 1


def test_without_patience_a_rate_refusal_is_raised(simulate, ask):
    """The engine has a gate of its own and does not want another one."""
    simulator = simulate(faults=[Fault(call="create", kind="429")])

    with pytest.raises(RateLimited):
        ask(simulator.base_url, lambda client: create(client, patience_s=0))

    assert simulator.counts["create_requests"] == 1


@pytest.mark.parametrize(
    ("fault", "error"),
    [("401", AuthError), ("402", OutOfCredits), ("500_credits", OutOfCredits), ("422", InvalidRequest)],
)
def test_a_refusal_is_not_tried_again(simulate, ask, fault, error):
    """What only the user can change is told at once."""
    simulator = simulate(faults=[Fault(call="create", kind=fault)])

    with pytest.raises(error):
        ask(simulator.base_url, create)

    assert simulator.counts["create_requests"] == 1


@pytest.mark.parametrize(
    "fault", ["http_502", "html", "broken_json", "429", "430", "455", "408", "reset", "null_record"]
)
def test_a_wait_lives_through_what_passes(simulate, ask, fault):
    """Looking is free: drops, errors, broken JSON, rate limits and maintenance end no wait."""
    simulator = simulate(faults=[Fault(call="record", kind=fault, times=2)])

    async def waited(client):
        return await client.wait(await create(client))

    assert ask(simulator.base_url, waited).state == "success"


def test_a_wait_ends_when_the_key_is_refused(simulate, ask):
    """Asking on with a wrong key would only delay the news."""
    simulator = simulate(faults=[Fault(call="record", kind="401")])

    async def waited(client):
        return await client.wait(await create(client))

    with pytest.raises(AuthError):
        ask(simulator.base_url, waited)


def test_a_wait_that_takes_too_long_says_that_the_task_goes_on(simulate, ask):
    """The error holds the task id, with which the wait is taken up again."""
    simulator = simulate(speed=0.01)

    async def waited(client):
        return await client.wait(await create(client), timeout_s=6)

    with pytest.raises(StillRunning, match="goes on and is billed") as caught:
        ask(simulator.base_url, waited)

    assert simulator.tasks[0].task_id in caught.value.hint
    assert isinstance(caught.value, TimeoutError)


def test_a_task_that_stays_unknown_is_lost(simulate, ask):
    """Just after creation an unknown id is normal; a minute and a half later it is not."""
    simulator = simulate()

    with pytest.raises(TaskLost):
        ask(simulator.base_url, lambda client: client.wait("0" * 32))

    assert simulator.counts["record_requests"] > 5


@pytest.mark.parametrize(
    ("data", "balance"),
    [
        (60.62, 60.62),
        (5000, 5000.0),
        ("60.62", 60.62),
        ({"credits": 5}, None),
        (None, None),
        (True, None),
        ("?", None),
    ],
)
def test_the_balance_is_a_bare_number(serve, ask, data, balance):
    """Anything else is no answer, and not 0."""
    site = serve(lambda request: request.answer(body=reply(code=200, data=data)))

    async def credits_(client):
        try:
            return await client.credits()
        except ServiceTrouble:
            return None

    assert ask(site.url, credits_) == balance


def test_a_dead_link_is_renewed(simulate, ask, tmp_path):
    """Links die within a day; `download-url` gives one for 20 minutes more."""
    simulator = simulate(faults=[Fault(call="download", kind="expired", times=1)])

    async def fetched(client):
        record = await client.wait(await create(client))
        return await client.download(record.urls[0], tmp_path / "waves.mp4")

    assert ask(simulator.base_url, fetched).stat().st_size > 1000
    assert simulator.counts["download_url_requests"] == 1


def test_the_key_goes_to_the_service_and_not_to_the_files(serve, ask, tmp_path):
    """A result lies on another host, and that host sees no key, also behind a redirect."""
    film = b"\0\0\0 ftypisom" + bytes(5000)
    files = serve(lambda request: request.answer(body=film))
    moved = serve(lambda request: request.answer(302, location=f"{files.url}/b.mp4"))

    ask(moved.url, lambda client: client.download(f"{moved.url}/a.mp4", tmp_path / "a.mp4"))

    assert [request.headers["Authorization"] for request in (*moved.seen, *files.seen)] == [None, None]
    assert (tmp_path / "a.mp4").read_bytes() == film


def test_uploads_go_where_the_api_is(serve, ask):
    """A base URL of one's own takes uploads too: its key is not sent to the public upload host."""
    data = {"downloadUrl": "https://a.example/x.png"}
    site = serve(lambda request: request.answer(body=reply(success=True, code=200, data=data)))

    ask(site.url, lambda client: client.upload(b"x", "x.png", mime="image/png"))

    assert site.seen[0].path == "/api/file-stream-upload"


def test_every_create_has_a_connection_of_its_own(serve, ask):
    """On a kept one, a connection closed by the far side could not be told from a lost reply."""
    site = serve(lambda request: request.answer(body=ACCEPTED))

    async def three(client):
        return [await create(client) for _ in range(3)]

    ask(site.url, three)

    assert len({request.client_address for request in site.seen}) == 3


def test_the_key_is_not_in_a_repr():
    """Notebooks show reprs."""
    key = hashlib.sha256(b"a test").hexdigest()

    client = Client(key, base_url="https://a.example")

    assert key not in repr(client) + str(vars(client))
