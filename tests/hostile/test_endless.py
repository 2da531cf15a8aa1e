"""Nothing is endless: replies, files, pictures, what a reply holds and what a file unpacks to have their bounds."""

import asyncio
import contextlib
import gzip
import io
import json
import time
import zlib

import pytest
from hurry import hurry
from liar import FILM, lying, made, service

import kie_nb as kie
from kie_nb.handles import get_session
from kie_nb.service import Client, Patience, media
from kie_nb.simulator import reach

SHORT = Patience(
    create_s=0.5, question_s=0.5, upload_s=0.5, picture_s=0.5, file_s=30.0, stretch_s=0.5, stretch_bytes=1000
)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n"
TEXT = {"model": "wan/2-5-text-to-video", "seed": 1}
DRIPS = {
    "a body": lambda request: request.drip(HEAD),
    "headers": lambda request: request.drip(b"HTTP/1.1 200 OK\r\nX-A: ", b"a"),
    "hints": lambda request: request.drip(b"", b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n"),
    "chunks": lambda request: request.drip(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"
    ),
}
drips = pytest.mark.parametrize("drip", DRIPS.values(), ids=DRIPS)


@pytest.fixture
def lie():
    with lying() as start:
        yield start


@pytest.fixture
def hurried():
    """The session of this process waits for shorter times."""
    hurry(patience=SHORT)


@pytest.fixture
def real(monkeypatch):
    """An API on this machine that counts as the real one."""

    def at(url):
        monkeypatch.setenv("KIE_BASE_URL", url)
        monkeypatch.setenv("KIE_API_KEY", "a-key")
        monkeypatch.setenv("KIE_NB_SERVICE", "kie")

    return at


def ask(url, what):
    async def asked():
        async with Client("a-key", base_url=url, patience=SHORT) as client:
            return await what(client)

    return asyncio.run(asked())


# --- time ---------------------------------------------------------------------------------------------------------


@drips
@pytest.mark.parametrize(
    ("what", "error"),
    [
        (lambda client: client.create("wan/2-5-text-to-video", {"prompt": "p"}), kie.OutcomeUnknown),
        (lambda client: client.record("t1"), kie.ServiceTrouble),
        (lambda client: client.credits(), kie.ServiceTrouble),
        (lambda client: client.upload(b"x", "x.png", mime="image/png"), kie.ServiceTrouble),
        (lambda client: client.download_url("https://a.example/a.mp4"), kie.ServiceTrouble),
    ],
    ids=["create", "record", "credit", "upload", "download-url"],
)
def test_a_reply_by_the_byte_is_given_up(lie, drip, what, error):
    """Each byte comes in time; the whole does not. Of a create it is then unknown what came of it."""
    liar = lie(drip)

    with pytest.raises(error):
        ask(liar.url, what)

    assert not liar.gave_up
    assert len(liar.seen) == 1


@drips
def test_a_file_by_the_byte_is_given_up(lie, tmp_path, drip):
    """It would hold one of the few workers for as long as it likes."""
    liar = lie(drip)

    with pytest.raises(kie.DownloadFailed, match="too slow"):
        ask(liar.url, lambda client: client.download(f"{liar.url}/a.mp4", tmp_path / "a.mp4"))

    assert not liar.gave_up
    assert len(liar.seen) == 1


def test_a_file_that_comes_steadily_is_fetched(lie, tmp_path):
    """A slow line is no attack."""

    def steady(request):
        request.answer(content_length=str(20 * 4000))
        for _ in range(20):
            request.wfile.write(FILM[:4000])
            liar.is_over.wait(0.05)

    liar = lie(steady)

    path = ask(liar.url, lambda client: client.download(f"{liar.url}/a.mp4", tmp_path / "a.mp4"))

    assert path.stat().st_size == 80_000


@drips
def test_a_cell_is_not_held_by_the_address_of_a_picture(lie, real, hurried, drip):
    """It goes on as for one that cannot be read from here."""
    api = lie(lambda request: drip(request) if "cat" in request.path else service(made())(request))
    real(api.url)

    look = get_session().dry_run("The cat smiles.", image=f"{api.url}/cat.png", seed=1)

    assert "could not be fetched" in look.warnings[0]
    assert not api.gave_up


def test_a_cell_is_not_held_by_a_create_that_is_answered_by_the_byte(lie, real, hurried):
    """The run ends as unknown: it may be billed, and is not sent again."""
    api = lie(
        lambda request: DRIPS["a body"](request) if "create" in request.path else service(made())(request)
    )
    real(api.url)

    with pytest.raises(kie.OutcomeUnknown):
        kie.generate("Waves", **TEXT).wait(60)

    assert not api.gave_up
    assert sum("create" in request.path for request in api.seen) == 1


# --- size ---------------------------------------------------------------------------------------------------------


def test_the_body_of_a_redirect_is_not_read(lie, tmp_path):
    """It may have no end."""

    def reply(request):
        if request.path == "/b.mp4":
            request.answer(body=FILM)
        else:
            head = b"HTTP/1.1 302 Found\r\nLocation: /b.mp4\r\nContent-Length: 900000000\r\n\r\n"
            request.drip(head, bytes(1 << 20), pause_s=0)

    liar = lie(reply)
    path = ask(liar.url, lambda client: client.download(f"{liar.url}/a.mp4", tmp_path / "a.mp4"))

    assert path.read_bytes() == FILM
    assert liar.sent < 50 << 20


def test_a_file_that_is_too_large_is_not_fetched_again_and_again(lie, real, monkeypatch):
    """It is told once with the link; resuming and looking again fetch nothing, and the state stays true."""

    def reply(request):
        if request.path.endswith(".mp4"):
            request.answer(content_length=str(3 << 30))
        else:
            service(made(f"{api.url}/a.mp4"))(request)

    api = lie(reply)
    real(api.url)
    run = kie.generate("Waves", **TEXT)

    with pytest.raises(kie.NotFetched, match="larger than 2 GB") as refusal:
        run.wait(60)
    assert f"{api.url}/a.mp4" in refusal.value.hint
    for again in (kie.resume, lambda: kie.generate("Waves", **TEXT).wait(60), kie.doctor):
        with contextlib.suppress(kie.NotFetched):
            again()

    assert run.state == "success"
    assert sum(request.path.endswith(".mp4") for request in api.seen) == 1
    assert sum("create" in request.path for request in api.seen) == 1


def test_a_reply_names_no_more_files_than_a_task_makes(lie):
    """Ten thousand addresses would be ten thousand downloads."""
    urls = [f"https://a.example/{number}.mp4" for number in range(10_000)]
    liar = lie(service(made(*urls)))

    record = ask(liar.url, lambda client: client.record("t1"))

    assert record.urls == tuple(urls[:100])


def test_a_reply_that_unpacks_to_gigabytes_is_not_unpacked(lie):
    """Nor one in an encoding that was not asked for."""
    packed = gzip.compress(bytes(100 << 20))
    liar = lie(lambda request: request.answer(body=packed, content_encoding="gzip"))
    with pytest.raises(kie.ServiceTrouble, match="more than 2 MB"):
        ask(liar.url, lambda client: client.record("t1"))

    packed = gzip.compress(json.dumps({"code": 200, "data": 7}).encode())
    assert ask(liar.url, lambda client: client.credits()) == 7


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "x-gzip", "deflate"])
def test_a_file_that_comes_packed_is_unpacked(lie, tmp_path, encoding):
    """It was asked for as it is; its announced length is that of what is sent."""
    packed = zlib.compress(FILM) if encoding == "deflate" else gzip.compress(FILM)
    liar = lie(lambda request: request.answer(body=packed, content_encoding=encoding))

    ask(liar.url, lambda client: client.download(f"{liar.url}/a.mp4", tmp_path / "a.mp4"))

    assert (tmp_path / "a.mp4").read_bytes() == FILM
    assert [file.name for file in tmp_path.glob("a.mp4*")] == ["a.mp4"]


