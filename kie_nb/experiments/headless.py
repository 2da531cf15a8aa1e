"""`kie-nb run FILE`: an experiment to its end where nobody watches, with a line of progress and an exit code."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from ..engine.answering import say_simulator_once
from ..errors import WaitInterrupted
from .experiment import Experiment
from .report import check_name

LOOK_S = 1.0
DONE, NOT_ALL_DONE, INTERRUPTED = 0, 3, 130


def run(
    file: str | os.PathLike[str],
    *,
    max_credits: float | None = None,
    plan: bool = False,
    retry_failed: bool = False,
    extend: bool = False,
    report: str | os.PathLike[str] | None = None,
) -> int:
    """Run the experiment in *file*, or only print its plan; write a report of it to *report* unless it was interrupted.

    Returns:
        0 when every cell has its video, 3 when some have not (the last line says which kinds), 130 when it was interrupted.

    Raises:
        KieError: it could not begin; nothing was sent.
    """
    exp = Experiment.load(Path(file))
    if report is not None:
        check_name(Path(report))  # before anything is bought
    say_simulator_once()
    if plan:
        print(exp.plan())  # noqa: T201 - asked for by word
        return DONE
    exp.run(max_credits=max_credits, retry_failed=retry_failed, extend=extend)
    try:
        _watch(exp)
    except (KeyboardInterrupt, WaitInterrupted):
        exp.stop()
        _say(
            f"{exp.status()!r}. Nothing more is bought; what was sent goes on: run it again to fetch it.",
            "\n",
        )
        return INTERRUPTED
    status = exp.status()
    _say(f"{exp.name}: {status!r}", "\n")
    if report is not None:
        print(f"report: {exp.report(report)}")  # noqa: T201 - asked for by word
    return DONE if status.done == status.cells else NOT_ALL_DONE


def _watch(exp: Experiment) -> None:
    is_terminal = sys.stdout.isatty()
    while exp.is_running:
        if is_terminal:
            _say(f"{exp.name}: {exp.status()!r}", "")
        until = time.monotonic() + LOOK_S
        while exp.is_running and time.monotonic() < until:
            time.sleep(0.05)


def _say(text: str, end: str) -> None:
    """A line that takes the place of the one before on a terminal; in a log each stands for itself."""
    start = "\r\x1b[2K" if sys.stdout.isatty() else ""
    sys.stdout.write(f"{start}{text}{end}")
    sys.stdout.flush()
