"""Addresses that strangers name lead to no host of this machine or its network: what is connected to is judged."""

import asyncio
import ipaddress
import json
import socket

import pytest
from liar import FILM, lying, made, service

import kie_nb as kie
from kie_nb.service import Client

AWAY = "https://192.0.2.1"  # a service that is not on this machine; nothing of these tests is sent there
OTHER = "127.0.0.2"  # this machine too, and not where the service of these tests answers
SECRET = b"<html>the secret of an internal page</html>"


@pytest.fixture
def lie():
    with lying() as start:
        yield start


@pytest.fixture
def bystander(lie):
    """Somebody on this machine whom nothing of the service's concerns."""
    return lie(lambda request: request.answer(body=FILM), host=OTHER)


def fetch(url, target, *, base=AWAY):
    async def fetched():
        async with Client("a-key", base_url=base) as client:
            return await client.download(url, target)

    return asyncio.run(fetched())


def film(path, image_url):
    """An MP4 that carries a request with this picture, as a stranger would send it."""
    import av

    from kie_nb.video import write_request

    with av.open(str(path.with_suffix(".raw.mp4")), "w", format="mp4") as copy:
        stream = copy.add_stream("libx264", rate=10)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        for _ in range(3):
            copy.mux(stream.encode(av.VideoFrame(32, 32, "yuv420p")))
        copy.mux(stream.encode(None))
    image = {"sha256": "0" * 64, "label": "cat.png", "url": image_url, "by_url": True}
    request = {
        "model": "wan/2-5-image-to-video",
        "input": {"prompt": "p", "duration": "5", "resolution": "720p"},
        "image": image | {"mime": "image/png", "bytes": 1, "width": 1, "height": 1},
        "seed": 1,
        "replicate": 0,
    }
    note = {"kie_nb": 1, "request": request, "service": "kie", "run": "r", "task": "t"}
    return write_request(path.with_suffix(".raw.mp4"), path, json.dumps(note))


NOT_PUBLIC = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",  # noqa: S104
    "10.1.2.3",
    "100.64.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "::127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::808:808",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:808:808::",
    "3fff::1",
    "4000::1",
    "fc00::1",
    "fd12::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "100.63.255.255",
    "172.32.0.1",
    "198.20.0.1",
    "2606:4700::1111",
    "2a00:1450::1",
    "64:ff9b::808:808",
    "::ffff:8.8.8.8",
]


@pytest.mark.parametrize(
    ("address", "is_public"), [(a, False) for a in NOT_PUBLIC] + [(a, True) for a in PUBLIC]
)
def test_which_addresses_are_public(address, is_public):
    """Also those that carry another inside."""
    from kie_nb.addresses import why_not_public

    assert (why_not_public(ipaddress.ip_address(address)) == "") is is_public


@pytest.mark.parametrize(
    ("host", "address"),
    [("127.1", "127.0.0.1"), ("0x7f.1", "127.0.0.1"), ("2130706433", "127.0.0.1"), ("127.0.0.1.", "127.0.0.1"),
     ("\uff11\uff12\uff17.\uff10.\uff10.\uff11", "127.0.0.1"), ("[::1]", "::1"), ("fe80::1%eth0", "fe80::1"), ("a.example", "None"), ("", "None")],
)  # fmt: skip
def test_how_a_host_spells_an_address(host, address):
    """As resolvers and proxies take it."""
    from kie_nb.addresses import literal

    assert str(literal(host)) == address


# --- results ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.1", "0x7f.1", "0x7f000001", "2130706433", "017700000001", "localhost", "LOCALHOST", "127。0。0。1",
     "[::ffff:127.0.0.1]", "0", "kie.ai@127.0.0.1", "kie.ai:443@localhost"],
)  # fmt: skip
def test_no_spelling_of_this_machine_is_reached(lie, tmp_path, host):
    """The service is elsewhere, and its link leads here."""
    liar = lie(lambda request: request.answer(body=FILM), host="0.0.0.0")  # noqa: S104 - for its own spelling

    with pytest.raises(kie.NotFetched, match="nothing is fetched from there"):
        fetch(f"http://{host}:{liar.port}/a.mp4", tmp_path / "a.mp4")

    assert liar.seen == []
    assert list(tmp_path.iterdir()) == []


