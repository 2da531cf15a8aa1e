"""`AsyncKie`: who answers it, which key it sends, and that its creates wait for their turn; the guide's own lines."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import kie_nb as kie
from kie_nb import settings
from kie_nb.handles import get_session

GUIDE = Path(__file__).parents[2] / "notebooks" / "python.ipynb"
KEY = "sk-a-key-of-their-own"
WAVES = ("wan/2-5-text-to-video", {"prompt": "Waves", "duration": "5", "resolution": "720p"})
RUN_IT = """
import ast, asyncio, sys
code = compile(sys.stdin.read(), "guide", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
asyncio.run(eval(code, {}))
"""


def python(script, text, **variables):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | variables,
        check=False,
    )


def test_the_guides_lines_run_in_a_fresh_process_without_a_key(tmp_path):
    """Nothing else is imported before; the simulator says itself, once, and not into a script's own output."""
    cells = ("".join(cell["source"]) for cell in json.loads(GUIDE.read_text(encoding="utf-8"))["cells"])
    block = next(text for text in cells if text.startswith("async with kie.AsyncKie"))
    lines = f"import kie_nb as kie\n{block.partition('print')[0]}\nprint(client)\n"

    done = python(RUN_IT, lines, KIE_NB_SIMULATOR_SPEED="50")

    assert (done.returncode, done.stdout) == (0, "<AsyncKie embedded SIMULATED>\n"), done.stderr
    assert done.stderr == "kie_nb: no key is set: the simulator answers (free)\n"
    assert (tmp_path / "waves.mp4").stat().st_size > 1000


def entered(*given, **named):
    """An `AsyncKie` that was entered, as it shows itself."""

    async def shown():
        async with kie.AsyncKie(*given, **named) as client:
            return repr(client)

    return asyncio.run(shown())


def test_a_key_that_is_given_means_kie():
    """Also where none is set and the simulator is at hand; entering it sends nothing."""
    assert entered(KEY) == "<AsyncKie https://api.kie.ai>"


def test_an_empty_key_is_refused_before_anything_is_sent():
    """No header can carry it: in mid-request that would look like a lost answer."""
    with pytest.raises(kie.AuthError, match="The key is empty"):
        entered("")


def test_a_password_in_the_address_is_refused_and_not_shown(monkeypatch):
    """It would be sent along, and stand in every error; the client and the settings refuse it alike."""
    monkeypatch.setenv("KIE_BASE_URL", "http://user:hush@kie.example:8080")

    for refused in (lambda: kie.AsyncKie(key="sk-1"), settings.describe):
        with pytest.raises(kie.InvalidRequest, match="KIE_BASE_URL holds a user or a password") as caught:
            refused()
        assert "hush" not in str(caught.value)


def test_a_key_does_not_undo_the_choice_of_the_simulator(monkeypatch):
    """Who has chosen it does not pay because of a key in the code."""
    monkeypatch.setenv("KIE_NB_SERVICE", "simulator")

    assert entered(KEY) == "<AsyncKie embedded SIMULATED>"


def test_without_a_key_nothing_is_asked_of_kie(monkeypatch):
    """The message says where to put one."""
    monkeypatch.setenv("KIE_NB_SERVICE", "kie")

    with pytest.raises(kie.AuthError, match=r"no Kie\.ai key") as caught:
        entered()

    assert "KIE_API_KEY" in caught.value.hint


@pytest.mark.parametrize(
    ("given", "variables", "sent"),
    [
        ({}, {"KIE_BASE_URL": "{url}", "KIE_API_KEY": KEY}, "simulator"),
        ({"key": KEY}, {"KIE_BASE_URL": "{url}"}, "simulator"),
        ({"base_url": "{url}"}, {"KIE_API_KEY": KEY}, "simulator"),
        ({"key": KEY, "base_url": "{url}"}, {}, KEY),
        ({"key": KEY}, {"KIE_BASE_URL": "{url}", "KIE_NB_SERVICE": "kie"}, KEY),
    ],
    ids=["all set", "a key given", "an address given", "both given", "a proxy to kie"],
)
def test_the_simulator_gets_no_key_of_kies(serve, monkeypatch, given, variables, sent):
    """What answers on this machine is the simulator, as for every run, unless key and address are named for each other."""
    site = serve(lambda request: request.answer(body=json.dumps({"code": 200, "data": 7}).encode()))
    for name, value in variables.items():
        monkeypatch.setenv(name, value.replace("{url}", site.url))

    async def asked():
        named = {name: value.replace("{url}", site.url) for name, value in given.items()}
        async with kie.AsyncKie(**named) as client:
            assert ("SIMULATED" in repr(client)) is (sent == "simulator")
            return await client.credits()

    assert asyncio.run(asked()) == 7
    assert site.seen[0].headers["Authorization"] == f"Bearer {sent}"


def test_creates_wait_for_their_turn_in_the_accounts_rate(simulate, monkeypatch):
    """Two a window: the third is not sent, and neither would a run be."""
    simulator = simulate()
    monkeypatch.setenv("KIE_BASE_URL", simulator.base_url)
    monkeypatch.setenv("KIE_NB_CREATES_PER_WINDOW", "2")

    async def three():
        async with kie.AsyncKie() as client:
            asked = [asyncio.create_task(client.create(*WAVES)) for _ in range(3)]
            while sum(task.done() for task in asked) < 2:
                await asyncio.sleep(0.01)
            done, waiting = await asyncio.wait(asked, timeout=0.5)
            for task in waiting:
                task.cancel()
            await asyncio.wait(asked)
            return len(done)

    assert asyncio.run(three()) == len(simulator.tasks) == 2
    current = settings.current()
    grant, _ = get_session().grants(current).take(current.account, limit=2, window_s=settings.WINDOW_S)
    assert grant is None
