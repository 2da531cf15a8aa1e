"""The key goes only where it belongs, and who answers is named."""

import asyncio
import os

import pytest
from secretwalk import holders
from tinyserver import reply, serving

import kie_nb as kie
from kie_nb import settings
from kie_nb.keys import SIMULATORS, Secret
from kie_nb.service import Client
from kie_nb.service.connection import Bearer

KEY, OTHER = "sk-fake-0123456789", "sk-fake-another-one"
GATEWAY = "https://gateway.example"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A notebook's folder in a repository, and a keyring that holds a key when it is asked to."""
    folder = tmp_path / "project" / "notebooks"
    folder.mkdir(parents=True)
    (folder.parent / ".git").mkdir()
    monkeypatch.chdir(folder)
    settings.start_folder.cache_clear()
    return folder


def from_the_keyring(folder, monkeypatch):
    monkeypatch.setattr("kie_nb.settings.keyring_key", lambda: Secret(KEY))


def from_dotenv(folder, monkeypatch):
    (folder / ".env").write_text(f"KIE_API_KEY={KEY}\n")


def from_login(folder, monkeypatch):
    settings.set_key(KEY)


def from_both_poured_in(folder, monkeypatch):
    """A front end pours a stranger's `.env` with an address into the environment, where the user's own key is."""
    (folder / ".env").write_text(f"KIE_BASE_URL={GATEWAY}/\nKIE_UPLOAD_URL={GATEWAY}\n")
    monkeypatch.setenv("KIE_API_KEY", KEY)


@pytest.mark.parametrize("variable", ["KIE_BASE_URL", "KIE_UPLOAD_URL"])
@pytest.mark.parametrize("source", [from_the_keyring, from_dotenv, from_login, from_both_poured_in])
def test_a_key_goes_to_no_host_that_was_named_elsewhere(here, monkeypatch, source, variable):
    """It is for Kie's own: the settings do not give it, and the error says what to do, and names the host."""
    monkeypatch.setenv(variable, GATEWAY)
    source(here, monkeypatch)

    current = settings.current()
    with pytest.raises(kie.AuthError, match=r"gateway\.example") as caught:
        settings.require_key(current)
    with pytest.raises(kie.AuthError):
        asyncio.run(kie.AsyncKie().__aenter__())

    assert current.key is None
    assert KEY not in str(caught.value)
    assert "KIE_API_KEY beside KIE_BASE_URL" in caught.value.hint
    assert KEY not in str(settings.describe())


@pytest.mark.parametrize("source", [from_the_keyring, from_dotenv, from_login])
@pytest.mark.parametrize("host", ["https://api.kie.ai", "https://API.kie.ai/", "https://api.kie.ai:443"])
def test_it_goes_to_kies_own(here, monkeypatch, source, host):
    """Wherever it is from, and however that is written."""
    monkeypatch.setenv("KIE_BASE_URL", host)
    source(here, monkeypatch)

    assert settings.current().key.reveal() == KEY
    assert settings.current().who == "Kie.ai"


@pytest.mark.parametrize(
    "host",
    ["https://api.kie.ai.evil.example", "https://evil.example/api.kie.ai", "https://api.kie.ai:8443", "https://xapi.kie.ai", "https://kie.ai.", "https://api.kie.ai."],
)  # fmt: skip
def test_a_look_alike_is_another_host(here, monkeypatch, host):
    """Nothing but the very names."""
    monkeypatch.setenv("KIE_BASE_URL", host)
    from_the_keyring(here, monkeypatch)

    assert settings.current().key is None


def test_a_key_beside_the_address_goes_there(here, monkeypatch):
    """Both in the environment, both in one call, both in a `.env` that a front end has poured in."""
    monkeypatch.setenv("KIE_BASE_URL", GATEWAY)
    monkeypatch.setenv("KIE_API_KEY", KEY)
    assert settings.current().key.reveal() == KEY
    (here / ".env").write_text(f"KIE_API_KEY={KEY}\nKIE_BASE_URL={GATEWAY}\n")
    assert settings.current().key.reveal() == KEY
    assert kie.AsyncKie(OTHER, base_url="https://more.example")._settings.key.reveal() == OTHER


