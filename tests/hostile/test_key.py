"""The key is in no traceback, and in no text that comes from the wire."""

import asyncio
import contextlib
import copy
import html
import json
import pickle
import socket
import subprocess
import sys
import threading
import urllib.parse

import pytest
from secretwalk import holders

import kie_nb as kie
from kie_nb.keys import Secret
from kie_nb.ledger import Ledger
from kie_nb.service import Client, reach

KEY = "sk-Fake/0123456789+abcdef=="
PASSWORD = "hunter2hunter2"
CREATE = ("wan/2-5-text-to-video", {"prompt": "Waves."})


@pytest.fixture(autouse=True)
def _certificates_are_read_anew():
    reach.certificates.cache_clear()
    yield
    reach.certificates.cache_clear()


@pytest.fixture
def says():
    """A server on loopback that answers everything with these bytes, as they are; then hangs up."""
    closing = []

    def start(answer):
        server = socket.create_server(("127.0.0.1", 0))
        closing.append(server)

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    line, _ = server.accept()
                    with line:
                        line.settimeout(2)
                        with contextlib.suppress(OSError):
                            line.recv(1 << 16)
                            line.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        return f"http://127.0.0.1:{server.getsockname()[1]}"

    yield start
    for server in closing:
        server.close()


def page(body, *, status="200 OK", kind="application/json"):
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
        + body
    )


async def create(client):
    return await client.create(*CREATE, patience_s=0)


async def ask_credits(client):
    return await client.credits()


async def upload(client):
    return await client.upload(b"x", "x.png", mime="image/png")


async def record(client):
    return await client.record("0" * 32)


async def one_after_another(client):
    return await client.wait("0" * 32, timeout_s=0.1)


def error_of(base_url, what, *, client=Client):
    async def go():
        key = {"key": KEY} if client is kie.AsyncKie else {}
        opened = client(**key, base_url=base_url) if key else client(KEY, base_url=base_url)
        async with opened as line:
            await what(line)

    with pytest.raises(Exception) as caught:
        asyncio.run(go())
    return caught.value


CALLS = [create, ask_credits, upload, record]
OPENING = [
    pytest.param({"ALL_PROXY": f"socks5://me:{PASSWORD}@127.0.0.1:1"}, id="SOCKS without socksio"),
    pytest.param({"HTTPS_PROXY": f"htp://me:{PASSWORD}@127.0.0.1:1"}, id="a proxy of another scheme"),
    pytest.param({"HTTPS_PROXY": f"http://me:{PASSWORD}@[::1"}, id="a proxy's address that is none"),
    pytest.param({"HTTPS_PROXY": f"http://me:{PASSWORD}@host:port"}, id="a proxy's port that is none"),
    pytest.param({"SSL_CERT_FILE": "/nowhere/ca.pem"}, id="certificates that are not there"),
    pytest.param({"SSL_CERT_FILE": __file__}, id="certificates that are none"),
]


