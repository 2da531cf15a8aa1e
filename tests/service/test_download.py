"""Fetching a result: whole under its final name, or not there at all."""

import hashlib

import pytest

from kie_nb.errors import DownloadFailed
from kie_nb.service.media import CutShort, LinkDead, NotTheFile, download, version_at
from kie_nb.service.reach import Patience

FILM = b"\0\0\0 ftypisom" + hashlib.sha256(b"film").digest() * 40_000  # 1.28 MB


def fetch(url, target, **more):
    # The sites of this file stand where the service itself would.
    quick = {"patience": Patience(retry_s=0.001), "own": ("http://127.0.0.1",)}
    return download(url, target, **quick | more)


@pytest.fixture
def target(tmp_path):
    return tmp_path / "videos" / "waves.mp4"


def names(target):
    return sorted(path.name for path in target.parent.iterdir())


def part_of(request):
    """The asked range of the film, or all of it."""
    size = len(FILM)
    start = int(request.headers.get("Range", "bytes=0-")[6:-1])
    headers = {"content_length": str(size - start), "etag": "v1"}
    if start:
        headers["content_range"] = f"bytes {start}-{size - 1}/{size}"
    request.answer(206 if start else 200, **headers)
    return FILM[start:]


def test_a_file_is_fetched_into_a_folder_that_is_made(serve, target):
    """The bytes, their number, and nothing beside them."""
    site = serve(lambda request: request.answer(body=FILM))

    received = fetch(f"{site.url}/a.mp4", target)

    assert (received.size, target.read_bytes()) == (len(FILM), FILM)
    assert names(target) == ["waves.mp4"]
    assert site.seen[0].headers["User-Agent"].startswith("kie_nb/")
    assert site.seen[0].headers["Authorization"] is None


def test_a_break_is_taken_up_where_it_was(serve, target):
    """The next request asks for the rest alone, of the same version."""

    def breaking(request):
        rest = part_of(request)
        request.wfile.write(rest[: len(rest) if len(site.seen) > 1 else 1_100_000])
        request.hang_up()

    site = serve(breaking)
    fetch(f"{site.url}/a.mp4", target)

    first, second = site.seen
    assert first.headers["Range"] is None
    assert second.headers["Range"] == "bytes=1100000-"
    assert second.headers["If-Range"] == "v1"
    assert target.read_bytes() == FILM


def test_a_server_without_ranges_sends_all_of_it_again(serve, target):
    """A 200 in answer to a range begins at the beginning."""

    def forgetful(request):
        request.answer(content_length=str(len(FILM)))
        request.wfile.write(FILM if len(site.seen) > 1 else FILM[:1_100_000])
        request.hang_up()

    site = serve(forgetful)
    fetch(f"{site.url}/a.mp4", target)

    assert target.read_bytes() == FILM


def test_a_refused_range_begins_anew(serve, target):
    """HTTP 416: what is there is dropped."""

    def strict(request):
        if request.headers["Range"]:
            request.answer(416)
            return
        request.answer(content_length=str(len(FILM)))
        request.wfile.write(FILM if len(site.seen) > 2 else FILM[:1_100_000])
        request.hang_up()

    site = serve(strict)
    fetch(f"{site.url}/a.mp4", target)

    assert len(site.seen) == 3
    assert target.read_bytes() == FILM


def test_a_range_that_is_not_the_one_asked_for_is_not_joined(serve, target):
    """Joined to what is there it would be a broken film of the right length."""

    def muddled(request):
        start = int(request.headers.get("Range", "bytes=0-")[6:-1])
        if not start:
            request.answer(content_length=str(len(FILM)))
            request.wfile.write(FILM if len(site.seen) > 2 else FILM[:1_100_000])
            request.hang_up()
            return
        wrong = FILM[: len(FILM) - start]
        request.answer(206, wrong, content_range=f"bytes 0-{len(wrong) - 1}/{len(FILM)}")

    site = serve(muddled)
    fetch(f"{site.url}/a.mp4", target)

    assert target.read_bytes() == FILM


def over_there(request):
    request.answer(302, location=request.path)


@pytest.mark.parametrize(
    ("reply", "error", "requests"),
    [
        pytest.param(lambda r: r.answer(404, b"gone"), LinkDead, 1, id="404"),
        pytest.param(lambda r: r.answer(403, b"error code: 1010"), LinkDead, 1, id="403"),
        pytest.param(lambda r: r.answer(401), LinkDead, 1, id="401"),
        pytest.param(lambda r: r.answer(410), LinkDead, 1, id="410"),
        pytest.param(lambda r: r.answer(body=b""), NotTheFile, 1, id="nothing"),
        pytest.param(lambda r: r.answer(503), DownloadFailed, 5, id="503"),
        pytest.param(lambda r: r.hang_up(), DownloadFailed, 5, id="no reply"),
        pytest.param(over_there, DownloadFailed, None, id="round and round"),
    ],
)
def test_a_failure_leaves_nothing_under_the_final_name(serve, target, reply, error, requests):
    """What cannot pass is told at once, the rest after five tries; no half file stays."""
    site = serve(reply)

    with pytest.raises(DownloadFailed) as caught:
        fetch(f"{site.url}/a.mp4", target)

    assert type(caught.value) is error
    assert requests in {None, len(site.seen)}
    assert names(target) == []
    assert all(request.headers["Authorization"] is None for request in site.seen)


