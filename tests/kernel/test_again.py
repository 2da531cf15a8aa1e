"""Nothing is paid twice: the same cell again, in the same kernel, in a new one, and after a crash."""

import re

from kerneldriver import CELL

from kie_nb.simulator import Fault

SEEDLESS = "%%kie_wan --image cat.png -o clip\nThe cat yawns."


def test_the_same_cell_again_spends_nothing(workshop):
    """In this kernel and in the next one, with a seed and without: the same run, and the cell says of when."""
    simulator = workshop.simulate()
    first = workshop.kernel(simulator)
    known = {}
    for source in (CELL, SEEDLESS):
        assert first.run(source).status == "ok"
        assert first.run("clip.wait();").status == "ok"
        known[source] = first.value("clip.id"), first.value("clip.seed")
    assert simulator.counts["create_requests"] == 2

    for kernel in (first, workshop.kernel(simulator)):
        for source, identity in known.items():
            cell = kernel.run(source)
            assert cell.status == "ok", cell.error
            assert (kernel.value("clip.id"), kernel.value("clip.seed")) == identity
            assert "data:video/mp4" in cell.html
            assert re.search(rf"run {identity[0][1:9]} of \d{{4}}-\d\d-\d\d \d\d:\d\d UTC", cell.html)
            assert "Nothing was spent now" in cell.html
    assert simulator.counts["create_requests"] == 2


def test_a_running_request_is_joined(workshop):
    """The cell run twice in a hurry, even in two kernels, is one task; both get its video."""
    simulator = workshop.simulate(duration_s=lambda _request: 40.0)
    one, two = workshop.kernel(simulator), workshop.kernel(simulator)
    assert one.run(CELL).status == "ok"

    here, there = one.run(CELL), two.run(CELL)

    assert "joined run" in here.html
    assert "joined run" in there.html
    for kernel in (one, two):
        assert kernel.run("clip.wait();").status == "ok"
        assert kernel.value("clip.video.exists()") == "True"
    assert len(simulator.tasks) == 1
    assert len(workshop.videos()) == 1


def test_fresh_buys_another(workshop):
    """`--fresh` is the one way to a second task; after it, the newest is shown."""
    simulator = workshop.simulate()
    kernel = workshop.kernel(simulator)
    kernel.run(CELL.replace("-o clip", "--wait -o one"))

    assert kernel.run(CELL.replace("-o clip", "--wait --fresh -o two")).status == "ok"
    kernel.run(CELL.replace("-o clip", "-o three"))

    assert len(simulator.tasks) == 2
    assert len(workshop.videos()) == 2
    assert kernel.value("(one is two, three is two, one.video == two.video)") == "(False, True, False)"


def test_a_kernel_killed_while_the_task_runs(workshop):
    """SIGKILL, a new kernel, the same cell: one task, one whole video, nothing half written under its name."""
    simulator = workshop.simulate(duration_s=lambda _request: 50.0)
    victim = workshop.kernel(simulator)
    assert victim.run(CELL).status == "ok"
    victim.until(lambda: simulator.tasks)
    victim.kill()

    cell = workshop.kernel(simulator).run(CELL.replace("-o clip", "-o clip --wait"))

    assert cell.status == "ok", cell.error
    assert "data:video/mp4" in cell.html
    assert "joined run" in cell.html
    assert_one_whole_video(workshop, simulator)


def test_a_kernel_killed_while_it_downloads(workshop):
    """The video is paid for: the next kernel fetches it, and no torso is left."""
    simulator = workshop.simulate(faults=[Fault(call="download", kind="slow", times=1, seconds=60)])
    victim = workshop.kernel(simulator)
    assert victim.run(CELL).status == "ok"
    victim.until(lambda: simulator.counts["downloads"])
    victim.kill()

    cell = workshop.kernel(simulator).run(CELL.replace("-o clip", "-o clip --wait"))

    assert cell.status == "ok", cell.error
    assert_one_whole_video(workshop, simulator)


def test_a_kernel_killed_while_it_sends(workshop):
    """Whether a task exists is unknown then, so it is not sent again; `--fresh` is the user's own word."""
    simulator = workshop.simulate(faults=[Fault(call="create", kind="slow_reply", times=1, seconds=60)])
    victim = workshop.kernel(simulator)
    victim.submit(CELL)
    victim.until(lambda: simulator.tasks)
    victim.kill()
    kernel = workshop.kernel(simulator)

    cell = kernel.run(CELL)
    again = kernel.run(CELL)

    for refused in (cell, again):
        assert refused.status == "error"
        assert "OutcomeUnknown" in refused.error
        assert "resend() asks" in refused.error
    assert simulator.counts["create_requests"] == 1
    assert kernel.run(CELL.replace("-o clip", "--fresh --wait -o clip")).status == "ok"
    assert simulator.counts["create_requests"] == 2


def test_resume_takes_up_what_a_dead_kernel_left(workshop):
    """`%kie resume` needs no cell of the old notebook."""
    simulator = workshop.simulate(duration_s=lambda _request: 50.0)
    victim = workshop.kernel(simulator)
    assert victim.run(CELL).status == "ok"
    victim.until(lambda: simulator.tasks)
    victim.kill()
    kernel = workshop.kernel(simulator)

    said = kernel.run("%kie resume").text
    assert "taken up" in said
    assert kernel.run("import kie_nb; run = kie_nb.runs()[0]; run.wait();").status == "ok"

    assert kernel.value("run.state.value") == "'fetched'"
    assert kernel.run("%kie resume").text.strip() == "Nothing is open."
    assert_one_whole_video(workshop, simulator)


def assert_one_whole_video(workshop, simulator):
    import av

    assert len(simulator.tasks) == 1
    assert simulator.counts["create_requests"] == 1
    (video,) = workshop.videos()
    with av.open(str(video)) as film:
        assert sum(1 for _ in film.decode(video=0)) > 5
    halves = [path.name for path in video.parent.iterdir() if path.suffix in {".part", ".incoming"}]
    assert not halves
