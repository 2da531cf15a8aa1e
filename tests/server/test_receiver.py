"""The receiver by itself: what it takes, what it refuses, and what a process that waits finds of it."""

import asyncio
import gc
import json
import os
import sys
import time

import httpx
import pytest
from callbackbodies import BODIES, SECRET, signed

import kie_nb as kie
from kie_nb.engine import callbacks
from kie_nb.mailbox import PATH, Mailbox
from kie_nb.server.listen import app
from kie_nb.server.receiver import MOST_BYTES, MOST_TAKEN, Receiver
from kie_nb.service.callback_address import address_here, chosen_address

RUN, TASK = "abcdef123456", "e989621f54392584b05867f87b160672"


def tasks(mailbox):
    return [(arrival.run_id, arrival.task_id) for arrival in mailbox.arrivals()]


@pytest.mark.parametrize("body", [
    pytest.param(BODIES["success"], id="the page's success"),
    pytest.param(b'{"code": 200, "data": {"task_id": "%s"}}' % TASK.encode(), id="data.task_id"),
    pytest.param(b'{"code": 501, "taskId": "%s", "data": null}' % TASK.encode(), id="taskId"),
    pytest.param(b'{"data": {"taskId": "%s", "state": "success", "creditsConsumed": 60}}' % TASK.encode(), id="newer"),
])  # fmt: skip
def test_each_documented_shape_names_its_task(mailbox, receiver, body):
    """Unsigned where no secret is set."""
    token = mailbox.expect(RUN)

    assert receiver.answer(token, {}, body) == 200
    assert tasks(mailbox) == [(RUN, TASK)]


@pytest.mark.parametrize(("body", "status"), [
    pytest.param(b"", 400, id="empty"),
    pytest.param(b"{", 400, id="broken"),
    pytest.param(b"[" * 60_000, 400, id="deep"),
    pytest.param(b'"text"', 400, id="no object"),
    pytest.param(b'{"data": {"taskId": {"$gt": ""}}}', 400, id="no text"),
    pytest.param(b'{"taskId": "\\ud800"}', 200, id="half a character"),
    pytest.param(json.dumps({"taskId": "../../etc/passwd"}).encode(), 200, id="a path"),
    pytest.param(b" " * (MOST_BYTES + 1), 413, id="too large"),
])  # fmt: skip
def test_an_odd_body_names_at_most_an_odd_task(mailbox, receiver, body, status):
    """Nothing is written outside the folder, and nothing that could not be read again."""
    token = mailbox.expect(RUN)

    assert receiver.answer(token, {}, body) == status
    assert len(tasks(mailbox)) == (status == 200)
    assert sorted(path.name for path in mailbox.folder.parent.iterdir()) == ["callbacks"]


@pytest.mark.parametrize("token", ["", "x" * 43, "../" * 14 + "x", "ü" * 43, "x" * 10_000, "\0" * 43])
def test_a_token_that_was_not_given_is_not_found(mailbox, receiver, token):
    """Whatever else is expected."""
    mailbox.expect(RUN)

    assert receiver.answer(token, {}, BODIES["success"]) == 404
    assert tasks(mailbox) == []


def test_no_token_is_kept(mailbox):
    """Its hash alone, in names that nobody else can list."""
    token = mailbox.expect(RUN)

    (kept,) = mailbox.folder.iterdir()
    assert token not in kept.name
    assert kept.read_bytes() == b""
    if os.name == "posix":
        assert kept.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(("headers", "status"), [
    pytest.param(lambda: signed(TASK), 200, id="signed"),
    pytest.param(lambda: {name.lower(): text for name, text in signed(TASK).items()}, 200, id="as HTTP/2 spells it"),
    pytest.param(dict, 401, id="unsigned"),
    pytest.param(lambda: signed(TASK, secret="another"), 401, id="another secret"),
    pytest.param(lambda: signed("another"), 401, id="another task's"),
    pytest.param(lambda: signed(TASK, at=time.time() - 3600), 401, id="an hour old"),
])  # fmt: skip
def test_with_a_secret_signed_callbacks_alone_are_taken(mailbox, receiver, headers, status, monkeypatch):
    """What is refused leaves nothing."""
    monkeypatch.setenv("KIE_NB_WEBHOOK_SECRET", SECRET)
    token = mailbox.expect(RUN)

    assert receiver.answer(token, headers(), BODIES["success"]) == status
    assert tasks(mailbox) == ([(RUN, TASK)] if status == 200 else [])