@pytest.mark.parametrize("encoding", ["gzip", "aws-chunked", "br"])
def test_a_file_that_is_packed_in_name_alone_is_kept_as_it_is(lie, tmp_path, encoding):
    """It was paid for, and a wrong word of a server takes nothing from it."""
    liar = lie(lambda request: request.answer(body=FILM, content_encoding=encoding))

    ask(liar.url, lambda client: client.download(f"{liar.url}/a.mp4", tmp_path / "a.mp4"))

    assert (tmp_path / "a.mp4").read_bytes() == FILM


def test_a_file_that_unpacks_to_gigabytes_is_not_unpacked(lie, tmp_path, monkeypatch):
    """A kilobyte may unpack to a megabyte: what is too large is told, and does not fill the disk."""
    monkeypatch.setattr(media, "MAX_BYTES", 1 << 20)
    packed = gzip.compress(bytes(4 << 20))
    liar = lie(lambda request: request.answer(body=packed, content_encoding="gzip"))

    with pytest.raises(kie.NotFetched, match="larger than"):
        ask(liar.url, lambda client: client.download(f"{liar.url}/a.mp4", tmp_path / "a.mp4"))
    assert not list(tmp_path.glob("a.mp4*"))


# --- what is decoded ----------------------------------------------------------------------------------------------


def huge_picture():
    """48 million pixels in some kilobytes."""
    from PIL import Image

    out = io.BytesIO()
    Image.new("L", (8000, 6000)).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize("by", ["bytes", "address"])
