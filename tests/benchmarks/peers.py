"""Clients of other services, and a stub of the wire that each of them speaks: create, look until it is done, fetch the file."""

import json
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import urlopen

WINDOW_S, PER_WINDOW = 10.0, 20
FILM = b"\0" * 40_000  # about what the simulator's small films have


class Stub(BaseHTTPRequestHandler):
    """Answers as the services do; a task's prompt is the time that it takes."""

    protocol_version = "HTTP/1.1"
    tasks, looks = {}, []

    def do_POST(self):
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Content-Type", "").startswith("multipart/"):
            takes = float(sent.split(b'name="prompt"')[1].split(b"\r\n\r\n")[1].split(b"\r\n")[0])
        else:
            given = json.loads(sent)
            takes = float(given.get("promptText") or (given.get("input") or given)["prompt"])
        task = uuid.uuid4().hex
        self.tasks[task] = time.time() + takes
        self._tell(self._shown(task))

    def do_GET(self):
        if self.path == "/counts":
            return self._tell({"looks": len(self.looks), "done": self.tasks})
        if self.path == "/film" or self.path.endswith("/content"):
            return self._send(FILM, "video/mp4")
        task = next(part for part in self.path.split("?")[0].split("/") if part in self.tasks)
        is_result = self.path.startswith("/fal") and not self.path.split("?")[0].endswith("/status")
        if is_result:
            return self._tell({"video": {"url": f"{self._base}/film"}})
        self.looks.append(task)
        return self._tell(self._shown(task))

    @property
    def _base(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    def _shown(self, task):
        is_done = time.time() >= self.tasks[task]
        film, at = f"{self._base}/film", "2026-11-30T00:00:00.000Z"
        if self.path.startswith("/replicate"):
            status = "succeeded" if is_done else "processing"
            urls = {"get": f"{self._base}/replicate/v1/predictions/{task}", "cancel": film}
            told = {"model": "a/b", "version": "v", "input": {}, "logs": "", "error": None, "created_at": at}
            return {"id": task, "status": status, "output": film if is_done else None, "urls": urls} | told
        if self.path.startswith("/fal"):
            place = f"{self._base}/fal/requests/{task}"
            urls = {"response_url": place, "status_url": f"{place}/status", "cancel_url": f"{place}/cancel"}
            return {
                "request_id": task,
                "status": "COMPLETED" if is_done else "IN_PROGRESS",
                "logs": [],
            } | urls
        if self.path.startswith("/openai"):
            status = "completed" if is_done else "in_progress"
            told = {"model": "sora-2", "seconds": "4", "size": "1280x720", "created_at": 1, "progress": 0}
            return {"id": task, "object": "video", "status": status} | told
        ends = (
            {"status": "SUCCEEDED", "output": [film]} if is_done else {"status": "RUNNING", "progress": 0.5}
        )
        return {"id": task, "createdAt": at} | ends

    def _tell(self, value):
        self._send(json.dumps(value).encode(), "application/json")

    def _send(self, content, kind):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_args):
        pass


def serve():
    """The stub, until its input ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Stub)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    sys.stdin.read()


def replicate(base_url):
    import replicate

    client = replicate.Client(api_token="bench", base_url=f"{base_url}/replicate")

    def make(prompt):
        prediction = client.predictions.create(version="v" * 64, input={"prompt": prompt})
        prediction.wait()
        return prediction.id, prediction.output

    return make


def fal_client(base_url):
    import fal_client

    fal_client.client.QUEUE_URL_FORMAT = f"{base_url}/fal/"
    client = fal_client.SyncClient(key="bench")

    def make(prompt):
        handle = client.submit("a/b", {"prompt": prompt})
        return handle.request_id, handle.get()["video"]["url"]

    return make


def openai(base_url):
    from openai import OpenAI

    client = OpenAI(api_key="bench", base_url=f"{base_url}/openai/v1")

    def make(prompt):
        video = client.videos.create_and_poll(prompt=prompt)
        return video.id, f"{base_url}/openai/v1/videos/{video.id}/content"

    return make


def runwayml(base_url):
    from runwayml import RunwayML

    client = RunwayML(api_key="bench", base_url=f"{base_url}/runway")

    def make(prompt):
        asked = {"model": "gen4_turbo", "prompt_image": "https://example.com/a.png", "ratio": "1280:720"}
        done = client.image_to_video.create(prompt_text=prompt, **asked).wait_for_task_output()
        return done.id, done.output[0]

    return make


PEERS = {one.__name__: one for one in (replicate, fal_client, openai, runwayml)}


def work(name, base_url, durations):
    """Make a video of each of *durations* in threads, as many at once as the rate allows; what that took."""
    make, begun, cpu = PEERS[name](base_url), time.time(), time.process_time()

    def one(number):
        time.sleep(max(0.0, begun + number // PER_WINDOW * WINDOW_S - time.time()))
        task, film = make(f"{durations[number]:.3f}")
        known = time.time()
        with urlopen(film) as reply:
            reply.read()
        return task, known

    with ThreadPoolExecutor(len(durations)) as threads:
        known = list(threads.map(one, range(len(durations))))
    took, spent = time.time() - begun, time.process_time() - cpu
    with urlopen(f"{base_url}/counts") as reply:
        told = json.load(reply)
    delays = sorted(at - told["done"][task] for task, at in known)
    return {"makespan": took, "cpu": spent, "delays": delays, "looks": told["looks"]}