def test_a_duplicate_is_one_callback_and_a_flood_is_cut(mailbox):
    """Of one task there is one note; of one token so many callbacks a minute, and few tasks are named by it."""
    now = 1_790_000_000.0
    receiver = Receiver(mailbox, clock=lambda: now)
    token, other = mailbox.expect(RUN), mailbox.expect("fedcba654321")

    answers = [receiver.answer(token, {}, BODIES["success"]) for _ in range(MOST_TAKEN + 5)]
    assert answers == [200] * MOST_TAKEN + [429] * 5
    assert tasks(mailbox) == [(RUN, TASK)]
    assert receiver.answer(other, {}, BODIES["failure"]) == 200  # another run's is not held up
    now += 61
    assert [receiver.answer(token, {}, b'{"taskId": "%d"}' % number) for number in range(6)] == [200] * 6
    assert len([run for run, _ in tasks(mailbox) if run == RUN]) == 4


def test_a_second_callback_is_news(mailbox, receiver):
    """An early one must not make a later one of the same task unheard."""
    token = mailbox.expect(RUN)
    receiver.answer(token, {}, BODIES["success"])
    (first,) = mailbox.arrivals()
    time.sleep(0.02)
    receiver.answer(token, {}, BODIES["success"])

    (second,) = mailbox.arrivals()
    assert second.stamp > first.stamp


@pytest.mark.parametrize("is_watched", [
    pytest.param(True, id="watched", marks=pytest.mark.skipif(sys.platform != "linux", reason="inotify")),
    pytest.param(False, id="looked at"),
])  # fmt: skip
def test_a_callback_wakes_who_waits(mailbox, receiver, is_watched, monkeypatch):
    """By the watch alone where the system has one: the next look would come far too late."""
    monkeypatch.setattr(callbacks, "LOOK_BESIDE_S", 86_400.0)
    if not is_watched:
        monkeypatch.setattr(callbacks, "_inotify", lambda _folder: None)

    async def wait():
        found = callbacks.Callbacks(mailbox.folder.parent)
        waiting = asyncio.ensure_future(found.arrived(RUN, set(), within_s=60))
        await asyncio.sleep(0.01)
        receiver.answer(token, {}, BODIES["success"])
        return await waiting

    token = mailbox.expect(RUN)
    assert asyncio.run(wait()).task_id == TASK


def test_what_has_ended_is_forgotten_and_what_is_old_is_removed(mailbox, receiver):
    """A token is good for the life of its run; one that nobody came back for goes after two weeks."""
    token, other = mailbox.expect(RUN), mailbox.expect("fedcba654321")
    receiver.answer(token, {}, BODIES["success"])
    mailbox.forget(RUN)
    assert receiver.answer(token, {}, BODIES["success"]) == 404
    assert mailbox.is_expected("fedcba654321")
    for path in mailbox.folder.iterdir():
        os.utime(path, (1, 1))
    mailbox.expect(RUN)
    assert receiver.answer(other, {}, BODIES["success"]) == 404


def test_a_full_disk_is_told_so_that_it_is_sent_again(mailbox, receiver, monkeypatch):
    """503, and nothing half written."""
    token = mailbox.expect(RUN)
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))

    assert receiver.answer(token, {}, BODIES["success"]) == 503
    assert len(list(mailbox.folder.iterdir())) == 1


# --- `kie-nb listen` ------------------------------------------------------------------------------------------------


def ask(receiver, method, path, content=b"", **headers):
    async def send():
        transport = httpx.ASGITransport(app(receiver))
        async with httpx.AsyncClient(transport=transport, base_url="http://listen") as client:
            answer = await client.request(method, path, content=content, headers=headers)
        gc.collect()
        await asyncio.sleep(0.01)  # what was not read of a body is closed while its loop runs
        return answer

    return asyncio.run(send())


def test_listen_has_one_route(mailbox, receiver):
    """Under any prefix that a proxy leaves; no other method, no word about the server or to other origins."""
    path = f"/{PATH}{mailbox.expect(RUN)}"

    taken = ask(receiver, "POST", f"/user/jo{path}", BODIES["success"], origin="https://evil.example")
    assert (taken.status_code, taken.json()) == (200, {"code": 200, "msg": "success"})
    assert {name.lower() for name in taken.headers} == {"content-type", "content-length"}
    for method, where, status in (("GET", path, 405), ("OPTIONS", path, 405), ("POST", "/", 404), ("POST", f"/{PATH}", 404), ("POST", f"{path}/x", 404)):  # fmt: skip
        assert ask(receiver, method, where, BODIES["success"]).status_code == status
    assert ask(receiver, "POST", path, b"x" * 10_000_000).status_code == 413


