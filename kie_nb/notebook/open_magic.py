"""`%kie resume` and `%kie settle`: runs left open by a crash, and unknown outcomes. The docstrings are the help."""
# ruff: noqa: D415 - the docstrings are the help, phrases

from __future__ import annotations

from collections.abc import Sequence

from ..errors import KieError
from ..experiment.studies import Studies
from ..handles import Run, get_session
from ..ledger.states import OPEN, WORDS, State
from ..operations.evidence import evidence
from ..presence import must_wait
from ..tables import counted
from ..text import say
from ..wording import Lists
from ..wording.next_steps import LOGS
from .files_magic import mistake

_MOST_TOLD = 5  # experiments, those changed last
SHARED_S = 30.0  # the lines of one list share a look at the balance


def resume(_words: list[str]) -> None:
    """Take up everything open after a restart or a crash, a line each"""
    resumed = get_session().resume()
    unsettled = get_session().unsettled()
    found = [run for run in resumed if run not in unsettled]
    if not found and not unsettled:
        say("Nothing is open.")
    _tell_experiments()
    for run in found:
        say(f"{run.id[:8]}  {_taken_up(run)}")
    for run in unsettled:
        say(f"{run.id[:8]}  {WORDS[run.state]}: {_evidence(run)}")
    if must_wait(None):
        _wait_for(found)
    if any(run.state is State.UNKNOWN for run in (*found, *unsettled)):
        say("`%kie show ID` says how to settle an unknown outcome; it is never sent again by itself.")


def _tell_experiments() -> None:
    """A run is taken up by itself, and what an experiment has not bought yet is not."""
    left = [(study.name, study.status) for study in Studies(get_session(), None) if study.status.missing]
    for name, status in left[:_MOST_TOLD]:
        say(Lists.TO_COME.format(name=name, missing=status.missing, cells=counted(status.cells, "cell")))


def settle(words: list[str]) -> None:
    """Bring the video of a task found at https://kie.ai/logs to the uncertain run that made it: `%kie settle TASK TASK`"""
    if not words:
        raise mistake("%kie settle needs the id of a task.", f"{LOGS} lists them; several may be given")
    settled = []
    for task_id in words:
        try:
            found = get_session().settle(task_id)
        except KieError as exc:
            say("\n".join([f"{task_id}  {exc.message}", *exc.lines()[1:]]))
            continue
        say(f"{found.task_id}  {found.words}")
        settled += [found.run] if found.run is not None else []
    if must_wait(None):
        _wait_for(settled)


def _wait_for(runs: Sequence[Run]) -> None:
    for run in runs:
        if run.state is State.NOT_SENT:
            continue
        try:
            run.wait()
        except KieError as exc:
            say(f"{run.id[:8]}  {exc.message}")
        else:
            say(f"{run.id[:8]}  {_where(run)}")


def _taken_up(run: Run) -> str:
    """What `resume` has done about *run*."""
    if run.state is State.NOT_SENT:
        return "never sent, nothing charged; run its cell to send it"
    if run.state is State.FETCHED:
        return _where(run)
    if run.state in OPEN:
        return f"{WORDS[run.state]}: taken up; `%kie show {run.id[:8]}` shows it"
    return f"{WORDS[run.state]}: {run.error.message if run.error else 'nothing to do'}"


def _where(run: Run) -> str:
    return " ".join((f"{WORDS[run.state]}: {run.video}", *run.remarks))


def _evidence(run: Run) -> str:
    try:
        return evidence(get_session(), run, max_age_s=SHARED_S).short
    except KieError as exc:  # settled meanwhile, or the service does not answer
        return exc.message
