"""What a process left that died in mid-download: nothing that came is replaced by less, or taken from a process that lives."""

# ruff: noqa: F811 - fixtures of another file

import os
import time

import pytest
from hostile.test_kept_bytes import (  # noqa: F401 - fixtures
    CORPUS,
    GOOD,
    HURT,
    WAIT_S,
    _quick,
    ask,
    dead_process,
    fails,
    names,
    run_stem,
    shop,
)

import kie_nb as kie


def folder_of(run):
    folder = run.ledger.files.videos
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def gone(request, _number):
    request.answer(b"", 404)


@pytest.mark.parametrize("by", ["resume", "doctor"])
@pytest.mark.parametrize("ending", ["mp4", "avi", "ts", "gif"])
def test_a_file_whose_record_was_lost_is_taken_up(shop, ending, by):
    """It has its name already; its link is dead."""
    service = shop(b"")
    run, _ = fails()
    service.reply = gone
    content = GOOD if ending == "mp4" else CORPUS[ending].content
    (folder_of(run) / f"{run_stem(run)}.{ending}").write_bytes(content)
    kie.resume() if by == "resume" else kie.doctor()

    assert run.wait(WAIT_S).video.read_bytes() == content
    assert names(run) == [run.video.name]
    kie.doctor()
    assert run.video.read_bytes() == content


@pytest.mark.parametrize("by", ["resume", "doctor"])
def test_the_half_beside_a_whole_file_goes(shop, by):
    """The process died after it had named the whole file and before it had removed the half of an earlier try."""
    service = shop(b"")
    run, _ = fails()
    service.reply = gone
    (folder_of(run) / f"{run_stem(run)}.mp4").write_bytes(GOOD)
    (folder_of(run) / f"{run_stem(run)}.received.mp4").write_bytes(GOOD[:2000])
    kie.resume() if by == "resume" else kie.doctor()

    assert run.wait(WAIT_S).video.read_bytes() == GOOD
    assert names(run) == [run.video.name]


@pytest.mark.parametrize("by", ["resume", "doctor"])
@pytest.mark.parametrize("left", ["name", "incoming"])
@pytest.mark.parametrize("now", ["cut end", "damaged middle"])
def test_less_does_not_take_the_place_of_a_whole_file(shop, now, left, by):
    """The first download was whole, and its process died; the service has half of it by now."""
    service = shop(b"")
    run, _ = fails()
    name = f"{run_stem(run)}.mp4" + ("" if left == "name" else f".1.{dead_process()}.incoming")
    (folder_of(run) / name).write_bytes(GOOD)
    service.serve(CORPUS[now].content)
    kie.resume() if by == "resume" else kie.doctor()
    run.wait(WAIT_S)

    assert GOOD in [path.read_bytes() for path in folder_of(run).iterdir()]
    assert (run.video.read_bytes(), run.damage) == (GOOD, ())


def test_a_download_of_another_container_is_let_alone(shop):
    """Its process has a number that nobody has here."""
    service = shop(b"")
    run, _ = fails()
    number = dead_process().split("-")[1]
    live = folder_of(run) / f"{run_stem(run)}.mp4.1.{'0' * 12}-{number}-5.incoming.part"
    live.write_bytes(HURT[:5000])
    service.serve(GOOD)
    kie.resume()
    run.wait(WAIT_S)
    assert live.exists()
    os.utime(live, (time.time() - 120, time.time() - 120))
    kie.doctor()
    assert live.exists()


def test_a_half_of_a_video_is_worth_more_than_junk(shop):
    """What broke off first was larger, and no medium."""
    service = shop(GOOD)
    contents = iter([os.urandom(len(GOOD) + n) for n in range(5)] + [GOOD[: 100 * n] for n in range(20, 99)])
    service.reply = lambda request, _n: request.answer(next(contents), length=len(GOOD) * 3)
    run, _ = fails()
    service.reply = gone
    kie.resume()
    run.wait(WAIT_S)
    assert run.video.suffix == ".mp4", names(run)


def test_what_the_doctor_had_fetched_when_it_died(shop):
    """It lies in a folder of its own; the link is dead since."""
    service = shop(b"")
    run, _ = fails()
    service.reply = gone
    apart = folder_of(run) / ".again-0123abcd"
    apart.mkdir()
    (apart / f"{run_stem(run)}.mp4").write_bytes(GOOD)
    old = time.time() - 7200
    os.utime(apart, (old, old))
    os.utime(apart / f"{run_stem(run)}.mp4", (old, old))
    kie.doctor()
    assert run.wait(WAIT_S).video.read_bytes() == GOOD