def test_less_than_announced_twice_is_all_there_is(serve, target):
    """Byte by byte the same: a third try would bring no more. It stays beside the place of the file."""

    def short(request):
        request.answer(content_length=str(len(FILM)))
        request.wfile.write(FILM[:1000])
        request.hang_up()

    site = serve(short)

    with pytest.raises(CutShort, match="1000 of 1280012 bytes"):
        fetch(f"{site.url}/a.mp4", target)

    assert len(site.seen) == 2
    assert names(target) == ["waves.mp4.part"]
    assert (target.parent / "waves.mp4.part").read_bytes() == FILM[:1000]


def test_what_has_come_stays_when_the_connection_breaks_for_good(serve, target):
    """The longest way that it came; the next download begins anew."""

    def breaking(request):
        rest = part_of(request)
        request.wfile.write(rest[:1000])
        request.hang_up()

    site = serve(breaking)

    with pytest.raises(DownloadFailed, match="did not come whole in 5 tries"):
        fetch(f"{site.url}/a.mp4", target)

    assert (target.parent / "waves.mp4.part").read_bytes() == FILM[:5000]
    site = serve(lambda request: request.answer(body=FILM))
    fetch(f"{site.url}/a.mp4", target)
    assert names(target) == ["waves.mp4"]


@pytest.mark.parametrize("body", [b"<html>expired</html>", b'{"code":404}'])
def test_whatever_is_served_comes(serve, target, body):
    """What it is is judged by who looks at it; here nothing that came is thrown away."""
    site = serve(lambda request: request.answer(body=body, etag="v7"))

    received = fetch(f"{site.url}/a.mp4", target)

    assert target.read_bytes() == body
    assert (received.is_announced, received.version) == (True, "v7")
    assert version_at(f"{site.url}/a.mp4", own=("http://127.0.0.1",)) == (len(body), "v7")


def test_a_failure_leaves_the_file_that_was_there(serve, target):
    """An earlier whole file is not touched by a later failure."""
    target.parent.mkdir()
    target.write_bytes(b"earlier")
    site = serve(lambda request: request.answer(404))

    with pytest.raises(LinkDead):
        fetch(f"{site.url}/a.mp4", target)

    assert (names(target), target.read_bytes()) == (["waves.mp4"], b"earlier")


def test_redirects_are_followed(serve, target):
    """To another host too, with no key on the way."""
    files = serve(lambda request: request.answer(body=FILM))
    site = serve(lambda request: request.answer(307, location=f"{files.url}/b.mp4"))

    fetch(f"{site.url}/a.mp4", target)

    assert target.read_bytes() == FILM
    assert files.seen[0].headers["Authorization"] is None


def test_a_length_that_is_not_told_is_no_mistake(serve, target):
    """Without a Content-Length the end of the connection is the end of the file."""

    def open_ended(request):
        request.answer(content_length=None, connection="close")
        request.wfile.write(FILM)
        request.close_connection = True

    site = serve(open_ended)

    received = fetch(f"{site.url}/a.mp4", target)
    assert (received.size, received.is_announced) == (len(FILM), False)


@pytest.mark.parametrize("url", ["http://[", "nonsense", "ftp://a.example/a.mp4", ""])
def test_an_address_that_is_none_is_a_failed_download(target, url):
    """The service's words are not trusted to be an address."""
    with pytest.raises(DownloadFailed):
        fetch(url, target)


def test_a_folder_that_cannot_be_made_is_a_failed_download(serve, tmp_path):
    """The video is paid for: the error says that it could not be written, and it can be fetched again."""
    (tmp_path / "videos").write_text("a file")
    site = serve(lambda request: request.answer(body=FILM))

    with pytest.raises(DownloadFailed, match="could not be written"):
        fetch(f"{site.url}/a.mp4", tmp_path / "videos" / "a.mp4")


def test_a_folder_in_the_place_of_the_file_is_a_failed_download(serve, target):
    """The rename is refused; the half file is cleared away."""
    (target / "inside").mkdir(parents=True)
    site = serve(lambda request: request.answer(body=FILM))

    with pytest.raises(DownloadFailed, match="could not be written"):
        fetch(f"{site.url}/a.mp4", target)

    assert names(target) == ["waves.mp4"]