def test_the_network_of_this_machine_is_not_reached(lie, tmp_path):
    """Its own address there is a private one too."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        asked.connect(("192.0.2.1", 9))  # sends nothing
        here = asked.getsockname()[0]
    liar = lie(lambda request: request.answer(body=FILM), host="0.0.0.0")  # noqa: S104

    with pytest.raises(kie.DownloadFailed):
        fetch(f"http://{here}:{liar.port}/a.mp4", tmp_path / "a.mp4")

    assert liar.seen == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_every_redirect_is_judged(lie, bystander, tmp_path, status):
    """Where the service is on this machine its own address may be called, and no other."""
    mover = lie(lambda request: request.answer(status, location=f"{bystander.url}/b.mp4"))

    with pytest.raises(kie.NotFetched, match=OTHER):
        fetch(f"{mover.url}/a.mp4", tmp_path / "a.mp4", base=mover.url)

    assert bystander.seen == []


def test_redirects_have_an_end(lie, tmp_path):
    """Each is another address, so nothing goes round."""
    mover = lie(lambda request: request.answer(302, location=f"{request.path}x"))

    with pytest.raises(kie.DownloadFailed, match="TooManyRedirects"):
        fetch(f"{mover.url}/a", tmp_path / "a.mp4", base=mover.url)

    assert len(mover.seen) <= 6


def test_a_name_that_changes_its_address_is_judged_at_each_connection(lie, bystander, tmp_path, monkeypatch):
    """First it is the service's own, at the redirect another: the address that is connected to counts."""
    real, asked = socket.getaddrinfo, []

    def resolve(host, port, *args, **more):
        if host not in {"flip.test", b"flip.test"}:
            return real(host, port, *args, **more)
        asked.append(host)
        return real("127.0.0.1" if len(asked) == 1 else OTHER, port, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    where = f"http://flip.test:{bystander.port}/b.mp4"
    mover = lie(lambda request: request.answer(302, location=where))

    with pytest.raises(kie.NotFetched):
        fetch(f"http://flip.test:{mover.port}/a.mp4", tmp_path / "a.mp4", base=mover.url)

    assert (len(mover.seen), len(bystander.seen), len(asked)) == (1, 0, 2)
    assert mover.seen[0].headers["Host"] == f"flip.test:{mover.port}"


def test_a_run_whose_link_leads_elsewhere_is_made_and_not_fetched(lie, bystander, monkeypatch, cat):
    """It is said with the link, the state stays true, and nothing asks again."""
    api = lie(service(made(f"{bystander.url}/a.mp4")))
    monkeypatch.setenv("KIE_BASE_URL", api.url)
    monkeypatch.setenv("KIE_API_KEY", "a-key")
    monkeypatch.setenv("KIE_NB_SERVICE", "kie")
    run = kie.generate("Waves", model="wan/2-5-text-to-video", seed=1)

    with pytest.raises(kie.NotFetched) as refusal:
        run.wait(60)

    assert run.state == "success"
    assert refusal.value.charged == "yes, the video is made"
    assert f"{bystander.url}/a.mp4" in refusal.value.hint
    kie.resume()
    with pytest.raises(kie.NotFetched):
        run.wait(60)
    assert bystander.seen == []


# --- proxies ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "169.254.169.254", "192.168.1.1", "0xa9fea9fe", "[fd00::1]", "[64:ff9b::a00:1]", "[::ffff:10.0.0.1]", "localhost.", "a.localhost.", "localhost.localdomain", "ip6-localhost", "%6c%6f%63%61%6c%68%6f%73%74", "localhost%2e", "metadata.google.internal", "printer.local", "router", "nas.lan."]
)  # fmt: skip
def test_a_proxy_is_asked_for_no_private_address(lie, tmp_path, monkeypatch, host):
    """It stands inside the network."""
    proxy = lie(lambda request: request.answer(body=FILM))
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv("http_proxy", proxy.url)

    with pytest.raises(kie.NotFetched):
        fetch(f"http://{host}/a.mp4", tmp_path / "a.mp4")

    assert proxy.seen == []


