"""A quick simulator, a client for it, and short ways to ask it for things."""

import io
import json
import time

import httpx
import pytest
from PIL import Image

from kie_nb.simulator import Simulator

QUICK = {"tiny": True, "speed": 50.0}


class Client:
    """Kie's calls as a client makes them, over a real socket."""

    def __init__(self, base_url: str, key: str = "any key") -> None:
        self.http = httpx.Client(
            base_url=base_url, headers={"Authorization": f"Bearer {key}"}, trust_env=False
        )
        self.media = httpx.Client(trust_env=False)

    def close(self):
        self.http.close()
        self.media.close()

    def create(self, model="wan/2-5-text-to-video", callback=None, **given):
        given = {"prompt": "a quiet lake", "duration": "5", "resolution": "720p", "seed": 7} | given
        body = {
            "model": model,
            "input": {name: value for name, value in given.items() if value != "LEAVE OUT"},
        }
        if callback:
            body["callBackUrl"] = callback
        return self.http.post("/api/v1/jobs/createTask", json=body)

    def created(self, **given):
        return self.create(**given).json()["data"]["taskId"]

    def record(self, task_id):
        return self.http.get("/api/v1/jobs/recordInfo", params={"taskId": task_id})

    def ended(self, task_id, within_s=60.0):
        limit = time.monotonic() + within_s
        while time.monotonic() < limit:
            data = self.record(task_id).json()["data"]
            if data["state"] in {"success", "fail"}:
                return data
            time.sleep(0.02)
        raise AssertionError(f"task {task_id} did not end in {within_s} s")

    def url(self, task_id):
        return json.loads(self.ended(task_id)["resultJson"])["resultUrls"][0]

    def credit(self):
        return self.http.get("/api/v1/chat/credit").json()["data"]

    def upload(self, data, name="a.png", **fields):
        return self.http.post(
            "/api/file-stream-upload",
            files={"file": (name, data)},
            data={"uploadPath": "images/kie-nb"} | fields,
        )


@pytest.fixture(autouse=True)
def _no_faults_from_outside(monkeypatch):
    for name in ("KIE_SIM_FAULTS", "KIE_SIM_FAULTS_FILE", "KIE_SIM_DRIFT"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def simulate():
    """Start simulators; they and their clients are closed at the end."""
    opened = []

    def start(**options):
        sim = Simulator(**(QUICK | options)).start()
        client = Client(sim.base_url)
        opened.append((sim, client))
        return sim, client

    yield start
    for sim, client in opened:
        client.close()
        sim.stop()


@pytest.fixture
def connect():
    """Make clients for a simulator that is already there."""
    clients = []

    def make(sim):
        clients.append(Client(sim.base_url))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture(scope="session")
def picture():
    """A PNG of stripes, twice as wide as high."""
    image = Image.new("RGB", (320, 160), (20, 90, 160))
    for x in range(0, 320, 20):
        image.paste((230, 180, 60), (x, 0, x + 8, 160))
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()
