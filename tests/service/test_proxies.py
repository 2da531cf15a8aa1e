"""Proxies of the environment that cannot be used, or lead nowhere: refused before anything is recorded, and in words."""

import pytest

import kie_nb
from kie_nb.errors import NotSent

KEY = "sk-" + "7" * 32
SOCKS = "a SOCKS proxy needs the package socksio"
NO_HOST = "NO_PROXY has an entry that is not a host"
ODD = {
    "SOCKS": ({"HTTPS_PROXY": "socks5://127.0.0.1:9"}, SOCKS),
    "SOCKS for all": ({"ALL_PROXY": "socks5h://me:hush-hush@127.0.0.1:9"}, SOCKS),
    "SOCKS in small letters": ({"https_proxy": "socks5://127.0.0.1:9"}, SOCKS),
    "brackets": ({"NO_PROXY": "localhost,[::1]"}, NO_HOST),
    "a range": ({"NO_PROXY": "fd00::/8", "HTTPS_PROXY": "http://127.0.0.1:9"}, NO_HOST),
    "an unknown scheme": ({"HTTPS_PROXY": "foo://me:hush-hush@x:1"}, "HTTPS_PROXY has the unknown scheme 'foo'"),
    "SOCKS 4": ({"ALL_PROXY": "socks4://127.0.0.1:9"}, "ALL_PROXY has the unknown scheme 'socks4'"),
    "no port": ({"HTTPS_PROXY": "http://me:hush-hush@proxy:port"}, "HTTPS_PROXY is not the address of a proxy"),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _real(monkeypatch):
    """A key is set, and no proxy but the test's own."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("KIE_API_KEY", KEY)


def ask(**more):
    return kie_nb.generate("Rain", model="wan/2-5-text-to-video", **more)


@pytest.mark.parametrize(("variables", "words"), ODD.values(), ids=ODD.keys())
def test_what_cannot_be_used_is_refused_before_it_is_recorded(monkeypatch, variables, words):
    """It says which variable, and not its password; the cell can be run again."""
    if words is SOCKS and importable("socksio"):
        pytest.skip("socksio is installed")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(NotSent) as caught:
        ask()

    told = str(caught.value)
    assert f"the proxy settings cannot be used: {words}" in told
    assert "charged: nothing" in told
    assert "HTTPS_PROXY" in caught.value.hint
    assert "hush-hush" not in told + repr(caught.value.__cause__) + repr(caught.value.__context__)
    assert len(kie_nb.runs(limit=None)) == 0


def importable(name):
    from importlib.util import find_spec

    return find_spec(name) is not None


def test_the_same_settings_mended_are_taken(monkeypatch):
    """What was refused is not remembered: a kernel need not be started anew."""
    monkeypatch.setenv("HTTPS_PROXY", "foo://x:1")
    with pytest.raises(NotSent):
        ask()

    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")

    with pytest.raises(NotSent, match="No connection"):  # nobody is there, and it was tried
        ask()


def test_the_simulator_needs_no_proxy(monkeypatch, simulate):
    """What stands on this machine is reached directly, whatever is set."""
    monkeypatch.delenv("KIE_API_KEY")
    monkeypatch.setenv("HTTPS_PROXY", "foo://x:1")
    monkeypatch.setenv("NO_PROXY", "[::1]")
    simulate()

    assert ask().wait(60).state == "fetched"


def test_who_cannot_be_reached_is_named_with_the_proxy(monkeypatch):
    """Host and proxy, and no password; nothing was sent."""
    monkeypatch.setenv("HTTPS_PROXY", "http://me:hush-hush@127.0.0.1:9")

    with pytest.raises(NotSent) as caught:
        ask()

    told = str(caught.value)
    assert "No connection to https://api.kie.ai" in told
    assert "through the proxy 127.0.0.1:9" in told
    assert "me:" not in told
    assert "hush-hush" not in told
    assert "charged: nothing" in told


def test_a_pictures_address_makes_no_difference(monkeypatch):
    """The settings are to blame, and not the picture."""
    monkeypatch.setenv("HTTPS_PROXY", "foo://me:hush-hush@x:1")

    with pytest.raises(NotSent, match="the proxy settings cannot be used"):
        kie_nb.generate("Rain", image="https://example.com/cat.png")


def test_other_questions_say_the_same(monkeypatch):
    """The balance, which needs no run."""
    monkeypatch.setenv("HTTPS_PROXY", "foo://me:hush-hush@x:1")

    with pytest.raises(kie_nb.KieError, match="the proxy settings cannot be used") as caught:
        kie_nb.credits()

    assert "hush-hush" not in str(caught.value)
