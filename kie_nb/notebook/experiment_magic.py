"""`%%kie_wan --experiment NAME`: the same cell asks for a whole grid."""

from __future__ import annotations

import re
from typing import Any

from ..catalogue import in_turn
from ..engine.waiting import warn_about_nest_asyncio
from ..errors import InvalidRequest, KieError
from ..experiment.experiment import Experiment
from ..notice import say_simulator_once
from ..presence import has_widgets, must_wait
from . import showing
from .experiment_card import show_experiment
from .line import Line
from .output import Output

NOT_FOR_GRIDS = ("fresh", "embed", "quiet")


def run_experiment(
    output: Output, asked: Line, prompt: str | None, wanted: dict[str, Any]
) -> Experiment | None:
    """Define, price and run the experiment that the line asks for.

    Returns:
        The experiment; None for `--dry-run`, which shows its plan.
    """
    _check(asked)
    axes = dict(asked.axes or {})
    usual = {"fit": False, "keep_metadata": False, "check_image": True}
    wanted = {name: value for name, value in wanted.items() if usual.get(name, ...) is not value}
    raw, call_back_url = wanted.pop("raw", None) or {}, wanted.pop("call_back_url", None)
    for name in [name for name in asked.media if isinstance(wanted.get(name), list)]:
        wanted |= in_turn(asked.model, name, wanted.pop(name))  # in a grid a list is an axis
    options = {name for name, value in {"prompt": prompt, **wanted}.items() if value is not None}
    twice = [name for name in (*axes, *raw) if (name in axes) + (name in raw) + (name in options) > 1]
    if twice:
        raise InvalidRequest(
            f"{twice[0]} is given twice.", hint="keep one of --sweep, --seeds, --set and the option"
        )
    fields = {
        name: value for name, value in {**wanted, **raw}.items() if value is not None and name not in axes
    }
    shape: dict[str, Any] = {"zip": asked.zip, "repeats": asked.repeats or 1}
    exp = Experiment(str(asked.experiment), prompt=prompt, **{**shape, **fields, **axes})
    say_simulator_once()
    if asked.dry_run:
        output.set(exp)
        showing.show_value(exp.plan())
        return None
    warn_about_nest_asyncio()
    given = {"max_credits": asked.max_credits, "stop_after_failures": asked.stop_after_failures}
    limits: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    try:
        how = {"partial": asked.partial, "retry_failed": asked.retry_failed, "extend": asked.extend}
        exp.run(call_back_url=call_back_url, **how, **limits)
    except KieError:
        if exp.runs:  # of earlier
            output.set(exp)
        raise
    output.set(exp)
    waits = must_wait(asked.wait)
    if waits and not has_widgets():  # without a live card it is shown as it ends
        exp.wait()
    show_experiment(exp)
    showing.mark_experiment(exp.name)
    if waits:
        exp.wait()
    return exp


def _check(asked: Line) -> None:
    """Refuse what is for one request alone."""
    for name in NOT_FOR_GRIDS:
        if getattr(asked, name):
            raise InvalidRequest(
                f"--{name.replace('_', '-')} does not go with --experiment.",
                hint="an experiment buys its missing cells and shows one card",
            )
    seed = str(asked.fields.get("seed", ""))
    if re.fullmatch(r"\d+ *[-,][\d ,-]+", seed):
        raise InvalidRequest("--seed takes one number.", hint=f"--seeds {seed} makes them an axis")
