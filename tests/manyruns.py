"""A ledger with many finished runs that share a few real videos: what a gallery looks like after a year."""

import datetime as dt
import hashlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import sqlalchemy as sa

from kie_nb.catalogue import build_request
from kie_nb.catalogue.request import ImageIdentity
from kie_nb.ledger import KeptFile, Ledger, search_text
from kie_nb.ledger.schema import run

MODELS = ("wan/2-5-text-to-video", "wan/2-5-image-to-video")
SUBJECTS = ("cat", "lighthouse", "rocket", "tram in the rain", "bowl of ramen", "glacier")
DEEDS = (
    "looks up and smiles",
    "turns slowly",
    "seen from above, soft morning light",
    "in a storm, handheld camera",
)
TAGS = (["best"], ["best", "for the talk"], None, None, [])
PICTURE = ImageIdentity(
    sha256="ab" * 32, label="cat.png", mime="image/png", bytes=1000, width=640, height=360
)
FIRST = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def film(path, colour, *, seconds=2, size=(320, 180)):
    """A real MP4: a white square that wanders over *colour*."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as out:
        picture = out.add_stream("libx264", rate=Fraction(24))
        (picture.width, picture.height), picture.pix_fmt = size, "yuv420p"
        for i in range(24 * seconds):
            pixels = np.full((size[1], size[0], 3), colour, np.uint8)
            pixels[60:120, 4 * i % 260 :][:, :60] = 255
            out.mux(picture.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        out.mux(picture.encode(None))
    return path


def prompt_of(number):
    return (
        f"A {SUBJECTS[number % len(SUBJECTS)]} {DEEDS[number // len(SUBJECTS) % len(DEEDS)]}, take {number}"
    )


def fill(home, count, *, first=0, films=6, url=None, **changes):
    """Write *count* finished runs into the ledger of *home*, numbered from *first*, the oldest; their ids, in that order."""
    home = Path(home)
    colours = ((30, 60, 160), (150, 60, 40), (40, 120, 70), (110, 50, 130), (160, 120, 30), (30, 120, 140))
    videos = [home / "videos" / f"film-{n}.mp4" for n in range(films)]
    for n, video in enumerate(videos):
        if not video.exists():
            film(video, colours[n % len(colours)])
    sums = [hashlib.sha256(video.read_bytes()).hexdigest() for video in videos]
    rows = [_row(number, videos, sums) | changes for number in range(first, first + count)]
    ledger = Ledger(home, url=url)
    with ledger.database.write() as db:
        db.execute(sa.insert(run), rows)
        search_text.add(db, rows)
    ledger.close()
    return [row["id"] for row in rows]


def _row(number, videos, sums):
    at = (FIRST + dt.timedelta(minutes=37 * number)).isoformat(timespec="microseconds")
    model = MODELS[number % 2]
    which = number % len(videos)
    request = build_request(
        model=model, image=PICTURE if "image" in model else None, prompt=prompt_of(number), seed=number
    )
    name = request.fingerprint("simulator")
    file = KeptFile(
        name=f"videos/{videos[which].name}", number=0, sha256=sums[which], bytes=videos[which].stat().st_size, seconds=2.0
    )  # fmt: skip
    return {
        "id": name[:12],
        "service": "simulator",
        "account": "a",
        "model": model,
        "request": request.to_json(),
        "fingerprint": name,
        "family": request.family("simulator"),
        "active_key": f"{name}:0",
        "seed": number,
        "seed_drawn": False,
        "state": "fetched",
        "task_id": f"task-{number}",
        "credits": (60.0, 120.0, 100.0)[number % 3],
        "files": (file,),
        "beat": 0,
        "created_at": at,
        "completed_at": at,
        "duration_s": 60.0,
        "rating": (None, 3, 5, None, 1)[number % 5],
        "tags": TAGS[number % len(TAGS)],
        "experiment": "storm" if number % 50 == 7 else None,
    }
