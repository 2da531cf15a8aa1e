"""`%kie`: housekeeping. Each command is one function of the session, and one table or line on the screen."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Sequence
from typing import Any

from .. import _api
from .. import settings as settings_
from ..catalogue import USD_PER_CREDIT, nearest
from ..engine import Run, get_session, tables
from ..engine.answering import simulator_was_said
from ..engine.states import OPEN, State
from ..errors import InvalidRequest
from ..ledger.money import Figures
from . import files_magic, headless, open_magic, page, presenter
from .files_magic import split


def kie(_ipython: Any, line: str) -> Any:
    """What `%kie COMMAND` does.

    Raises:
        InvalidRequest: for a command that does not exist.
    """
    words = line.split()
    name = words[0] if words else "help"
    if name in {"--help", "-h"}:
        name = "help"
    if name not in COMMANDS:
        raise InvalidRequest(
            f"there is no %kie {name}{nearest(name, COMMANDS)}",
            hint=f"commands are: {', '.join(COMMANDS)}",
            charged="",
        )
    return COMMANDS[name](words[1:])


def _status(_words: list[str]) -> None:
    """who answers, where the files are, what is open"""
    current = settings_.current()
    who = {"kie": "Kie.ai, paid", "simulator": "the simulator, free, videos marked SIMULATED"}[
        current.service
    ]
    found = get_session().here.counts()
    open_ = sum(each.runs for each in found if each.state in OPEN)
    unsure = sum(each.runs for each in found if each.state in {State.UNKNOWN, State.LOST})
    here = [each for each in found if each.service == current.service]
    spent = sum(each.credits for each in here)
    silent = sum(each.runs - each.told for each in here if each.state == State.FETCHED)
    rows: list[tuple[str, str]] = [
        ("service", who if current.embedded or current.service == "kie" else f"{who}, at {current.base_url}"),
        (
            "key",
            f"from {current.key_source}, not shown"
            if current.key
            else "none needed"
            if current.embedded
            else "none",
        ),
        ("folder", page.relative(current.home) or str(current.home)),
        ("runs", _counts(sum(each.runs for each in found), open_, unsure)),
        ("reported cost", _spent(current.service, spent, silent)),
        *(("remark", text) for text in get_session().here.remarks),
    ]
    _show_table(("", ""), rows, caption="kie_nb", wide=1)
    if open_:
        _say("`%kie resume` takes up what is open")


def _counts(runs: int, open_: int, unsure: int) -> str:
    parts = [f"{open_} open"] * bool(open_) + [f"{unsure} with an unknown outcome"] * bool(unsure)
    return f"{runs or 'none yet'}{', of which ' if parts else ''}{' and '.join(parts)}"


def _spent(service: str, amount: float, silent: int) -> str:
    if service == "simulator":
        return "none: the simulator is free"
    return page.money(amount) + (
        f", and {tables.counted(silent, 'run')} whose cost was not reported" if silent else ""
    )


def _runs(words: list[str]) -> None:
    """the runs of this folder, newest first: `%kie runs 20`, `%kie runs text="blue sky" state=unknown tag=good seed=7`"""
    limit, filters = 50, dict[str, Any]()
    for word in split(words):
        name, mark, value = word.partition("=")
        if word.isdigit() and int(word) > 0:
            limit = int(word)
        elif mark and name in RUN_FILTERS and value and (name != "seed" or value.isdecimal()):
            filters[name] = int(value) if name == "seed" else value
        else:
            raise InvalidRequest(
                f"%kie runs {word}: a number of runs is needed, or a filter.",
                hint=f"filters are {', '.join(f'{name}=…' for name in RUN_FILTERS)}",
                charged="",
            )
    found = _api.runs(limit=limit, **filters)
    if not found:
        _say("no runs match" if filters else "no runs yet in this folder")
    elif headless.has_kernel():
        from IPython.display import display

        display(found)
    else:
        _say(repr(found))


RUN_FILTERS = ("text", "model", "state", "seed", "tag", "experiment")


def _spend(words: list[str]) -> None:
    """what runs cost, have reserved and may have cost: `%kie spend day`, `model`, `experiment` or `notebook`"""
    by = words[0] if words else "day"
    if by not in {"day", "model", "experiment", "notebook"}:
        raise InvalidRequest(f"%kie spend {by}: day, model, experiment or notebook is needed.", charged="")
    rows = [
        (
            key or "(none)",
            str(found.runs),
            *(f"{value:g}" for value in _money(found)),
            _unpriced(found.unpriced),
        )
        for key, found in get_session().here.totals(settings_.current().service, by)
    ]
    limits = (
        ", ".join(f"{value:g} per {scope}" for scope, value in get_session().here.limits().items()) or "none"
    )
    is_free = settings_.current().service == "simulator"
    title = f"credits by {by}; budgets: {limits}" + ("; simulated, no money" if is_free else "")
    _show_table(
        (by, "runs", "estimated", "real", "spent", "reserved", "at risk", ""), rows, caption=title, wide=0
    )


def _money(found: Figures) -> tuple[float, ...]:
    return (found.estimated, found.real, found.spent, found.reserved, found.at_risk)


def _unpriced(count: int) -> str:
    return f"and {count} of unknown price" if count else ""


def _credits(_words: list[str]) -> None:
    """the balance at the service"""
    balance = get_session().credits()
    name = "at Kie.ai" if settings_.current().service == "kie" else "of the simulator, which are not money"
    _say(
        f"{balance:g} credits {name}"
        + (f" (${balance * USD_PER_CREDIT:.2f})" if settings_.current().service == "kie" else "")
    )


def _show(words: list[str]) -> Run:
    """show a run's card or video in this cell: `%kie show ID`"""
    if len(words) != 1:
        raise InvalidRequest(
            "%kie show needs the id of a run.",
            hint="%kie runs lists them; its first characters will do",
            charged="",
        )
    run = get_session().get(words[0])
    presenter.show(run)
    if headless.must_wait(None) and not run.is_final:
        run.wait()
        presenter.final(run)
    return run