@pytest.mark.parametrize("client", [Client, kie.AsyncKie])
@pytest.mark.parametrize("variables", OPENING)
def test_a_client_that_cannot_be_opened_says_so_without_the_key(monkeypatch, variables, client):
    """An error of ours that leads to no frame of a package's, where header or password would stand."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    error = error_of("https://gateway.example", create, client=client)

    assert isinstance(error, kie.NotSent)
    assert error.charged == "nothing"
    assert holders(error, KEY) == holders(error, PASSWORD) == []


@pytest.mark.parametrize("variables", OPENING[:1] + OPENING[4:5])
def test_a_run_whose_client_cannot_be_opened_is_not_sent(monkeypatch, variables):
    """At once, before anything is recorded, and by the same error; no word of the key in it."""
    monkeypatch.setenv("KIE_API_KEY", KEY)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(kie.NotSent) as caught:
        kie.generate(CREATE[1]["prompt"], model=CREATE[0], seed=1).wait(30)

    assert holders(caught.value, KEY) == []
    assert not list(kie.runs())


@pytest.mark.parametrize("what", CALLS)
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(None, id="nobody listens"),
        pytest.param(b"", id="hangs up"),
        pytest.param(b"HTTP/1.1 2x0 " + KEY.encode() + b"\r\n\r\n", id="no HTTP"),
        pytest.param(b"\x15\x03\x01\x00\x02\x02\x46", id="TLS"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nContent-Encoding: gzip\r\n\r\nsk-broken", id="broken gzip"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", id="cut short"),
        pytest.param(page(json.dumps({"code": 401, "msg": f"bad key Bearer {KEY}"}).encode()), id="401"),
        pytest.param(page(f"<h1>{KEY}</h1>".encode(), status="502 Bad", kind="text/html"), id="a page"),
    ],
)  # fmt: skip
def test_no_error_of_a_call_leads_to_the_key(says, nobody, what, answer):
    """Whatever answers: no frame, cause or context of what is raised holds it."""
    error = error_of(nobody if answer is None else says(answer), what)

    assert isinstance(error, kie.KieError)
    assert holders(error, KEY) == []


def test_https_that_is_none_leads_to_no_key(says):
    """A handshake that fails."""
    error = error_of(says(page(b"{}")).replace("http:", "https:"), create)

    assert isinstance(error, kie.NotSent)
    assert holders(error, KEY) == []


def test_an_interrupted_call_leads_to_no_key():
    """Cancelled while the answer is awaited; a create says that a task may exist."""
    silent = socket.create_server(("127.0.0.1", 0))

    async def go():
        async with Client(KEY, base_url=f"http://127.0.0.1:{silent.getsockname()[1]}") as client:
            asked = asyncio.create_task(create(client))
            line, _address = await asyncio.to_thread(silent.accept)
            with line:
                await asyncio.to_thread(line.recv, 1)  # the request has left
                asked.cancel()
                await asked

    with silent, pytest.raises(asyncio.CancelledError) as caught:
        asyncio.run(go())

    assert holders(caught.value, KEY) == []
    assert "may exist" in str(caught.value)


@pytest.mark.parametrize(
    "given",
    [{"base_url": "https://exa mple"}, {"base_url": "https://[::1"}, {"base_url": f"https://me:{PASSWORD}@gateway.example"}, {"base_url": 3}, {"base_url": "http://gateway.example"}, {"upload_url": f"https://me:{PASSWORD}@gateway.example"}],
    ids=str,
)  # fmt: skip
def test_an_address_that_is_none_is_refused_without_the_key(given):
    """Before anything is opened."""
    with pytest.raises(kie.InvalidRequest) as caught:
        kie.AsyncKie(KEY, **given)

    assert holders(caught.value, KEY) == []
    assert PASSWORD not in str(caught.value)


def spellings():
    yield "as it is", KEY
    yield "in capitals", KEY.upper()
    yield "in an address", urllib.parse.quote(KEY, safe="")
    yield "in small letters of an address", urllib.parse.quote(KEY, safe="").lower()
    yield "in an address twice", urllib.parse.quote(urllib.parse.quote(KEY, safe=""), safe="")
    yield "in HTML", "".join(f"&#{ord(sign)};" for sign in KEY)
    yield "in HTML by hexadecimals", "".join(f"&#x{ord(sign):X};" for sign in KEY)
    yield "in JSON", KEY.replace("/", "\\/")
    yield "in JSON by numbers", "".join(f"\\u{ord(sign):04x}" for sign in KEY)


ECHOES = {
    "a message": lambda text: {"code": 500, "msg": f"is required: {text}"},
    "a long message": lambda text: {"code": 422, "msg": "x" * 485 + text + "y" * 400},
    "a task that failed": lambda text: {"code": 200, "data": {"state": "fail", "failMsg": text, "failCode": text}},
}  # fmt: skip


@pytest.mark.parametrize("echo", ECHOES)
@pytest.mark.parametrize(("spelling", "text"), list(spellings()))
def test_a_key_that_is_echoed_is_taken_out(says, spelling, text, echo):
    """However the service spells it: in the error or the record, nothing of it can be read, spelled out or not."""
    raw = json.dumps(ECHOES[echo]("HERE")).replace(
        "HERE", text if "JSON" in spelling else json.dumps(text)[1:-1]
    )

    shown = ""

    async def go():
        nonlocal shown
        async with Client(KEY, base_url=says(page(raw.encode()))) as client:
            shown = repr(vars_of(await client.record("0" * 32)))

    with contextlib.suppress(kie.KieError):
        try:
            asyncio.run(go())
        except kie.KieError as exc:
            shown = str(exc) + repr(vars(exc))
            raise

    plain = html.unescape(urllib.parse.unquote(urllib.parse.unquote(shown)))
    assert shown
    assert KEY.lower() not in plain.lower()
    assert KEY[:12].lower() not in plain.lower()


def vars_of(found):
    return {name: getattr(found, name) for name in found.__slots__}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32-le", "utf-8-sig", "utf-16-be"])
def test_a_key_in_another_encoding_is_taken_out(says, encoding):
    """JSON may come in five of them."""
    body = json.dumps({"code": 422, "msg": f"is required {KEY}"}).encode(encoding)

    error = error_of(says(page(body)), ask_credits)

    assert KEY not in str(error)
    assert holders(error, KEY) == []


ALMOST = {
    "a key that is cut": KEY[:-1],
    "a key with its end hidden": f"{KEY[:12]}****",
    "many cut keys": KEY[:-1] * 20_000,
    "backslashes": "\\" * 300_000,
    "per cent upon per cent": "%" + "25" * 300_000,
    "ampersands": "&amp;" * 100_000,
    "noughts": "&#" + "0" * 500_000,
}


@pytest.mark.parametrize("text", ALMOST.values(), ids=ALMOST)
def test_a_text_that_almost_holds_the_key_is_read_at_once(text):
    """The search runs on the loop that everything runs on; a key that was cut once took it for ever."""
    code = "import sys; from kie_nb.keys import Secret; from kie_nb.service.connection import Redactor; Redactor(Secret(sys.argv[1])).text(sys.stdin.read())"

    done = subprocess.run([sys.executable, "-c", code, KEY], input=text, text=True, timeout=20, check=False)

    assert done.returncode == 0


def test_a_short_key_does_not_riddle_what_is_said(says):
    """A text of a few letters stands in many words, and is no key of Kie's."""
    body = json.dumps({"code": 422, "msg": "the field prompt is required"}).encode()

    async def go():
        async with Client("e", base_url=says(page(body))) as client:
            await client.credits()

    with pytest.raises(kie.InvalidRequest, match="the field prompt is required"):
        asyncio.run(go())


