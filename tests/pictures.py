"""Take the pictures of README.md from the product as it is: ``python tests/pictures.py`` writes them to `notebooks/images`.

It needs a Chromium. `card.webp` is a short film of a cell from the request to the playing video, `panel.webp` a picture of the panel.
"""

import io
import itertools
import shutil
import sys
import tempfile
import time
from pathlib import Path

from labdriver import Browser, Notebook, Server, find_chromium, write_notebook
from PIL import Image

IMAGES = Path(__file__).parents[1] / "notebooks" / "images"
LOAD = """%load_ext kie_nb
%kie use simulator
from kie_nb.simulator import Simulator
Simulator.__init__.__kwdefaults__["tiny"] = False"""  # the tests' kernels draw small videos
CELL = (
    "%%kie_wan --image cat.png --duration 5 --resolution 720p --seed 7 -o clip\n"
    "The cat looks up, takes a breath and smiles. Soft natural light, steady framing."
)
PROMPT = "The cat looks up, takes a breath and smiles."
PLAYS = "cell => cell.querySelector('.kie-card video')?.readyState >= 2"
WIDTH, FRAME_S, PLAYED_S, MOST_BYTES = 720, 0.12, 3.0, 1_500_000


def film(notebook):
    """The card turns into the video: its frames, and how many milliseconds each is seen."""
    notebook.start_cell(1)
    notebook.page.wait_for_timeout(300)
    page, frames, stamps = notebook.page, [], []
    end = None
    while end is None or time.monotonic() < end:
        box = notebook.cell(1).bounding_box()
        frames.append(
            page.screenshot(type="jpeg", quality=95, clip={**box, "height": min(box["height"], 900)})
        )
        stamps.append(time.monotonic())
        if end is None and notebook.cell(1).evaluate(PLAYS):
            notebook.cell(1).evaluate(
                "cell => { const v = cell.querySelector('video'); v.muted = true; v.play(); }"
            )
            end = time.monotonic() + PLAYED_S
        page.wait_for_timeout(FRAME_S * 1000)
    shown = [round((after - before) * 1000) for before, after in itertools.pairwise(stamps)]
    return frames, [*shown, 1500]


def save_film(frames, shown, target):
    """As one looping WebP: every frame as high as the highest, equal ones joined."""
    pictures, lengths = [], []
    for data, ms in zip(frames, shown, strict=True):
        with Image.open(io.BytesIO(data)) as frame:
            picture = frame.convert("RGB")
        if pictures and picture.tobytes() == pictures[-1].tobytes():
            lengths[-1] += ms
        else:
            pictures.append(picture)
            lengths.append(ms)
    height = max(picture.height for picture in pictures)
    fitted = []
    for picture in pictures:
        page = Image.new("RGB", (picture.width, height), "white")
        page.paste(picture)
        fitted.append(page.resize((WIDTH, round(height * WIDTH / page.width)), Image.Resampling.LANCZOS))
    fitted[0].save(
        target,
        save_all=True,
        append_images=fitted[1:],
        duration=lengths,
        loop=0,
        quality=70,
        method=6,
        minimize_size=True,
    )
    assert target.stat().st_size <= MOST_BYTES, f"{target.name} has {target.stat().st_size} bytes"


def photograph_panel(notebook, target):
    """The panel with a finished video."""
    notebook.run_cell(1)
    cell = notebook.cell(1)
    cell.get_by_label("Image", exact=True).first.fill("cat.png")
    cell.get_by_label("Image", exact=True).first.press("Enter")
    cell.get_by_label("Prompt", exact=True).fill(PROMPT)
    cell.get_by_text("451 × 300").wait_for()
    cell.locator(".kie-panel-go > .kie-primary").click()
    notebook.wait_dom(
        1, "cell => cell.querySelector('.kie-gallery img, .kg-tile img')?.complete", timeout_s=90
    )
    notebook.wait_dom(1, "cell => cell.querySelector('video')?.readyState >= 2", timeout_s=60)
    notebook.page.wait_for_timeout(1500)
    with Image.open(io.BytesIO(cell.locator(".kie-panel").first.screenshot())) as picture:
        picture.convert("RGB").save(target, quality=88, method=6)


def main():
    """Both pictures."""
    program = find_chromium() or sys.exit(
        "no Chromium found: install one, or name it in the variable CHROMIUM"
    )
    with tempfile.TemporaryDirectory() as folder:
        root, private = Path(folder) / "root", Path(folder) / "private"
        root.mkdir()
        shutil.copy(IMAGES / "chelsea.png", root / "cat.png")
        write_notebook(root / "card.ipynb", LOAD, CELL)
        write_notebook(root / "panel.ipynb", LOAD, "%kie panel")
        with (
            Browser(program, artifacts=root, width=1180, height=1700) as browser,
            Server(root, private=private) as server,
        ):
            for name, take in (
                ("card", lambda nb, to: save_film(*film(nb), to)),
                ("panel", photograph_panel),
            ):
                notebook = Notebook(browser, server, f"{name}.ipynb").open()
                notebook.run_cell(0)
                take(notebook, IMAGES / f"{name}.webp")
                notebook.shutdown_kernel()
                notebook.close()
                print(f"{name}.webp: {(IMAGES / f'{name}.webp').stat().st_size} bytes")


if __name__ == "__main__":
    main()
