"""`kie-nb run FILE`: run an experiment to its end unattended, with a progress bar or log lines, and an exit code."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from pathlib import Path

from ..errors import WaitInterrupted
from ..ledger.states import State
from ..notice import say_simulator_once
from ..operations.integrity import troubles
from ..text import in_line, say
from .experiment import Experiment
from .report import check_name

LOOK_S, LOG_S = 1.0, 30.0
MOST_NAMED = 4
DONE, NOT_ALL_DONE, INTERRUPTED = 0, 3, 130


def run(
    file: str | os.PathLike[str],
    *,
    max_credits: float | None = None,
    plan: bool = False,
    retry_failed: bool = False,
    extend: bool = False,
    report: str | os.PathLike[str] | None = None,
    allow_outside: bool = False,
) -> int:
    """Run the experiment in *file*, or only print its plan; write a report of it to *report* unless it was interrupted.

    Returns:
        0 when every cell has its video on disk, 3 when some have not (the last lines say why), 130 when it was interrupted.

    Raises:
        KieError: it could not begin; nothing was sent.
    """
    exp = Experiment.load(Path(file), allow_outside=allow_outside)
    if report is not None:
        check_name(Path(report))  # before anything is bought
    say_simulator_once()
    if plan:
        say(exp.plan())
        return DONE
    try:
        exp.run(max_credits=max_credits, retry_failed=retry_failed, extend=extend)
        _watch(exp)
    except (KeyboardInterrupt, WaitInterrupted):
        exp.stop()
        advice = "Nothing more is bought; what was sent goes on: run it again to fetch it."
        say(f"{exp.name}: {exp.status()!r}. {advice}")
        return INTERRUPTED
    status, is_whole = exp.status(), _are_on_disk(exp)
    say(f"{exp.name}: {status!r}")
    if report is not None:
        say(f"Report: {exp.report(report)}")
    return DONE if is_whole and status.done == status.cells else NOT_ALL_DONE


def _watch(exp: Experiment) -> None:
    """A bar on a terminal; in a log, a line now and then."""
    from tqdm import tqdm

    is_terminal = sys.stdout.isatty()
    columns, lines = shutil.get_terminal_size()  # tqdm's own shows nothing where a terminal tells no size
    tqdm.set_lock(threading.RLock())  # its own is for several processes, and may start one
    due = time.monotonic() + (0 if is_terminal else LOG_S)
    with tqdm(
        desc=in_line(exp.name),
        total=exp.status().cells,
        file=sys.stdout,
        disable=not is_terminal,
        leave=False,
        ncols=columns - 1,
        nrows=lines,
        ascii=".#",
        bar_format="{desc} [{bar:24}]{postfix}",
    ) as bar:
        while exp.is_running:
            if time.monotonic() >= due:
                status = exp.status()
                due = time.monotonic() + (LOOK_S if is_terminal else LOG_S)
                bar.n = status.done
                bar.set_postfix_str(repr(status))
                if not is_terminal:
                    say(f"{exp.name}: {status!r}")
            time.sleep(0.05)


def _are_on_disk(exp: Experiment) -> bool:
    """Whether the videos that were made are on disk; those that are not, or are damaged, are named."""
    made = [run for run in exp.runs if run.state is State.FETCHED]
    gone = [path.name for run in made for path in troubles(run)]
    damaged = [f"{run.label} ({' '.join(run.damage)})" for run in made if run.damage]
    late = [f"file {number + 1} of {run.label}" for run in made for number in run.missing]
    for what, names, advice in (
        ("not on disk as fetched", gone, "Nothing is bought for that; `kie-nb doctor` fetches it again."),
        ("damaged as the service sent it", damaged, "The files are kept."),
        ("not on disk yet", late, "Nothing is bought for that; run it again while the links live."),
    ):
        if names:
            more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
            say(f"{what}: {', '.join(names[:MOST_NAMED])}{more}. {advice}")
    return not gone and not late
