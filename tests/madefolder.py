"""An exported folder made without a service: what an honest manifest looks like."""

import hashlib
import json
import shutil

from kie_nb.simulator.draw import Plan, draw

RUN_ID = "abcdef123456"


def make_folder(folder, picture, *, prompt="The cat smiles."):
    """One finished run of the simulator in *folder*, with its video and *picture*."""
    (folder / "videos").mkdir(parents=True)
    (folder / "inputs").mkdir()
    video = folder / "videos" / "x.mp4"
    draw(Plan(prompt="x", seed=7, seconds=1, short_side=720, model="m", tiny=True), video)
    sha256 = hash_of(picture)
    shutil.copyfile(picture, folder / "inputs" / f"{sha256}.png")
    entry = {
        "id": RUN_ID,
        "service": "simulator",
        "model": "wan/2-5-image-to-video",
        "seed": 7,
        "stands": True,
        "state": "fetched",
        "task_id": "t" * 32,
        "created_at": "2026-11-01T10:00:00+00:00",
        "request": {
            "model": "wan/2-5-image-to-video",
            "input": {"prompt": prompt, "duration": "5", "resolution": "720p"},
            "image": {"sha256": sha256, "label": "chelsea.png"},
            "seed": 7,
        },
        "videos": [_file(folder, "videos/x.mp4")],
        "inputs": [_file(folder, f"inputs/{sha256}.png")],
    }
    manifest = {"format": "kie_nb export", "version": 1, "runs": [entry]}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def _file(folder, name):
    path = folder / name
    return {"file": name, "sha256": hash_of(path), "bytes": path.stat().st_size}


def manifest_of(folder):
    return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))


def edit(folder, change):
    manifest = manifest_of(folder)
    change(manifest["runs"][0])
    (folder / "manifest.json").write_text(json.dumps(manifest))


def hash_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()
