"""`%kie`: housekeeping. Each command is one function of the session, and one table or line on the screen."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from typing import Any

from IPython import get_ipython

from .. import api, notice, tables
from .. import settings as settings_
from ..catalogue import nearest
from ..engine.record import Record
from ..errors import AuthError
from ..handles import Run, get_session
from ..ledger.states import OPEN, UNSETTLED, State
from ..paths import shown_path
from ..presence import must_wait
from ..text import say
from ..wording import Lists
from . import files_magic, guides, models_magic, money_magic, open_magic, page, showing
from .files_magic import mistake, show_bundle, show_table, split


def kie(_ipython: Any, line: str) -> Any:
    """What `%kie COMMAND` does."""
    words = line.split()
    name = words[0] if words else "help"
    if name in {"--help", "-h"}:
        name = "help"
    if name not in COMMANDS:
        raise mistake(
            f"There is no %kie {name}{nearest(name, COMMANDS)}", f"commands are: {', '.join(COMMANDS)}"
        )
    if name in OF_THE_LEDGER:
        for text in get_session().here.untold():
            say(f"kie_nb: {text}")
    return COMMANDS[name](words[1:])


def _status(_words: list[str]) -> None:
    """Who answers, where the files are, what is open"""
    current, ledger = settings_.current(), get_session().here
    is_free = current.service == "simulator"
    who, where = current.who.partition(" at ")[::2]
    found = ledger.counts()
    open_ = sum(each.runs for each in found if each.state in OPEN)
    unsure = sum(each.runs for each in found if each.state in UNSETTLED)
    here = [each for each in found if each.service == current.service]
    silent = sum(each.runs - each.told for each in here if each.state == State.FETCHED)
    which = [f"{open_} open"] * bool(open_) + [f"{unsure} with an unknown outcome"] * bool(unsure)
    spent = page.money(sum(each.credits for each in here))
    if silent:
        spent += f", and {tables.counted(silent, 'run')} whose cost was not reported"
    ledger.untold()  # told below
    costs = "free, videos marked SIMULATED" if is_free else "paid"
    runs = sum(each.runs for each in found) or "none yet"
    rows: list[tuple[str, str]] = [
        ("service", f"{who}, {costs}{f', at {where}' if where else ''}"),
        ("key", _key(current)),
        ("folder", shown_path(current.home)),
        *([("files", current.files)] if current.files else ()),
        ("runs", f"{runs}{', of which ' if which else ''}{' and '.join(which)}"),
        ("reported cost", "none: the simulator is free" if is_free else spent),
        *(("remark", text) for text in ledger.remarks),
    ]
    show_table(("", ""), rows, caption="kie_nb", wide=1)
    if open_ and (left := _left_open()):
        say(f"`%kie resume` takes up {tables.counted(left, 'run')} that nobody is at work on.")


def _left_open() -> int:
    """How many open runs neither this kernel nor another living process drives."""
    supervisor, ledger = get_session().supervisor, get_session().here
    runs = [Record(row, ledger) for row in ledger.runs(states=OPEN, limit=None)]
    return sum(not supervisor.is_driven(run) and not ledger.leases.is_others(run.row) for run in runs)


def _key(current: settings_.Settings) -> str:
    if current.withheld_from:
        return f"from {current.key_source}, not sent to {current.withheld_from}"
    if current.key:
        return f"from {current.key_source}, not shown"
    return "none needed" if current.embedded else "none"


def _runs(words: list[str]) -> None:
    """The runs of this folder, newest first: `%kie runs 20`, `%kie runs text="blue sky" state=unknown tag=good rating=4 since=2026-11-01`"""
    limit, filters = 50, dict[str, Any]()
    for word in split(words):
        name, mark, value = word.partition("=")
        if word.isdigit() and int(word) > 0:
            limit = int(word)
        elif mark and name in RUN_FILTERS and value and (name not in _NUMBERS or value.isdecimal()):
            filters[name] = int(value) if name in _NUMBERS else value
        else:
            raise mistake(
                f"%kie runs {word}: use a number of runs or a filter.",
                f"filters are {', '.join(f'{name}=…' for name in RUN_FILTERS)}",
            )
    found = api.runs(limit=limit, **filters)
    if not found:
        say("No runs match." if filters else "No runs yet in this folder.")
    else:
        showing.show_value(found)


RUN_FILTERS = ("text", "model", "state", "seed", "tag", "rating", "experiment", "by", "since")
_NUMBERS = ("seed", "rating")


def _show_run(words: list[str]) -> Run:
    """Show a run's card or video in this cell: `%kie show ID`, or the name of the variable that holds it"""
    if len(words) != 1:
        raise mistake(
            "%kie show needs the id of a run.", "%kie runs lists them; its first characters will do"
        )
    held = getattr(get_ipython(), "user_ns", {}).get(words[0])
    run = held if isinstance(held, Run) else get_session().get(words[0])
    showing.show(run)
    if must_wait(None) and not run.is_final:
        run.wait()
        showing.final(run)
    return run