# --- the address ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("variables", "address"), [
    ({}, None),
    ({"KIE_NB_PUBLIC_URL": "https://x.ngrok.app"}, "https://x.ngrok.app/kie-nb/callback/"),
    ({"KIE_NB_PUBLIC_URL": "https://lab.example/jupyter/ "}, "https://lab.example/jupyter/kie-nb/callback/"),
    ({"JUPYTERHUB_PUBLIC_URL": "https://hub.example/user/jo/"}, "https://hub.example/user/jo/kie-nb/callback/"),
    ({"JUPYTERHUB_PUBLIC_HUB_URL": "https://hub.example/hub/", "JUPYTERHUB_SERVICE_PREFIX": "/user/jo/"}, "https://hub.example/user/jo/kie-nb/callback/"),
    ({"JUPYTERHUB_SERVICE_PREFIX": "/user/jo/"}, None),
    ({"KIE_NB_PUBLIC_URL": "https://own.example", "JUPYTERHUB_PUBLIC_URL": "https://hub.example/"}, "https://own.example/kie-nb/callback/"),
])  # fmt: skip
def test_the_address_of_this_machine(variables, address, monkeypatch):
    """The user's own word before JupyterHub's; none is guessed."""
    for name, text in variables.items():
        monkeypatch.setenv(name, text)

    assert address_here() == address


@pytest.mark.parametrize(
    "text", ["localhost:8888", "ftp://x/", "https://", "https://x/?token=1", "https://x/#a"]
)
def test_an_address_that_cannot_be_called_is_refused(text, monkeypatch):
    """Before anything is sent."""
    monkeypatch.setenv("KIE_NB_PUBLIC_URL", text)

    with pytest.raises(kie.InvalidRequest, match="no address that a service can call"):
        chosen_address("auto")


def test_auto_without_an_address_says_what_to_set():
    """And off is none."""
    with pytest.raises(kie.InvalidRequest, match="no public address") as caught:
        chosen_address("auto")
    assert "KIE_NB_PUBLIC_URL" in caught.value.hint
    assert chosen_address("off") is chosen_address(None) is None
    assert chosen_address("https://mine.example/hook") == "https://mine.example/hook"


# --- for programs of one's own ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "outcome"), [
    ("success", (200, "success", ("https://example.com/generated-image.jpg",), 100, "")),
    ("failure", (501, "fail", (), 0, "Internal server error")),
])  # fmt: skip
def test_the_bodies_of_the_page_are_read(name, outcome):
    """Byte for byte, signed as the service signs."""
    task = json.loads(BODIES[name])["data"]["taskId"]

    found = kie.verify_callback(signed(task), BODIES[name], SECRET)

    assert found.task_id == task
    assert (found.code, found.state, found.urls, found.credits, found.record.fail_message) == outcome
    assert found.record.param["input"]["duration"] == "5"
    assert found == kie.verify_callback(signed(task), BODIES[name].decode(), SECRET)
    assert found == kie.verify_callback(httpx.Headers(signed(task)), json.loads(BODIES[name]), SECRET)


@pytest.mark.parametrize(("headers", "body", "secret", "error"), [
    ({}, BODIES["success"], SECRET, kie.AuthError),
    (signed(TASK), BODIES["success"], "", kie.AuthError),
    (signed(TASK), BODIES["failure"], SECRET, kie.AuthError),
    (signed(TASK), b"{", SECRET, kie.InvalidRequest),
    (signed(TASK), "", SECRET, kie.InvalidRequest),
])  # fmt: skip
def test_what_is_not_signed_is_told_from_what_is_no_callback(headers, body, secret, error):
    """401 and 400."""
    with pytest.raises(error) as caught:
        kie.verify_callback(headers, body, secret)
    assert caught.value.charged == ""


def test_old_ones_are_removed_and_what_is_not_ours_stays(mailbox):
    """A folder with the name of one is no reason to keep the rest."""
    mailbox.expect("0" * 12)
    (expected,) = mailbox.folder.iterdir()
    old = [
        mailbox.folder / name for name in ("notes.txt", f"{'2' * 12}.{'a' * 64}", f"{'3' * 12}.{'b' * 64}")
    ]
    old[0].write_text("mine")
    old[1].mkdir()
    old[2].touch()
    for path in (*old, expected):
        os.utime(path, (1, 1))

    mailbox.expect("1" * 12)

    assert [path.exists() for path in (*old, expected)] == [True, True, False, False]


def test_a_callback_that_comes_while_its_run_is_forgotten_expects_nothing(tmp_path):
    """Its file may be written after those of the run are gone."""
    mailbox = Mailbox(tmp_path)
    token = mailbox.expect("ab" * 16)
    assert mailbox.take(token, "t1")
    next(path for path in mailbox.folder.iterdir() if path.name.count(".") == 1).unlink()

    assert not mailbox.knows(token)
    assert not mailbox.take(token, "t1")