def test_a_proxy_resolves_names_but_for_those_it_is_not_asked_about(lie, tmp_path, monkeypatch):
    """A name is the proxy's to resolve; one in NO_PROXY is resolved here, and judged."""
    proxy = lie(lambda request: request.answer(body=FILM))
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, proxy.url)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "ip6-localhost,127.1")

    assert fetch("http://files.example/a.mp4", tmp_path / "a.mp4").read_bytes() == FILM
    with pytest.raises(kie.NotFetched):
        fetch(f"http://127.1:{proxy.port}/a.mp4", tmp_path / "b.mp4")

    assert [request.path for request in proxy.seen] == ["http://files.example/a.mp4"]


# --- pictures -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.2", "0x7f.2", "2130706434", "[::ffff:127.0.0.2]"])
def test_the_address_of_a_picture_is_judged_when_it_is_connected_to(bystander, simulate, host):
    """Its text looks like any host's."""
    simulator = simulate()

    with pytest.raises(kie.BadImage) as refusal:
        kie.generate("The cat smiles.", image=f"http://{host}:{bystander.port}/cat.png", seed=1)

    assert refusal.value.charged == "nothing"
    assert bystander.seen == []
    assert simulator.tasks == []


@pytest.mark.parametrize(
    "text", [SECRET, b'{"token": "the secret"}', b"the secret", b"\x01\x02the secret", b"GIF89 the secret"]
)
def test_what_an_address_serves_is_not_quoted(lie, monkeypatch, text):
    """An error is shown in a notebook that is given away."""
    page = lie(lambda request: request.answer(body=text))
    monkeypatch.setenv("KIE_BASE_URL", page.url)

    with pytest.raises(kie.BadImage) as refusal:
        kie.generate("The cat smiles.", image=f"{page.url}/cat.png", seed=1)

    assert "secret" not in str(refusal.value)


def test_the_address_in_a_dropped_video_is_called_when_somebody_agrees(lie, simulate, tmp_path):
    """The panel shows host and path; until then nothing is loaded, and nothing can be sent with it."""
    from kie_nb.notebook.panel import Panel

    simulate()
    stranger = lie(lambda request: request.answer(404))
    video = film(tmp_path / "gift.mp4", f"http://gift.example/{'x' * 3}/cat.png?who=you")
    panel = Panel()
    try:
        panel.fill(video)
        picture = panel.form.picture
        assert "gift.example/xxx/cat.png" in picture.warning
        assert picture.source is None
        assert stranger.seen == []
        (fix,) = picture.fixes
        panel.view._handle_custom_msg({"kind": "fix", **fix}, [])
        assert panel.view.path == picture.source == "http://gift.example/xxx/cat.png?who=you"
        assert not picture.fixes
        panel.fill(video, use_address=True)
        assert picture.source == panel.view.path
    finally:
        panel.close()


def test_a_callback_of_a_record_is_not_taken_over(lie, monkeypatch):
    """Sending again what a ledger holds calls nobody whom the user has not named now."""
    bodies = []

    def reply(request):
        if "createTask" in request.path:
            bodies.append(json.loads(request.body))
            if len(bodies) == 1:
                request.close_connection = True  # the answer is lost
                return
        service({"taskId": "t1", "state": "waiting"})(request)

    monkeypatch.setenv("KIE_BASE_URL", lie(reply).url)
    hook = "https://stranger.example/hook"
    with pytest.raises(kie.OutcomeUnknown):
        kie.generate("Waves", model="wan/2-5-text-to-video", seed=1, call_back_url=hook).wait(60)

    kie.runs()[0].resend(yes=True).stop_waiting()

    assert [body.get("callBackUrl") for body in bodies] == [hook, None]
