"""What the first bytes of a file say."""

import subprocess
import sys

import pytest

from kie_nb.video import NotAVideo, probe
from kie_nb.video.sniff import describe_head, ending_of, looks_like_video


@pytest.mark.parametrize(
    ("head", "is_video"),
    [
        pytest.param(b"\0\0\0 ftypisom\0\0\2\0isomiso2", True, id="mp4"),
        pytest.param(b"\0\0\0\x14ftypqt  \0\0\2\0", True, id="mov"),
        pytest.param(b"\x1aE\xdf\xa3\x9fB\x86\x81\1", True, id="webm"),
        pytest.param(b"\0\0\0 ftypavif\0\0\0\0", False, id="an AVIF picture"),
        pytest.param(b"\0\0\0 ftypM4A \0\0\0\0", False, id="sound"),
        pytest.param(b"<!DOCTYPE html><html>", False, id="html"),
        pytest.param(b'{"code": 401}', False, id="json"),
        pytest.param(b"\x89PNG\r\n\x1a\n\0\0\0\r", False, id="png"),
        pytest.param(b"", False, id="nothing"),
        pytest.param(b"\0\0\0 ft", False, id="too short to say"),
    ],
)
def test_first_bytes_tell_a_video(head, is_video):
    """A dozen bytes are enough to stop a wrong download early."""
    assert looks_like_video(head) is is_video


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"", "an empty file"),
        (b"\0" * 64, "zero bytes only"),
        (b"  <!doctype html>\n<title>Sign in</title>", "an HTML page"),
        ("\ufeff<html>".encode(), "an HTML page"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "an XML message"),
        (b'{"code":404,"msg":"record is null"}', "JSON"),
        (b"Not Found\n", "text"),
        (b"x" * 300, "text"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "a WebP picture"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "a JPEG picture"),
        (b"#EXTM3U\n#EXT-X-VERSION:3\n", "a playlist"),
        (b"\x9c\x01\xfe\x88\0\0\0\0\0", "unknown data"),
    ],
    ids=lambda value: None if isinstance(value, bytes) else value[:20],
)
def test_what_is_not_a_video_is_named(head, words):
    """A failed download is described in words a user can act on."""
    assert words in describe_head(head)


def test_an_answer_in_words_is_named_and_not_quoted():
    """It may hold anything, a key too."""
    for head in (b'{"code":401,"key":"sk-secret"}', b"sk-secret", b"<?xml?><Error>sk-secret</Error>"):
        assert "secret" not in describe_head(head)


@pytest.mark.parametrize(
    ("head", "ending"),
    [
        (b"\0\0\0 ftypisom\0\0\2\0", "mp4"),
        (b"\0\0\0 ftypM4V \0\0\2\0", "m4v"),
        (b"\0\0\0 ftypM4A \0\0\0\0", "m4a"),
        (b"\0\0\0\x14ftypqt  \0\0\2\0", "mov"),
        (b"\0\0\0\x08wide\0\0\x10\0mdat", "mov"),
        (b"\x1aE\xdf\xa3\x9fB\x82\x84webm", "webm"),
        (b"\x1aE\xdf\xa3\xa3B\x82\x88matroska", "mkv"),
        (b"RIFF\0\0\0\0AVI LIST", "avi"),
        (b"RIFF\0\0\0\0WAVEfmt ", "wav"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "webp"),
        (b"FLV\x01\x05\0\0\0\x09", "flv"),
        ((b"G@\x11\x10" + b"\xff" * 184) * 4, "ts"),
        ((b"\0\0\0\0G@\x11\x10" + b"\xff" * 184) * 4, "ts"),
        (b"GIF89a\1\0\1\0\x80\0\0", "gif"),
        (b"ID3\4\0\0\0\0\0\0", "mp3"),
        (b"\xff\xfb\x90\x64\0", "mp3"),
        (b"\xff\xf1\x50\x80\0", "aac"),
        ("\ufeff<html>".encode("utf-16-le"), "html"),
        ("<html>caf\xe9".encode("latin-1"), "html"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "svg"),
        (b'[{"a": 1}]', "json"),
        (b"#EXTM3U\n", "txt"),
        (b"\xff" * 64, "bin"),
        (b"\0" * 64, "bin"),
        (b"", "bin"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_ending_is_told_by_the_bytes(head, ending):
    """Not by a header or an address of the service."""
    assert ending_of(head) == ending


@pytest.mark.parametrize(
    ("data", "seems"),
    [
        (b"", "an empty file"),
        (b"<html><body>502 Bad Gateway</body></html>", "an HTML page"),
        (b'{"code":500}', "JSON"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "a PNG picture"),
        (b"#EXTM3U\n#EXTINF:5,\nhttp://127.0.0.1:9/secret.ts\n", "a playlist"),
        (b"\0\0\0\x18ftypavif\0\0\0\0avifmif1" + b"\0" * 90, "an AVIF picture"),
    ],
    ids=["empty", "html", "json", "png", "playlist", "avif"],
)
def test_a_file_that_is_something_else_is_refused(film, data, seems):
    """Whatever its name ends in, a file that is no video is refused, and the message says what it is."""
    path = film.write("answer.mp4", data)

    with pytest.raises(NotAVideo, match=r"answer\.mp4 is not a video") as refused:
        probe(path)

    assert seems in refused.value.seems


def test_a_real_picture_is_no_video(film):
    """FFmpeg would show a picture as a video of one frame; it is refused all the same."""
    from PIL import Image

    path = film.folder / "frame.mp4"
    Image.new("RGB", (64, 64), "red").save(path, format="PNG")

    with pytest.raises(NotAVideo, match="a PNG picture"):
        probe(path)


def test_a_missing_file_is_an_os_error(film):
    """A path that leads nowhere is the caller's mistake, not a bad video."""
    with pytest.raises(FileNotFoundError):
        probe(film.folder / "nowhere.mp4")


def test_importing_the_room_loads_no_codec():
    """`import kie_nb.video` costs nothing: PyAV, numpy and Pillow come with the first call."""
    code = "import sys, kie_nb.video; print([m for m in ('av', 'numpy', 'PIL') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