@pytest.mark.parametrize(
    ("call", "variables"),
    [
        ({"base_url": GATEWAY}, {"KIE_API_KEY": KEY}),
        ({"key": KEY}, {"KIE_BASE_URL": GATEWAY}),
        ({"upload_url": GATEWAY}, {"KIE_API_KEY": KEY}),
        ({"key": KEY}, {"KIE_UPLOAD_URL": GATEWAY}),
    ],
)
def test_a_call_that_names_half_of_it_sends_nothing(here, monkeypatch, call, variables):
    """Key and address are named together or not at all."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(kie.AuthError, match=r"gateway\.example") as caught:
        asyncio.run(kie.AsyncKie(**call).__aenter__())

    assert holders(caught.value, KEY) == []


@pytest.mark.parametrize("variable", ["KIE_BASE_URL", "KIE_UPLOAD_URL"])
def test_another_host_is_asked_over_https_alone(here, monkeypatch, variable):
    """Unless it is this machine."""
    monkeypatch.setenv("KIE_API_KEY", KEY)
    monkeypatch.setenv(variable, "http://gateway.example")

    with pytest.raises(kie.InvalidRequest, match="https"):
        settings.current()


@pytest.mark.parametrize("variable", ["KIE_BASE_URL", "KIE_UPLOAD_URL"])
@pytest.mark.parametrize(
    "address",
    ["https://me:hunter2@gateway.example", "https://hunter2@gateway.example", "hunter2:x@gateway.example", "https://gateway.example?token=hunter2", "https://gateway.example/#hunter2", "https://api.kie.ai\\@hunter2.example", "https://gate way/hunter2", "ftp://hunter2.example", "https://gateway.example/\nhunter2"],
)  # fmt: skip
def test_an_address_with_more_in_it_is_refused_and_not_quoted(here, monkeypatch, variable, address):
    """A user, a password, a query, a fragment, a slash the other way."""
    monkeypatch.setenv("KIE_API_KEY", KEY)
    monkeypatch.setenv(variable, address)

    with pytest.raises(kie.InvalidRequest, match=variable) as caught:
        settings.current()

    assert holders(caught.value, "hunter2") == []


def test_a_gateway_on_this_machine_is_told_how_to_get_the_key(here, monkeypatch):
    """It was sent the simulator's; the error says which word sends the user's own, and that word does."""
    with serving() as gateway:
        gateway.elsewhere = reply(200, {"code": 401, "msg": "You do not have access permissions"})
        monkeypatch.setenv("KIE_BASE_URL", gateway.url)
        from_the_keyring(here, monkeypatch)

        with pytest.raises(kie.AuthError) as caught:
            kie.credits()
        assert "KIE_NB_SERVICE=kie" in caught.value.hint
        assert KEY not in str(gateway.seen)

        gateway.elsewhere = reply(200, {"code": 200, "data": 7})
        monkeypatch.setenv("KIE_NB_SERVICE", "kie")
        assert kie.credits() == 7
        assert gateway.seen[-1][1]["Authorization"] == f"Bearer {KEY}"


def test_a_redirect_takes_no_key_along():
    """Of no kind: what answers may send a request anywhere."""
    with serving() as there, serving("127.0.0.2") as gateway:
        for status in (301, 302, 303, 307, 308):
            moved = (status, b"", ("Location", f"{there.url}/api/v1/chat/credit"))
            gateway.elsewhere = gateway.answer = moved

            async def go():
                async with Client(KEY, base_url=gateway.url) as client:
                    await client.credits()

            with pytest.raises(kie.KieError):
                asyncio.run(go())

        assert gateway.seen
        assert there.seen == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_no_proxy_stands_between_us_and_this_machine(monkeypatch, variable, host):
    """What goes there is not encrypted, so the proxy would read the key; also where only uploads go there."""
    with serving() as proxy, serving() as uploads:
        monkeypatch.setenv(variable, proxy.url)

        async def go():
            at = uploads.url.replace("127.0.0.1", host)
            async with Client(OTHER, base_url=GATEWAY, upload_url=f"{at}/path") as client:
                await client.upload(b"x", "x.png", mime="image/png")

        with pytest.raises(kie.KieError):
            asyncio.run(go())

        assert (len(proxy.seen), len(uploads.seen)) == (0, 1)


def test_the_header_is_for_two_hosts():
    """The guard itself: a request that leaves for another one goes without."""
    import httpx

    bearer = Bearer(Secret(KEY), ("https://api.kie.ai", "http://127.0.0.1:8000/x"))
    sent = {}
    for url in (
        "https://api.kie.ai/a",
        "http://127.0.0.1:8000/b",
        "http://api.kie.ai/a",
        "https://api.kie.ai:444/",
        "http://127.0.0.1:8001/",
    ):
        (request,) = bearer.auth_flow(httpx.Request("GET", url))
        sent[url] = "Authorization" in request.headers

    assert list(sent.values()) == [True, True, False, False, False]


# --- `.env` ---------------------------------------------------------------------------------------------------


def test_dotenv_is_looked_for_up_to_the_root_of_the_repository(here):
    """And not above it; the file is named as it is seen from here."""
    (here.parent.parent / ".env").write_text(f"KIE_API_KEY={OTHER}\n")
    assert settings.current().key is None

    (here.parent / ".env").write_text(f"KIE_API_KEY={KEY}\n")
    assert (settings.current().key.reveal(), settings.current().key_source) == (KEY, "../.env")
    assert "../.env" in str(settings.describe())


def test_outside_of_a_repository_it_is_looked_for_up_to_the_users_own_folder(here, monkeypatch):
    """In neither of the two, in the notebook's folder alone."""
    (here.parent / ".git").rmdir()
    (here.parent / ".env").write_text(f"KIE_API_KEY={KEY}\n")
    assert settings.current().key is None

    monkeypatch.setenv("HOME", str(here.parent))
    assert settings.current().key.reveal() == KEY


