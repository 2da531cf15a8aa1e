"""Living in somebody else's process: quick to import, silent, its own loop; and the doors for people."""

import asyncio
import gc
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import httpx
import pytest

from kie_nb.cli import main
from kie_nb.simulator.faults import CALLS
from kie_nb.simulator.server import ServerThread


def run(code, **env):
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | env,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_importing_the_room_loads_nothing_heavy():
    """No server, no encoder, no numbers until a simulator is made."""
    out = run(
        "import sys, kie_nb.simulator, kie_nb.simulator.command;"
        "print([m for m in ('av','numpy','PIL','uvicorn','starlette','httpx') if m in sys.modules])"
    )
    assert out.strip() == "[]"


def test_a_process_that_forgets_to_stop_it_ends_quickly_and_silently():
    """Even with full-size videos still to draw."""
    run(
        "import httpx; from kie_nb.simulator import Simulator; s = Simulator().start()\n"
        "for seed in range(5):\n"
        "    b = {'model': 'wan/2-5-text-to-video', 'input': {'prompt': 'x', 'duration': '10', 'seed': seed}}\n"
        "    httpx.post(s.base_url + '/api/v1/jobs/createTask', json=b, headers={'Authorization': 'Bearer k'})\n"
    )


def test_a_host_that_patches_asyncio_does_not_reach_it():
    """nest_asyncio, applied before or after, and logging set up by the host: it answers and says nothing."""
    pytest.importorskip("nest_asyncio2")
    code = (
        "import asyncio, logging, httpx, sys; logging.basicConfig(level=logging.INFO, stream=sys.stdout)\n"
        "logging.getLogger('httpx').setLevel('WARNING')\n"
        "from kie_nb.simulator import Simulator\n"
        "def patch():\n"
        "    import nest_asyncio2; nest_asyncio2.apply(asyncio.new_event_loop())\n"
        "def ask(s):\n"
        "    assert httpx.get(s.base_url + '/', timeout=5).status_code == 200\n"
        "a = Simulator().start(); ask(a); patch(); ask(a); b = Simulator().start(); ask(b); a.stop(); b.stop()\n"
    )
    assert run(code) == ""


def test_the_host_keeps_its_signals_loggers_and_loop(simulate):
    """Started inside a running loop, it changes nothing of the process."""
    handler = signal.getsignal(signal.SIGINT)
    levels = [logging.getLogger(name).level for name in ("", "uvicorn", "uvicorn.error", "uvicorn.access")]

    async def inside():
        sim, _ = simulate()
        async with httpx.AsyncClient() as client:
            return (await client.get(sim.base_url + "/")).status_code

    assert asyncio.run(inside()) == 200
    assert signal.getsignal(signal.SIGINT) is handler
    assert levels == [
        logging.getLogger(name).level for name in ("", "uvicorn", "uvicorn.error", "uvicorn.access")
    ]


def test_stopping_ends_its_threads(simulate):
    """Nothing of it is left running."""
    before = set(threading.enumerate())
    sim, client = simulate()
    client.create()
    sim.stop()
    left = [thread.name for thread in set(threading.enumerate()) - before if "kie" in thread.name]
    assert left == []


def test_the_page_for_people_escapes_everything(simulate):
    """A prompt is text, never markup."""
    sim, client = simulate()
    client.create(prompt="<script>alert(1)</script>")
    page = httpx.get(sim.base_url + "/").text
    assert "not Kie.ai" in page
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_the_back_door(simulate):
    """Faults, state and purse over HTTP; wrong words get 400 and the good ones."""
    sim, client = simulate()
    http = client.http
    fault = {"call": "credits", "kind": "455"}
    assert http.put("/_sim/faults", json=[fault]).json()["faults"][0]["kind"] == "455"
    assert http.get("/api/v1/chat/credit").json()["code"] == 455
    bad = http.put("/_sim/faults", json=[{"call": "credits", "kind": "x"}])
    assert bad.status_code == 400
    assert "lost_reply" in bad.json()["error"]
    assert http.delete("/_sim/faults").json() == {"faults": []}
    assert http.post("/_sim/credits", json={"credits": 61}).json() == {"balance": 61.0}
    assert http.post("/_sim/credits", json={"credits": "x"}).status_code == 400
    task_id = client.created()
    state = http.get("/_sim/state").json()
    assert (state["tasks"][0]["taskId"], state["balance"], state["counts"]["creates_accepted"]) == (
        task_id,
        1,
        1,
    )
    assert sim.balance == 1


def test_the_faults_there_are_can_be_read(simulate, capsys):
    """In the help and at the back door; POST is as good as PUT."""
    _, client = simulate()
    kinds = client.http.get("/_sim/faults").json()["kinds"]
    with pytest.raises(SystemExit):
        main(["simulator", "--help"])
    told = capsys.readouterr().out.replace(",", " ").split()

    assert set(kinds) == set(CALLS)
    for call in CALLS:
        assert {f"{call}:", *kinds[call]} <= set(told)
    fault = {"call": "credits", "kind": "455"}
    assert client.http.post("/_sim/faults", json=[fault]).json()["faults"][0]["kind"] == "455"


def test_the_command_prints_what_to_set_and_ends_on_interrupt(tmp_path):
    """The base URL, the variables of a client, exit code 0."""
    code = (
        "import argparse, signal, sys; from kie_nb.simulator import command\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # ignored where the tests run in the background
        "p = argparse.ArgumentParser(); command.add_arguments(p); sys.exit(command.run(p.parse_args()))\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, "--port", "0", "--state", str(tmp_path), "--faults", json.dumps([])],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with child:
        lines = [child.stdout.readline() for _ in range(6)]
        base = next(line for line in lines if "KIE_BASE_URL" in line).strip().partition("=")[2]
        assert httpx.get(base + "/_sim/state").json()["balance"] == 10_000
        assert any("KIE_UPLOAD_URL" in line for line in lines)
        assert any("KIE_API_KEY" in line for line in lines)
        child.send_signal(signal.SIGINT)
        assert child.wait(20) == 0
    refused = subprocess.run(
        [sys.executable, "-c", code, "--faults", "nonsense"], capture_output=True, text=True, check=False
    )
    assert (refused.returncode, refused.stdout) == (2, "")


def test_a_stop_amid_new_connections_leaves_none_to_the_garbage_collector(monkeypatch):
    left = []
    monkeypatch.setattr(sys, "unraisablehook", left.append)

    async def app(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    def knock(port, stopped):
        while not stopped.is_set():
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=1) as one:
                    one.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                stopped.wait(0.001)  # a thousand a second are enough
            except OSError:
                stopped.wait(0.005)  # it has closed: knocking without a pause would only hold up its end

    for _ in range(5):
        server, stopped = ServerThread(app, 0, asyncio.Event().wait), threading.Event()
        server.start()
        visitors = [threading.Thread(target=knock, args=(server.port, stopped)) for _ in range(3)]
        for one in visitors:
            one.start()
        time.sleep(0.05)
        server.stop()
        stopped.set()
        for one in visitors:
            one.join()
        gc.collect()
    assert not [repr(one.exc_value) for one in left]