def test_a_secret_is_a_secret_to_everybody():
    """Copies within the process go on working; texts, reprs, JSON and pickles show nothing."""
    secret = Secret(KEY)

    assert copy.deepcopy({"key": secret})["key"].reveal() == copy.copy(secret).reveal() == KEY
    assert KEY not in f"{secret}{secret!r}" + str([secret]) + json.dumps(secret, default=repr)
    assert KEY.encode() not in pickle.dumps({"key": secret})
    for bad in (lambda: json.dumps(secret), lambda: f"{secret:>9}"):
        with pytest.raises(TypeError) as caught:
            bad()
        assert KEY not in str(caught.value)


ADDRESSES = [
    pytest.param("postgresql+psycopg://me:{}@127.0.0.1:1/db?connect_timeout=1", id="nobody listens"),
    pytest.param("postgresql://me@127.0.0.1:1/db?password={}&connect_timeout=1", id="as an option"),
    pytest.param("postgresql://me:{}@no-such-host.invalid/db", id="no such host"),
    pytest.param("postgresql://me:{}@127.0.0.1:1/db?nonsense=1", id="no such option"),
    pytest.param("postgresql://me:{}@/db?host=a:1&host=b&port=3&port=4&port=5", id="hosts and ports that do not match"),
    pytest.param("postgresql://me:{}@[::1/db", id="an IPv6 host that is none"),
    pytest.param("postgresql://me:{}@::1/db", id="an IPv6 host without brackets"),
    pytest.param("postgresql://me:12/{}@127.0.0.1:1/db", id="a slash in the password"),
    pytest.param("postgresql://me:1/{}@127.0.0.1:1/db?connect_timeout=1", id="a slash after a number"),
    pytest.param("postgresql+nosuch://me:{}@127.0.0.1:1/db", id="no such driver"),
    pytest.param("mysql://me:{}@127.0.0.1/db", id="another database"),
    pytest.param("postgresql://me:{}@127.0.0.1:port/db", id="a port that is none"),
]  # fmt: skip


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_error_of_a_database_leads_to_its_password(monkeypatch, tmp_path, address):
    """Neither by the settings, nor where it is opened by hand, nor in `kie-nb ledger copy`."""
    monkeypatch.setattr("kie_nb.ledger.postgres.OPEN_PAUSES_S", ())
    monkeypatch.setenv("KIE_NB_LEDGER", address.format(PASSWORD))

    with pytest.raises(kie.LedgerError) as caught:
        kie.runs()
    with pytest.raises(kie.LedgerError) as by_hand:
        Ledger(tmp_path / "home", url=address.format(PASSWORD))

    assert holders(caught.value, PASSWORD) == holders(by_hand.value, PASSWORD) == []
    assert PASSWORD not in str(caught.value)
