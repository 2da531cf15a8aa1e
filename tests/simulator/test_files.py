"""Files in and out: uploads, media with ranges, links that die and fresh ones."""

import base64
import time

import httpx
import pytest

I2V = "wan/2-5-image-to-video"


def test_an_upload_comes_back_as_it_went(simulate, picture):
    """Served to anyone, without a key, under the path the reply names."""
    _, client = simulate()
    body = client.upload(picture, fileName="b.png").json()
    assert (body["success"], body["code"], body["data"]["success"]) == (True, 200, True)
    data = body["data"]
    assert data["filePath"].startswith("kieai/")
    assert data["filePath"].endswith("/images/kie-nb/b.png")
    assert (data["fileName"], data["fileSize"], data["mimeType"]) == ("b.png", len(picture), "image/png")
    assert client.media.get(data["downloadUrl"]).content == picture


@pytest.mark.parametrize("prefix", ["", "data:image/png;base64,"])
def test_base64_upload(simulate, picture, prefix):
    """Raw or as a data URL; a newline inside is an obscure error, as with the service."""
    _, client = simulate()
    text = prefix + base64.b64encode(picture).decode()
    body = {"base64Data": text, "uploadPath": "images"}
    data = client.http.post("/api/file-base64-upload", json=body).json()["data"]
    assert data["fileName"].endswith(".png")
    assert client.media.get(data["downloadUrl"]).content == picture
    broken = client.http.post(
        "/api/file-base64-upload", json=body | {"base64Data": text[:90] + "\n" + text[90:]}
    )
    assert (broken.status_code, broken.json()["success"], broken.json()["code"]) == (200, False, 500)


def test_url_upload(simulate, picture):
    """The service fetches the file itself, and says so when it cannot."""
    _, client = simulate()
    source = client.upload(picture).json()["data"]["downloadUrl"]
    ask = {"fileUrl": source, "uploadPath": "copies", "fileName": "c.png"}
    data = client.http.post("/api/file-url-upload", json=ask).json()["data"]
    assert client.media.get(data["downloadUrl"]).content == picture
    for bad in ("http://127.0.0.1:1/x.png", "ftp://x", None):
        assert (
            client.http.post("/api/file-url-upload", json=ask | {"fileUrl": bad}).json()["success"] is False
        )


@pytest.mark.parametrize(
    "fields",
    [
        {"uploadPath": ""}, {"uploadPath": "../up"}, {"uploadPath": "a/../../b"}, {"fileName": "../x.png"},
        {"fileName": "a/b.png"}, {"fileName": ".."}, {"fileName": "a\x00b"}, {"fileName": "x" * 300},
    ],
    ids=str,
)  # fmt: skip
def test_no_upload_leaves_its_folder(simulate, picture, fields):
    """Names that are more than a name are refused."""
    sim, client = simulate()
    body = client.upload(picture, **fields).json()
    assert (body["success"], body["code"]) == (False, 400)
    assert sim.counts["uploads_accepted"] == 0
    assert client.media.get(sim.base_url + "/kieai/..%2F..%2Fsimulator.sqlite").status_code == 404


def test_uploads_want_the_key_and_a_form(simulate, picture):
    """The refusal of the upload host has `success` in it."""
    sim, client = simulate()
    reply = httpx.post(sim.upload_url + "/api/file-stream-upload", files={"file": picture})
    assert (reply.status_code, reply.json()["success"], reply.json()["code"]) == (200, False, 401)
    assert client.http.post("/api/file-stream-upload", content=b"x").json()["code"] == 400


def test_an_uploaded_picture_becomes_a_video(simulate, picture):
    """The way most people go: upload, create, look, download."""
    sim, client = simulate()
    url = client.upload(picture).json()["data"]["downloadUrl"]
    film = client.media.get(client.url(client.created(model=I2V, image_url=url)))
    assert film.headers["content-type"] == "video/mp4"
    assert film.content[4:8] == b"ftyp"
    assert sim.counts["media_requests_with_authorization"] == 0
    assert sim.counts["download_bytes"] == len(film.content)


@pytest.mark.parametrize("case", ["missing", "not a picture", "too big"])
def test_a_picture_that_cannot_be_used_fails_the_task(simulate, picture, case):
    """It is accepted at first; in the end it costs nothing."""
    sim, client = simulate()
    data = {"missing": picture, "not a picture": b"<html>", "too big": picture + bytes(10 * 1024 * 1024)}[
        case
    ]
    url = client.upload(data).json()["data"]["downloadUrl"]
    if case == "missing":
        url = url.replace("a.png", "other.png")
    end = client.ended(client.created(model=I2V, image_url=url))
    assert (end["state"], end["failMsg"], end["creditsConsumed"]) == ("fail", "Image fetch failed", 0.0)
    assert (end["resultJson"], end["costTime"]) == ("", 0)
    assert sim.balance == 10_000


def test_ranges(simulate):
    """Parts, the tail, nonsense, what lies outside, and a changed file."""
    _, client = simulate()
    url = client.url(client.created())
    whole = client.media.get(url)
    size = len(whole.content)
    assert (whole.headers["accept-ranges"], int(whole.headers["content-length"])) == ("bytes", size)

    def part(text, **more):
        return client.media.get(url, headers={"Range": text} | more)

    first = part("bytes=0-99")
    assert (first.status_code, first.content) == (206, whole.content[:100])
    assert first.headers["content-range"] == f"bytes 0-99/{size}"
    assert part("bytes=100-").content == whole.content[100:]
    assert part("bytes=-50").content == whole.content[-50:]
    assert part(f"bytes=10-{size * 2}").content == whole.content[10:]
    outside = part(f"bytes={size}-")
    assert (outside.status_code, outside.headers["content-range"]) == (416, f"bytes */{size}")
    assert part("bytes=a-b").status_code == part("bytes=0-1,3-4").status_code == 200
    assert part("bytes=0-9", **{"If-Range": whole.headers["etag"]}).status_code == 206
    assert part("bytes=0-9", **{"If-Range": '"old"'}).status_code == 200
    assert client.media.get(url, headers={"If-None-Match": whole.headers["etag"]}).status_code == 304
    assert client.media.head(url).headers["content-length"] == str(size)


def test_a_key_sent_to_the_media_host_is_counted(simulate):
    """It is served all the same; a test can see the leak."""
    sim, client = simulate()
    assert client.http.get(client.url(client.created())).status_code == 200
    assert sim.counts["media_requests_with_authorization"] == 1


def test_a_link_dies_and_a_fresh_one_helps(simulate):
    """`download-url` signs a link for twenty minutes; a changed signature is worth nothing."""
    _, client = simulate(link_life_s=0.2)
    url = client.url(client.created())
    time.sleep(0.4)
    assert client.media.get(url).status_code == 404
    fresh = client.http.post("/api/v1/common/download-url", json={"url": url}).json()["data"]
    assert client.media.get(fresh).content[4:8] == b"ftyp"
    assert client.media.get(fresh[:-1] + ("0" if fresh[-1] != "0" else "1")).status_code == 404


@pytest.mark.parametrize("url", ["https://example.com/a.mp4", "", None, "/media/nothing_0.mp4", 5])
def test_links_are_made_for_our_videos_only(simulate, url):
    """Any other URL is wrong."""
    _, client = simulate()
    reply = client.http.post("/api/v1/common/download-url", json={"url": url})
    assert (reply.status_code, reply.json()) == (200, {"code": 422, "msg": "url is wrong", "data": None})
