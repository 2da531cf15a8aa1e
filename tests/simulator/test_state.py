"""What outlives a process: tasks, money, rates, uploads and videos in a folder."""

import json
import os
import signal
import subprocess
import sys

from kie_nb.simulator import Simulator

CHILD = """
import sys, time, httpx
from kie_nb.simulator import Simulator
sim = Simulator(sys.argv[1], duration_s=lambda body: 5.0).start()  # a full-size video takes longer than it lives
body = {"model": "wan/2-5-text-to-video", "input": {"prompt": "x", "duration": "10", "resolution": "1080p"}}
reply = httpx.post(sim.base_url + "/api/v1/jobs/createTask", json=body, headers={"Authorization": "Bearer k"})
print(reply.json()["data"]["taskId"], flush=True)
time.sleep(60)
"""


def test_two_simulators_on_one_folder_are_one_service(simulate, tmp_path, picture):
    """The same tasks, the same purse, the same uploads, the same rate window."""
    one, client_one = simulate(state_dir=tmp_path, creates_per_window=2)
    two, client_two = simulate(state_dir=tmp_path, creates_per_window=2)
    url = client_one.upload(picture).json()["data"]["downloadUrl"]
    task_id = client_two.created(model="wan/2-5-image-to-video", image_url=url)
    assert client_one.ended(task_id)["state"] == "success"
    assert client_one.credit() == client_two.credit() == 9_940
    assert [task.task_id for task in one.tasks] == [task.task_id for task in two.tasks] == [task_id]
    assert client_one.create().status_code == 200
    assert client_two.create().status_code == 429


def test_a_service_started_again_goes_on(tmp_path, simulate):
    """A task made before the stop is finished after it, and the purse is not filled again."""
    sim, client = simulate(state_dir=tmp_path, speed=4)
    task_id = client.created()
    sim.stop()
    again, client_again = simulate(state_dir=tmp_path)
    data = client_again.ended(task_id)
    assert data["state"] == "success"
    assert client_again.media.get(client_again.url(task_id)).content[4:8] == b"ftyp"
    assert again.balance == 9_940


def test_a_killed_process_leaves_its_task_to_the_next(tmp_path, simulate):
    """Nothing is lost when nobody could say goodbye: another process draws the video."""
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    with child:
        task_id = child.stdout.readline().strip()
        os.kill(child.pid, signal.SIGKILL)
    _, client = simulate(state_dir=tmp_path)
    assert client.ended(task_id)["state"] == "success"


def test_the_same_request_is_drawn_once(simulate):
    """Same request and seed, same bytes, one file."""
    sim, client = simulate()
    ids = [client.created(seed=11), client.created(seed=11), client.created(seed=12)]
    films = [client.media.get(client.url(task_id)).content for task_id in ids]
    assert films[0] == films[1] != films[2]
    assert sim.tasks[0].video == sim.tasks[1].video


def test_time_is_planned_by_the_request(simulate):
    """The end of a task is its beginning plus the planned time over the speed."""
    sim, client = simulate(duration_s=lambda body: 40.0 if body["input"]["duration"] == "10" else 20.0)
    client.url(client.created())
    client.url(client.created(duration="10"))
    short, long = (round(task.completed - task.created, 3) for task in sim.tasks)
    assert short >= 0.4
    assert long >= 0.8


def test_a_private_folder_is_removed(simulate):
    """Without a folder nothing stays behind."""
    sim, client = simulate()
    client.url(client.created())
    video = sim.tasks[0].video
    assert video.exists()
    sim.stop()
    assert not video.exists()


def test_starting_and_stopping_twice_is_harmless():
    """Both do nothing the second time, and counters stay readable."""
    sim = Simulator(tiny=True)
    assert sim.start() is sim.start()
    sim.stop()
    sim.stop()
    assert json.dumps(sim.counts) == "{}"
    with sim:
        assert sim.tasks == []
