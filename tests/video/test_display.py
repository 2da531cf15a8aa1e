"""A video is shown as its file means it: turned, mirrored, and with square pixels."""

import struct
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from kie_nb.video import compare_videos, inspect, make_poster, make_preview, make_strip, probe, write_request

WIDTH, HEIGHT, CORNER = 128, 64, 24
ONE = 1 << 16
# a, b, c, d of the matrix of `tkhd`; whether the sides change places; where the marked corner (left, top) is shown.
TURNS = {
    "0": ((ONE, 0, 0, ONE), False, (0, 0)),
    "90": ((0, ONE, -ONE, 0), True, (1, 0)),
    "180": ((-ONE, 0, 0, -ONE), False, (1, 1)),
    "270": ((0, -ONE, ONE, 0), True, (0, 1)),
    "mirrored": ((-ONE, 0, 0, ONE), False, (1, 0)),
    "upside down": ((ONE, 0, 0, -ONE), False, (0, 1)),
    "90 and mirrored": ((0, ONE, ONE, 0), True, (0, 0)),
    "270 and mirrored": ((0, -ONE, -ONE, 0), True, (1, 1)),
}
ASPECTS = [Fraction(1), Fraction(4, 3), Fraction(2), Fraction(8, 9)]


def film_of(folder, matrix=TURNS["0"][0], aspect=Fraction(1), name="film.mp4"):
    """A second of dark frames whose corner, left and top, is white."""
    path = folder / name
    pixels = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
    pixels[:CORNER, :CORNER] = 255
    with av.open(str(path), "w") as out:
        picture = out.add_stream("libx264", rate=12)
        picture.width, picture.height, picture.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        picture.options = {"preset": "ultrafast"}
        if aspect != 1:
            picture.codec_context.sample_aspect_ratio = aspect
        for _ in range(12):
            out.mux(picture.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        out.mux(picture.encode(None))
    turn_file(path, matrix)
    return path


def turn_file(path, matrix):
    """Write *matrix* into the header of the track."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 44
    a, b, c, d = matrix
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)


def size_of(aspect, *, is_lying):
    size = round(WIDTH * aspect), HEIGHT
    return size[::-1] if is_lying else size


def marked(picture):
    """In which corner of *picture* the mark is."""
    pixels = np.asarray(picture.convert("L"))
    rows, columns = np.nonzero(pixels > 150)
    return int(columns.mean() > picture.width / 2), int(rows.mean() > picture.height / 2)


def first_picture(path):
    with av.open(str(path)) as container:
        (stream,) = container.streams.video
        assert stream.sample_aspect_ratio in {None, 0, 1}
        return next(container.decode(stream)).to_image()


def near(size, wanted):
    return all(abs(one - other) <= 2 for one, other in zip(size, wanted, strict=True))


@pytest.mark.parametrize("aspect", ASPECTS, ids=str)
@pytest.mark.parametrize("turn", TURNS)
def test_everything_that_is_shown_is_upright(tmp_path, turn, aspect):
    """Facts, poster, preview and strip have one shape, and the marked corner in one place."""
    matrix, is_lying, corner = TURNS[turn]
    film = film_of(tmp_path, matrix, aspect)
    wanted = size_of(aspect, is_lying=is_lying)

    facts = probe(film)
    assert (facts.width, facts.height) == wanted
    assert inspect(film).size == wanted
    with Image.open(make_poster(film, tmp_path / "poster.jpg")) as poster:
        assert (poster.size, marked(poster)) == (wanted, corner)
    preview = make_preview(film, tmp_path / "preview.mp4")
    picture = first_picture(preview)
    assert near(picture.size, wanted)
    assert marked(picture) == corner
    with Image.open(make_strip([film], tmp_path / "strip.jpg", frames=1, width=wanted[0])) as strip:
        assert (strip.size, marked(strip)) == (wanted, corner)


@pytest.mark.parametrize("turn", ["90", "mirrored", "90 and mirrored"])
def test_a_copy_with_a_note_is_shown_alike(tmp_path, turn):
    """An export writes the request into a copy of the file."""
    film = film_of(tmp_path, TURNS[turn][0], Fraction(4, 3))
    copy = write_request(film, tmp_path / "copy.mp4", '{"kie_nb": 1}')

    assert (probe(copy).width, probe(copy).height) == (probe(film).width, probe(film).height)
    with Image.open(make_poster(copy, tmp_path / "poster.jpg")) as poster:
        assert marked(poster) == TURNS[turn][2]


def test_a_turned_film_is_compared_as_it_is_shown(tmp_path):
    """It is like its upright copy, and unlike the same frames that lie."""
    turned = film_of(tmp_path, TURNS["90"][0])
    lying = film_of(tmp_path, name="lying.mp4")
    upright = make_preview(turned, tmp_path / "upright.mp4")

    alike, unlike = compare_videos(turned, upright), compare_videos(turned, lying)

    assert (alike.is_one_shape, alike.ssim > 0.95) == (True, True)
    assert (unlike.is_one_shape, unlike.same_frames) == (False, False)
    assert (unlike.first.width, unlike.first.height) == (HEIGHT, WIDTH)


@pytest.mark.parametrize("aspect", [Fraction(72), Fraction(300), Fraction(1, 72)], ids=str)
def test_an_aspect_that_cannot_be_is_left_out(tmp_path, aspect):
    """Some encoders write the dots per inch there."""
    facts = probe(film_of(tmp_path, aspect=aspect))

    assert (facts.width, facts.height) == (WIDTH, HEIGHT)


def test_another_angle_is_left_as_it_is(tmp_path):
    """Browsers turn by quarters only."""
    film = film_of(tmp_path, (46341, 46341, -46341, 46341))

    assert (probe(film).width, probe(film).height) == (WIDTH, HEIGHT)
    with Image.open(make_poster(film, tmp_path / "poster.jpg")) as poster:
        assert marked(poster) == (0, 0)


@pytest.mark.parametrize(("pix_fmt", "space", "is_full"), [("yuv420p", 1, False), ("yuvj420p", 5, True)])
def test_colours_of_a_turned_film(tmp_path, pix_fmt, space, is_full):
    """Turning changes no number of the preview, in whatever colour space and range the numbers are meant."""
    found = []
    for turn in ("0", "180"):
        film = tmp_path / f"{turn}.mp4"
        with av.open(str(film), "w") as out:
            picture = out.add_stream("libx264", rate=12)
            picture.width, picture.height, picture.pix_fmt = WIDTH, HEIGHT, pix_fmt
            picture.codec_context.colorspace, picture.codec_context.color_range = space, 1 + is_full
            frame = av.VideoFrame(WIDTH, HEIGHT, pix_fmt)
            for plane, value in zip(frame.planes, (90, 90, 200), strict=True):
                plane.update(bytes([value]) * plane.buffer_size)
            frame.colorspace, frame.color_range = space, 1 + is_full
            out.mux(picture.encode(frame))
            out.mux(picture.encode(None))
        turn_file(film, TURNS[turn][0])
        preview = make_preview(film, tmp_path / f"{turn}.preview.mp4")
        with av.open(str(preview)) as container:
            frame = next(container.decode(video=0))
        found.append([int(np.frombuffer(bytes(plane), np.uint8)[0]) for plane in frame.planes])

    assert found == [[90, 90, 200]] * 2
