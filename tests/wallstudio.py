"""A folder with an experiment of nine videos and pages made of it, as a user has it after an evening.

The tasks are the tiny simulator's; the films in their place are drawn by the same hand in a size that is worth looking at.
"""

import os
import subprocess
import sys

SECONDS = 4
DEFINE = """
import kie_nb as kie
exp = kie.Experiment(
    "smile", image="chelsea.png", seed=range(3), who="cat",
    prompt=["The {who} smiles.", "The {who} yawns.", "The {who} sneezes </script><img src=x onerror=alert(1)>"],
)
"""
MAKE = f"""
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import av
import numpy as np

from kie_nb.handles import get_session
from kie_nb.fileops import hash_of
from kie_nb.experiment.wall_media import Medium, for_file, make_clip
from kie_nb.experiment.wall_page import wall_page
from kie_nb.simulator.draw import Plan, draw
{DEFINE}
IMAGE = Path("chelsea.png").read_bytes()

def film(prompt, seed, seconds, target):
    draw(Plan(prompt=prompt, seed=seed, seconds=seconds, short_side=240, model="m", image=IMAGE), Path(target))
    if Path(target).parent.name == "videos":
        make_clip(Path(target))  # here, where there are two hands for it

def number_frames(source, target):
    # The same film with the number of each frame over its top fifth: eight blocks, black or white, the lowest bit first.
    with av.open(str(source)) as film, av.open(target, "w") as numbered:
        (video,) = film.streams.video
        out = numbered.add_stream("libx264", rate=24, options={{"preset": "veryfast", "g": "12"}})
        out.width, out.height, out.pix_fmt = video.width, video.height, "yuv420p"
        for number, frame in enumerate(film.decode(video)):
            bits = np.repeat([255 * (number >> bit & 1) for bit in range(8)], video.width // 8)
            pixels = frame.to_ndarray(format="rgb24")
            pixels[: video.height // 5, : len(bits)] = bits[None, :, None]
            numbered.mux(out.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        numbered.mux(out.encode())

if __name__ == "__main__":
    exp.run().wait(120)
    with ProcessPoolExecutor(2) as pool:
        jobs = [pool.submit(film, run.prompt, run.seed, {SECONDS}, str(run.video)) for run in exp]
        jobs.append(pool.submit(film, "short", 1, 1, "short.mp4"))
        [job.result() for job in jobs]
    for run in exp:  # as if they had been fetched: what was altered since is not shown
        files = (replace(run.row.files[0], sha256=hash_of(run.video), bytes=run.video.stat().st_size),)
        run.ledger.move(run.id, "fetched", expect={{"fetched"}}, evidence={{}}, files=files)
    exp.wall().save("wall.html")

    def unlike(tile):
        found = for_file(Path.cwd(), limit=0)(tile)
        source, frames = {{0: ("short.mp4", 24)}}.get(tile.col, (found.source, found.frames))
        return Medium(source=source, fps=24.0, frames=frames)

    number_frames(exp.runs[0].video, "numbered.mp4")
    numbered = Medium(source="numbered.mp4", fps=24.0, frames={SECONDS * 24}, aspect=1.5)
    Path("numbered.html").write_text(wall_page(exp.wall(), lambda _tile: numbered))

    same = kie.wall(exp.runs[:2])
    Path("unlike.html").write_text(wall_page(same, unlike))
"""


def make_studio(folder, base_url, state):
    """Make it in *folder*, in a process of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KIE_")}
    own = {
        "KIE_BASE_URL": base_url,
        "KIE_NB_STATE": str(state),
        "KIE_NB_CREATES_PER_WINDOW": "10000",
    }
    script = folder / "make.py"
    script.write_text(MAKE, encoding="utf-8")
    subprocess.run([sys.executable, script.name], cwd=folder, env=kept | own, check=True, timeout=170)