def _panel(_words: list[str]) -> Any:
    """a form, the queue and the finished runs in one widget"""
    from .panel import panel

    return panel()


def _use(words: list[str]) -> None:
    """choose who answers from now on: `%kie use kie` or `%kie use simulator`"""
    if len(words) != 1 or words[0] not in {"kie", "simulator"}:
        raise InvalidRequest("%kie use needs kie or simulator.", charged="")
    settings_.configure(service=words[0])
    if words[0] == "simulator":
        simulator_was_said()
        _say("the simulator answers from now on: its videos are marked SIMULATED and cost nothing")
        return
    settings_.require_key(settings_.current())
    _say("Kie.ai answers from now on, and runs cost money")


def _config(_words: list[str]) -> None:
    """all settings and their values"""
    _show_table(
        ("setting", "value"),
        settings_.describe(),
        caption="kie_nb settings (change them with kie_nb.configure)",
    )


def _login(_words: list[str]) -> None:
    """type the Kie.ai key, hidden, for this kernel alone"""
    key = getpass.getpass("Kie.ai key (hidden, kept in memory only): ").strip()
    if not key:
        _say("no key was given; nothing has changed")
        return
    settings_.set_key(key)
    _say("the key is used in this kernel from now on; %kie credits tests it at no cost")


def _help(_words: list[str]) -> None:
    """show this"""
    rows = [(f"%kie {name}", command.__doc__ or "") for name, command in COMMANDS.items()]
    _show_table(("command", "what it does"), rows, caption="kie_nb housekeeping", wide=1)


COMMANDS: dict[str, Callable[[list[str]], Any]] = {
    "status": _status,
    "runs": _runs,
    "spend": _spend,
    "resume": open_magic.resume,
    "settle": open_magic.settle,
    "credits": _credits,
    "show": _show,
    "panel": _panel,
    "use": _use,
    "doctor": files_magic.doctor,
    "export": files_magic.export,
    "import": files_magic.import_,
    "config": _config,
    "login": _login,
    "help": _help,
}


def _say(text: str) -> None:
    print(text)


def _show_table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, caption: str, wide: int | None = None
) -> None:
    text = tables.as_text(headings, rows, caption=caption)
    if not headless.has_kernel():
        _say(text)
        return
    from IPython.display import display

    html = tables.as_html(headings, rows, caption=caption, wide=wide)
    display({"text/html": html, "text/plain": text}, raw=True)
