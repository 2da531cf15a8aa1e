"""`%%kie_wan --experiment NAME`: the same cell asks for a whole grid."""

from __future__ import annotations

from typing import Any

from ..engine.answering import say_simulator_once
from ..engine.bridge import warn_about_nest_asyncio
from ..errors import InvalidRequest
from ..experiments.experiment import Experiment
from . import headless, presenter
from .experiment_card import show_experiment
from .options import Line

NOT_FOR_GRIDS = ("fresh", "embed", "quiet")


def run_experiment(
    ipython: Any, asked: Line, prompt: str | None, wanted: dict[str, Any]
) -> Experiment | None:
    """Define, price and run the experiment that the line asks for.

    Returns:
        The experiment; None for `--dry-run`, which shows its plan.
    """
    for name in NOT_FOR_GRIDS:
        if getattr(asked, name):
            raise InvalidRequest(
                f"--{name} does not go with --experiment.",
                hint="a grid buys its missing cells, and shows one card",
            )
    axes = dict(asked.axes or {})
    twice = [name for name in axes if wanted.get(name) is not None]
    if twice:
        raise InvalidRequest(f"{twice[0]} is given twice.", hint="keep --sweep or --seeds, or the option")
    raw = wanted.pop("raw", None) or {}
    fields = {
        name: value for name, value in {**wanted, **raw}.items() if value is not None and name not in axes
    }
    exp = Experiment(str(asked.experiment), prompt=prompt, **fields, **axes)
    if asked.output:
        ipython.user_ns[asked.output] = exp
    say_simulator_once()
    if asked.dry_run:
        _show(exp.plan())
        return None
    warn_about_nest_asyncio()
    exp.run(max_credits=asked.max_credits, retry_failed=asked.retry_failed, extend=asked.extend)
    if headless.must_wait(asked.wait):
        exp.wait()
    show_experiment(exp)
    presenter.mark_experiment(exp.name)
    return exp


def _show(plan: Any) -> None:
    if not headless.has_kernel():
        print(repr(plan))  # noqa: T201 - a terminal
        return
    from IPython.display import display

    display(plan)