def to_a_link(file, tmp_path):
    (tmp_path / "theirs").write_text(f"KIE_API_KEY={KEY}\n")
    file.symlink_to(tmp_path / "theirs")


def to_a_pipe(file, tmp_path):
    os.mkfifo(file)


def to_another_owner(file, tmp_path):
    file.write_text(f"KIE_API_KEY={KEY}\n")
    if os.getuid():
        pytest.skip("only root gives files away")
    os.chown(file, 12345, 12345)


def to_something_endless(file, tmp_path):
    file.write_text(f"KIE_API_KEY={KEY}\n" + "#" * (2 << 20))


@pytest.mark.parametrize("change", [to_a_link, to_a_pipe, to_another_owner, to_something_endless])
def test_a_dotenv_file_that_is_not_the_users_own_is_not_read(here, tmp_path, monkeypatch, change):
    """The error says so: a key that is there and not taken is a riddle."""
    change(here / ".env", tmp_path)
    monkeypatch.setenv("KIE_NB_SERVICE", "kie")

    assert settings.current().key is None
    with pytest.raises(kie.AuthError, match=r"\.env is not read"):
        settings.require_key(settings.current())


def test_a_dotenv_file_of_a_windows_editor_is_read(here):
    """It begins with a mark of its encoding."""
    (here / ".env").write_bytes(b"\xef\xbb\xbf" + f"KIE_API_KEY={KEY}\r\n".encode())

    assert settings.find_key()[0].reveal() == KEY


def test_a_dotenv_file_without_end_is_not_read(here):
    """It is looked at for each request."""
    (here / ".env").write_text(f"KIE_API_KEY={KEY}\n" + "A='\n" * 50_000)

    assert settings.find_key() == (None, "none")


def test_a_dotenv_file_puts_in_nothing_of_ours(here, monkeypatch):
    """`${NAME}` in it stays as it is: the user's secrets are no part of a key that goes out."""
    monkeypatch.setenv("MY_TOKEN", "hunter2")
    (here / ".env").write_text("KIE_API_KEY=${MY_TOKEN}\nKIE_NB_HOME=/tmp/theirs\n")

    assert settings.current().key.reveal() == "${MY_TOKEN}"
    assert "theirs" not in str(settings.current().home)


# --- who answers ----------------------------------------------------------------------------------------------


@pytest.fixture
def gateway(here, monkeypatch):
    monkeypatch.setenv("KIE_BASE_URL", f"{GATEWAY}/a/secret/path")
    monkeypatch.setenv("KIE_API_KEY", KEY)


def status():
    from kie_nb.notebook.kie_magic import kie as magic

    magic(None, "status")
    magic(None, "config")


def dry_run():
    from kie_nb.handles import get_session
    from kie_nb.notebook.wan_magic import _show_dry_run

    _show_dry_run(get_session().dry_run("Waves.", model="wan/2-5-text-to-video", seed=1))


def plan():
    print(kie.Experiment("x", prompt="Waves.", model="wan/2-5-text-to-video", seed=[1, 2]).plan())


def panel():
    from kie_nb.notebook.panel.pricing import way_now
    from kie_nb.wording import Panel

    print(Panel.PAID.format(who=way_now().who))


@pytest.mark.parametrize("door", [status, dry_run, plan, panel])
def test_a_host_that_is_not_kies_is_named(gateway, capsys, door):
    """By its name alone: the path may be a secret."""
    door()

    said = capsys.readouterr().out
    assert "kie via gateway.example" in said
    assert "secret" not in said or door is status  # `%kie config` shows what is set


def test_who_answers_is_named_in_a_confirmation(gateway, monkeypatch):
    """`%kie use kie` says so too."""
    from kie_nb.notebook.kie_magic import kie as magic

    said = []
    monkeypatch.setattr("kie_nb.notebook.kie_magic.say", said.append)
    magic(None, "use kie")

    assert "kie via gateway.example" in said[0]


def test_kies_own_is_kie(here, monkeypatch):
    """And the simulator is the simulator."""
    assert settings.current().who == "the simulator"
    monkeypatch.setenv("KIE_API_KEY", KEY)
    assert (settings.current().who, settings.current().via) == ("Kie.ai", "")
    assert SIMULATORS.reveal() == "simulator"
