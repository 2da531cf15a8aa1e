"""A client written for Kie.ai by somebody else, in a process of its own that has httpx alone, works here unchanged."""

import subprocess
import sys

import av

# By Kie's pages: bearer key, stream upload, createTask, recordInfo until it is final, resultJson as text, media without a key.
THEIR_CLIENT = """
import json, sys, time
import httpx

base, upload, picture, target = sys.argv[1:]
key = {"Authorization": "Bearer their-key"}


def answered(response):
    response.raise_for_status()
    reply = response.json()
    assert reply["code"] == 200, reply
    return reply["data"]


with open(picture, "rb") as file:
    sent = answered(httpx.post(
        f"{upload}/api/file-stream-upload", headers=key, files={"file": ("cat.png", file, "image/png")},
        data={"uploadPath": "images/theirs", "fileName": "their-cat.png"},
    ))
before = answered(httpx.get(f"{base}/api/v1/chat/credit", headers=key))
wanted = {"prompt": "The cat smiles.", "image_url": sent["downloadUrl"], "duration": "5", "resolution": "720p", "seed": 7}
task = answered(httpx.post(
    f"{base}/api/v1/jobs/createTask", headers=key, json={"model": "wan/2-5-image-to-video", "input": wanted},
))["taskId"]
for _ in range(600):
    record = answered(httpx.get(f"{base}/api/v1/jobs/recordInfo", headers=key, params={"taskId": task}))
    if record["state"] in ("success", "fail"):
        break
    assert record["state"] in ("waiting", "queuing", "generating") and not record["resultJson"]
    time.sleep(0.1)
assert record["state"] == "success", record
url = json.loads(record["resultJson"])["resultUrls"][0]
with httpx.stream("GET", url, follow_redirects=True) as video, open(target, "wb") as file:
    video.raise_for_status()
    for chunk in video.iter_bytes():
        file.write(chunk)
after = answered(httpx.get(f"{base}/api/v1/chat/credit", headers=key))
asked = json.loads(record["param"])
inputs = asked["input"] if isinstance(asked["input"], dict) else json.loads(asked["input"])
assert (asked["model"], inputs["prompt"], inputs["seed"]) == ("wan/2-5-image-to-video", "The cat smiles.", 7)
assert record["completeTime"] >= record["createTime"] > 0
assert not any(name.startswith("kie_nb") for name in sys.modules)
print(before - after)
"""


def test_a_client_of_somebody_else_works_unchanged(simulate, cat, tmp_path):
    """It uploads, creates, polls and downloads by the published wire, and pays the published price."""
    simulator, _ = simulate()
    target = tmp_path / "theirs.mp4"

    done = subprocess.run(
        [sys.executable, "-c", THEIR_CLIENT, simulator.base_url, simulator.upload_url, cat, target],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert float(done.stdout) == 60
    with av.open(target) as film:
        assert film.streams.video[0].codec_context.name == "h264"
        assert film.duration == 5 * av.time_base