def test_a_picture_above_40_megapixels_is_refused_by_its_header(lie, real, monkeypatch, by):
    """Its pixels would take 48 times 4 MB."""
    from PIL import Image

    content = huge_picture()
    api = lie(
        lambda request: request.answer(body=content) if "cat" in request.path else service(made())(request)
    )
    real(api.url)
    decoded = []
    monkeypatch.setattr(Image.Image, "load", lambda *_: decoded.append(1))

    with pytest.raises(kie.BadImage, match="8000 × 6000"):
        get_session().dry_run(
            "The cat smiles.", image=content if by == "bytes" else f"{api.url}/cat.png", seed=1
        )

    assert decoded == []


def film(path, width, height, frames=2):
    import av

    with av.open(str(path), "w", format="mp4") as copy:
        stream = copy.add_stream("libx264", rate=10, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for _ in range(frames):
            copy.mux(stream.encode(av.VideoFrame(width, height, "yuv420p")))
        copy.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def huge(tmp_path_factory):
    """A video of 50 million pixels a frame."""
    return film(tmp_path_factory.mktemp("huge") / "huge.mp4", 8192, 6144)


@pytest.mark.parametrize("use", ["make_preview", "make_poster", "make_strip", "compare_videos"])
def test_a_video_above_40_megapixels_is_refused_by_its_header(huge, tmp_path, use):
    """Whatever it is decoded for."""
    from kie_nb import video

    given = {"make_strip": ([huge], tmp_path / "out"), "compare_videos": (huge, huge)}

    with pytest.raises(video.NotAVideo, match="8192 × 6144"):
        getattr(video, use)(*given.get(use, (huge, tmp_path / "out")))


@pytest.mark.parametrize("use", ["make_preview", "compare_videos"])
def test_a_video_without_end_is_not_decoded_whole(tmp_path, monkeypatch, use):
    """A preview shows its beginning; a comparison is refused."""
    from kie_nb import video
    from kie_nb.video import bounds

    monkeypatch.setattr(bounds, "MOST_DECODED", 64 * 64 * 20)
    long = film(tmp_path / "long.mp4", 64, 64, frames=60)

    if use == "make_preview":
        assert video.probe(video.make_preview(long, tmp_path / "p.mp4")).duration_s <= 2.1
    else:
        with pytest.raises(video.NotAVideo, match="too long"):
            video.compare_videos(long, long)


@pytest.mark.parametrize("drip", ["headers", "hints", "chunks"])
def test_the_simulator_is_not_held_by_the_address_of_a_picture(lie, monkeypatch, drip):
    """It draws in a few threads; one of them would wait for as long as bytes come."""
    monkeypatch.setattr(reach, "why_not_public", lambda _address: "")
    monkeypatch.setattr(reach, "_FETCH_S", 1.0)
    server = lie(DRIPS[drip])
    began = time.monotonic()

    with pytest.raises(OSError, match="too long"):
        reach.fetch(f"{server.url}/x.png", most=1000)

    assert time.monotonic() - began < 30  # it drips for ever


def test_the_simulator_fetches_a_picture(lie, monkeypatch):
    """Within that time, by redirects too, no further than it was asked for."""
    monkeypatch.setattr(reach, "why_not_public", lambda _address: "")
    server = lie(
        lambda request: (
            request.answer(302, Location="/b") if request.path == "/a" else request.answer(body=FILM)
        )
    )

    assert reach.fetch(f"{server.url}/a", most=10_000) == FILM
    assert reach.fetch(f"{server.url}/b", most=10)[:11] == FILM[:11]


DEFINITION = 'kie_nb = 1\nname = "x"\nmodel = "wan/2-5-text-to-video"\n'


@pytest.mark.parametrize(
    "more",
    [
        pytest.param("[axes]\nseed = " + "[" * 5000 + "]" * 5000, id="deep lists"),
        pytest.param("[axes]\nseed = " + "{a=" * 5000 + "1" + "}" * 5000, id="deep tables"),
        pytest.param("[axes]\nseed = [" + "9" * 5000 + "]", id="a number of thousands of digits"),
        pytest.param("zip = 1", id="zip a number"),
        pytest.param("zip = [1]", id="zip of numbers"),
        pytest.param("dropped = 1", id="dropped a number"),
        pytest.param("dropped = [1]", id="dropped numbers"),
        pytest.param("# " + "x" * (17 << 20), id="17 megabytes"),
    ],
)
def test_an_odd_definition_is_bad_input(tmp_path, more):
    """And no crash of ours."""
    (tmp_path / "x.toml").write_text(DEFINITION + more)

    with pytest.raises(kie.InvalidRequest):
        kie.Experiment.load(tmp_path / "x.toml")