def _panel(_words: list[str]) -> Any:
    """A form, the queue and the finished runs in one widget"""
    from .panel import panel

    return panel()


def _use(words: list[str]) -> None:
    """Choose who answers from now on: `%kie use kie` or `%kie use simulator`"""
    if len(words) != 1 or words[0] not in {"kie", "simulator"}:
        raise mistake("%kie use: choose kie or simulator.")
    if words[0] == "kie":
        settings_.require_key(settings_.current("kie"))  # before anything is switched
    settings_.configure(service=words[0])
    if words[0] == "simulator":
        notice.is_new("simulator")  # it is said here, in other words
        say("The simulator answers from now on: its videos are free and marked SIMULATED.")
        return
    say(f"{settings_.current().who} answers from now on; runs cost money.")


def _config(_words: list[str]) -> None:
    """All settings and their values"""
    show_table(
        ("setting", "value"),
        settings_.describe(),
        caption="kie_nb settings (change them with kie_nb.configure)",
    )


def _login(_words: list[str]) -> None:
    """Type the Kie.ai key, hidden, for this kernel alone"""
    try:
        key = getpass.getpass("Kie.ai key (hidden, kept in memory only): ").strip()
    except (EOFError, NotImplementedError) as exc:  # Jupyter's own is one of the latter
        raise AuthError(
            "A key can be typed only at a keyboard, and there is none here; nothing has changed.",
            hint="set KIE_API_KEY (environment or .env file) instead",
        ) from exc
    if not key:
        say("No key was given; nothing has changed.")
        return
    settings_.set_key(key)
    say("The key is used in this kernel from now on; %kie credits tests it at no cost.")


def _help(words: list[str]) -> None:
    """Show this list, or a guide"""
    if not words:
        rows = [
            ("make", "%%kie_wan", "Make a video from the prompt in the cell; `%%kie_wan?` shows the options")
        ]
        for task, commands in BY_TASK.items():
            rows += [(task, f"%kie {name}", command.__doc__ or "") for name, command in commands.items()]
        rows.append(("trouble", "%kie help TOPIC", f"A guide: {', '.join(guides.TOPICS)}"))
        once = [
            (task if rows[at - 1][0] != task or not at else "", *rest)
            for at, (task, *rest) in enumerate(rows)
        ]
        show_table(Lists.COMMANDS, once, caption=Lists.HELP, wide=2)
        return
    text = guides.words_of(words[0])
    show_bundle({"text/markdown": text, "text/plain": text})


BY_TASK: dict[str, dict[str, Callable[[list[str]], Any]]] = {
    "make": {"models": models_magic.models, "panel": _panel, "show": _show_run, "use": _use, "login": _login},
    "find": {"runs": _runs, "export": files_magic.export, "import": files_magic.import_},
    "money": {
        "credits": money_magic.credits_,
        "spend": money_magic.spend,
        "budget": money_magic.budget,
        "prices": models_magic.prices,
    },
    "trouble": {
        "status": _status,
        "resume": open_magic.resume,
        "settle": open_magic.settle,
        "doctor": files_magic.doctor,
        "config": _config,
        "help": _help,
    },
}
COMMANDS = {name: command for commands in BY_TASK.values() for name, command in commands.items()}
# What of the ledger's own should be known comes before what they say of it, once; `status` says it at each call.
OF_THE_LEDGER = ("runs", "spend", "budget", "resume", "settle", "show", "panel", "doctor", "export", "import")
