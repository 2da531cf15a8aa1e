"""`kie-nb run FILE`: run an experiment to its end unattended, with a progress bar or log lines, and an exit code."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

from ..errors import KieError, WaitInterrupted
from ..fileops import write_whole
from ..ledger.states import OPEN, WORDS, State
from ..notice import say_simulator_once
from ..operations.integrity import troubles
from ..saved import written
from ..text import in_line, say
from ..wording.next_steps import SHELL, said_in
from . import data
from .experiment import Experiment
from .report import check_name

LOOK_S, LOG_S = 1.0, 30.0
ENDING_S = 3.0
MOST_NAMED, MOST_FAILURES = 4, 10
DONE, NOT_ALL_DONE, INTERRUPTED, TERMINATED = 0, 3, 130, 143


def run(
    file: str | os.PathLike[str],
    *,
    changes: Mapping[str, Any] | None = None,
    allow_outside: bool = False,
    plan: bool = False,
    report: str | os.PathLike[str] | None = None,
    summary: str | os.PathLike[str] | None = None,
    **how: Any,
) -> int:
    """Run the experiment in *file*, or only print its plan.

    Args:
        changes: Values in place of the file's, by name.
        report: Write a report page there, unless it was interrupted.
        summary: Write what came of it there, as JSON, whatever happens.
        **how: The arguments of `Experiment.run`.

    Returns:
        0 when every cell has its video on disk, 3 when some have not (the last lines say why), 130 when it was interrupted,
        143 when it was told to end (SIGTERM).

    Raises:
        KieError: it could not begin; nothing was sent. With *plan*: it would be refused.
    """
    exp: Experiment | None = None
    code, refused = 1, ""
    try:
        exp = Experiment.load(Path(file), allow_outside=allow_outside, changes=changes)
        if report is not None:
            check_name(Path(report))  # before anything is bought
        with _ended_by_sigterm():
            code = _plan(exp, how) if plan else _run(exp, how, report)
    except KieError as exc:
        exc.message, exc.hint = said_in(SHELL, exc.message), said_in(SHELL, exc.hint)
        refused = exc.message
        raise
    finally:
        if summary is not None:
            _write_summary(Path(summary), exp, code, refused)
    return code


def _plan(exp: Experiment, how: Mapping[str, Any]) -> int:
    say_simulator_once()
    plan = exp.plan(**how)
    say(said_in(SHELL, repr(plan)))
    if plan.refused is not None:
        raise plan.refused
    return DONE


def _run(exp: Experiment, how: Mapping[str, Any], report: str | os.PathLike[str] | None) -> int:
    try:
        say_simulator_once()
        exp.run(**how)
        _watch(exp)
    except (KeyboardInterrupt, WaitInterrupted) as exc:
        is_told = isinstance(exc, _Terminated)
        exp.stop("SIGTERM" if is_told else "interrupted")
        _let_sending_end(exp)
        _say_status(exp)
        for line in _named(exp, OPEN):
            say(line)
        say("Nothing more is bought; what was sent goes on and is billed: the same command fetches it.")
        return TERMINATED if is_told else INTERRUPTED
    is_whole = _are_on_disk(exp)
    if report is not None:
        say(f"Report: {exp.report(report)}")
    status = _say_status(exp)
    for line in _named(exp, frozenset(State) - OPEN - {State.FETCHED}):
        say(line)
    return DONE if is_whole and status.done == status.cells else NOT_ALL_DONE


class _Terminated(KeyboardInterrupt):
    """SIGTERM, which SLURM, Docker and systemd send."""


@contextlib.contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """A SIGTERM is to the block what Ctrl+C is, once."""
    if threading.current_thread() is not threading.main_thread():  # which alone may say what a signal does
        yield
        return

    def end(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN)  # one is enough: the last lines are still to be written
        raise _Terminated

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _let_sending_end(exp: Experiment) -> None:
    """Requests on their way get their answers; whoever sent SIGTERM kills in some seconds."""
    until = time.monotonic() + ENDING_S
    while time.monotonic() < until and {State.INTENT, State.SENDING} & {run.state for run in exp.runs}:
        time.sleep(0.05)


def _say_status(exp: Experiment) -> Any:
    status = exp.status()
    say(said_in(SHELL, f"{exp.name}: {status!r}"))
    return status


def _named(exp: Experiment, states: frozenset[State]) -> Iterator[str]:
    """A line for each run in one of *states*: its state, id, place and reason."""
    found = [(place, run) for place, run in exp.cells() if run is not None and run.state in states]
    for place, run in found[:MOST_FAILURES]:
        reason = said_in(SHELL, str((run.row.error or {}).get("message") or ""))
        words = f"{WORDS[run.state]}: run {run.id[:8]} ({data.in_words(place)})"
        yield in_line(f"{words}: {reason}" if reason else words)
    if len(found) > MOST_FAILURES:
        yield f"and {len(found) - MOST_FAILURES} more: --json FILE lists them all"


def _write_summary(path: Path, exp: Experiment | None, code: int, refused: str) -> None:
    """What came of it, for a program."""
    found: dict[str, Any] = {"exit_code": code, "refused": refused or None}
    if exp is not None:
        status = exp.status()
        counts = ("done", "failed", "open", "unsettled", "missing")
        money = ("spent", "reserved", "at_risk", "estimate")
        found |= {
            "experiment": exp.name,
            "cells": status.cells,
            **{name: getattr(status, name) for name in counts},
            **{f"credits_{name}": getattr(status, name) for name in money},
            "is_simulated": status.is_simulated,
            "stopped": status.stopped or None,
            "runs": data.plain_rows(exp.lines()),
        }
    with written(path) as target:
        write_whole(target, (json.dumps(found, ensure_ascii=False, indent=2) + "\n").encode())


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
