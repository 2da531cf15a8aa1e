"""`%kie`: housekeeping. Each command is one function of the session, and one table or line on the screen."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Sequence
from typing import Any

from .. import api, frontend, notice, tables
from .. import settings as settings_
from ..catalogue import USD_PER_CREDIT, nearest, price_remarks
from ..errors import AuthError
from ..handles import Run, get_session
from ..ledger.money import Figures
from ..ledger.states import OPEN, UNSETTLED, State
from ..paths import shown_path
from ..settings import must_wait
from ..text import say
from . import files_magic, guides, open_magic, page, presenter
from .files_magic import mistake, split


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
    """who answers, where the files are, what is open"""
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
        ("runs", f"{runs}{', of which ' if which else ''}{' and '.join(which)}"),
        ("reported cost", "none: the simulator is free" if is_free else spent),
        *(("remark", text) for text in ledger.remarks),
    ]
    _show_table(("", ""), rows, caption="kie_nb", wide=1)
    if open_:
        say("`%kie resume` takes up the open runs.")


def _key(current: settings_.Settings) -> str:
    if current.withheld_from:
        return f"from {current.key_source}, not sent to {current.withheld_from}"
    if current.key:
        return f"from {current.key_source}, not shown"
    return "none needed" if current.embedded else "none"


def _runs(words: list[str]) -> None:
    """the runs of this folder, newest first: `%kie runs 20`, `%kie runs text="blue sky" state=unknown tag=good rating=4 since=2026-11-01`"""
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
        presenter.show_value(found)


RUN_FILTERS = ("text", "model", "state", "seed", "tag", "rating", "experiment", "since")
_NUMBERS = ("seed", "rating")


def _spend(words: list[str]) -> None:
    """what runs cost, have reserved and may have cost: `%kie spend day`, `model`, `experiment` or `notebook`"""
    by = words[0] if words else "day"
    if by not in {"day", "model", "experiment", "notebook"}:
        raise mistake(f"%kie spend {by}: use day, model, experiment or notebook.")
    service, ledger = settings_.current().service, get_session().here
    rows = [
        (
            key or "(none)",
            str(found.runs),
            f"{found.estimated:g}",
            _real(found),
            *(f"{value:g}" for value in (found.spent, found.reserved, found.at_risk)),
            f"and {found.unpriced} of unknown price" if found.unpriced else "",
        )
        for key, found in ledger.totals(service, by)
    ]
    limits = ", ".join(f"{value:g} per {scope}" for scope, value in ledger.limits().items()) or "none"
    is_free = service == "simulator"
    title = f"credits by {by}; budgets: {limits}" + ("; simulated, no money" if is_free else "")
    headings = (by, "runs", "estimated", "real", "spent", "reserved", "at risk", "")
    _show_table(headings, rows, caption=title, wide=0)
    say(SPEND_WORDS)
    if not is_free:
        reported = ((request.estimate, real) for request, real in ledger.reported(service))
        for text in price_remarks((listed, real) for listed, real in reported if listed is not None):
            say(text)


SPEND_WORDS = (
    "estimated: what was made, at list prices; real: what the service reported of it; spent: the real cost, or the estimate "
    "where none was reported.\nreserved: under way; at risk: of unknown outcome, perhaps billed."
)


def _real(found: Figures) -> str:
    """The reported cost; what was not reported is not 0."""
    if not found.unreported:
        return f"{found.real:g}"
    return f"{found.real:g} and {found.unreported} not reported" if found.real else "?"


def _credits(_words: list[str]) -> None:
    """the balance at the service"""
    balance, current = get_session().credits(), settings_.current()
    if current.service == "kie":
        say(f"{balance:g} credits at {current.who} (${balance * USD_PER_CREDIT:.2f})")
    else:
        say(f"{balance:g} credits of the simulator, which are not money")


def _show_run(words: list[str]) -> Run:
    """show a run's card or video in this cell: `%kie show ID`"""
    if len(words) != 1:
        raise mistake(
            "%kie show needs the id of a run.", "%kie runs lists them; its first characters will do"
        )
    run = get_session().get(words[0])
    presenter.show(run)
    if must_wait(None) and not run.is_final:
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
    """all settings and their values"""
    _show_table(
        ("setting", "value"),
        settings_.describe(),
        caption="kie_nb settings (change them with kie_nb.configure)",
    )


def _login(_words: list[str]) -> None:
    """type the Kie.ai key, hidden, for this kernel alone"""
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
    """show the commands, or a guide: `%kie help TOPIC`"""
    if not words:
        rows = [(f"%kie {name}", command.__doc__ or "") for name, command in COMMANDS.items()]
        _show_table(("command", "what it does"), rows, caption="kie_nb housekeeping", wide=1)
        say(f"Guides, by `%kie help TOPIC`: {', '.join(guides.TOPICS)}")
        return
    text = guides.words_of(words[0])
    _show({"text/markdown": text, "text/plain": text})


COMMANDS: dict[str, Callable[[list[str]], Any]] = {
    "status": _status,
    "runs": _runs,
    "spend": _spend,
    "resume": open_magic.resume,
    "settle": open_magic.settle,
    "credits": _credits,
    "show": _show_run,
    "panel": _panel,
    "use": _use,
    "doctor": files_magic.doctor,
    "export": files_magic.export,
    "import": files_magic.import_,
    "config": _config,
    "login": _login,
    "help": _help,
}
# What of the ledger's own should be known comes before what they say of it, once; `status` says it at each call.
OF_THE_LEDGER = ("runs", "spend", "resume", "settle", "show", "panel", "doctor", "export", "import")


def _show_table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, caption: str, wide: int | None = None
) -> None:
    text = tables.as_text(headings, rows, caption=caption)
    html = tables.as_html(headings, rows, caption=caption, wide=wide)
    _show({"text/html": html, "text/plain": text})


def _show(bundle: dict[str, str]) -> None:
    if not frontend.has_kernel():
        say(bundle["text/plain"])
        return
    from IPython.display import display

    display(bundle, raw=True)
