"""`%%kie_wan`: a prompt in, a run out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from .. import frontend, headless
from ..catalogue import nearest
from ..engine.states import State
from ..engine.waiting import warn_about_nest_asyncio
from ..errors import BadImage, InvalidRequest, KieError
from ..handles import DryRun, Run, Started, get_session
from ..notice import say_simulator_once
from ..requests.sources import is_url
from ..text import say
from . import presenter
from .filling import Filler
from .line import Line, parse
from .notes import note_of
from .options import help_text
from .output import Output

if TYPE_CHECKING:
    from ..experiments.experiment import Experiment
    from ..settings import Embed
    from .card import Card


def kie_wan(ipython: Any, line: str, cell: str | None) -> Run | Experiment | None:
    """What `%kie_wan` and `%%kie_wan` do.

    Returns:
        The run, or the experiment; None only for `--help` and `--dry-run`.
    """
    # A closing semicolon is IPython's sign for "show no value", not a part of the prompt.
    asked = parse(line if cell is not None else line.rstrip().removesuffix(";"), ipython.user_ns)
    if asked.help:
        say(help_text(asked.model))
        return None
    if asked.output is not None and asked.output == asked.image:
        raise InvalidRequest(
            f"-o {asked.output} would overwrite the picture.", hint="choose another name for the run"
        )
    output = Output(ipython.user_ns, asked.output)
    try:
        return _asked_for(ipython, asked, cell, output)
    except KieError as exc:
        if not asked.dry_run:
            output.clear(exc)
        raise


def _asked_for(ipython: Any, asked: Line, cell: str | None, output: Output) -> Run | Experiment | None:
    prompt = _prompt(asked, cell, ipython.user_ns)
    wanted: dict[str, Any] = {
        "model": asked.model,
        "image": _picture(asked.image, ipython.user_ns),
        "fit": asked.fit,
        "keep_metadata": asked.keep_metadata,
        "check_image": asked.check_image is not False,
        "raw": asked.raw,
        "call_back_url": asked.call_back_url,
        **asked.fields,
    }
    if asked.experiment:
        from .experiment_magic import run_experiment

        return run_experiment(output, asked, prompt, wanted)
    if asked.dry_run:
        limits: dict[str, Any] = {"fresh": asked.fresh, "max_credits": asked.max_credits}
        _show_dry_run(get_session().dry_run(prompt, **limits, **wanted))
        return None
    warn_about_nest_asyncio()
    run = _Cell(output, asked).run(prompt, wanted)
    return run if cell is None or frontend.takes_results() else None


class _Cell:
    """One execution of the magic."""

    def __init__(self, output: Output, asked: Line) -> None:
        self.output, self.asked = output, asked
        self.embed = cast("Embed | None", asked.embed)
        self.must_wait = headless.must_wait(asked.wait)
        self.card: Card | None = None
        self.is_pending, self.handle = False, None
        self.note = ""

    def run(self, prompt: str | None, wanted: dict[str, Any]) -> Run:
        try:
            started = get_session().start(
                prompt,
                fresh=self.asked.fresh,
                max_credits=self.asked.max_credits,
                on_start=self._show,
                **wanted,
            )
            run = started.run
            if self.must_wait:
                run.wait()
                self._show_end(run)
        except KieError:
            if self.card is not None:
                self.card.leave_error_to_cell()
            raise
        return run

    def _show(self, started: Started) -> None:
        """The run is known: name it, and show it at once."""
        run = started.run
        self.output.set(run)
        for text in started.warnings:
            say(f"kie_nb: {text}")
        say_simulator_once()
        self.note = note_of(started.run, started.how)
        if self.asked.quiet:
            presenter.mark(run)
        elif self.must_wait and not run.is_final and not headless.has_widgets():
            presenter.mark(run)
            self.is_pending = True
            if frontend.has_kernel():  # elsewhere no display can be replaced
                self.handle = presenter.pending(run, note=self.note)
        else:
            self.card = presenter.present(run, note=self.note, embed=self.embed)

    def _show_end(self, run: Run) -> None:
        """A card shows the end by itself; the static display of a headless run is replaced here."""
        if self.is_pending:
            presenter.final(run, note=self.note, embed=self.embed, handle=self.handle)


def _prompt(asked: Line, cell: str | None, variables: dict[str, Any]) -> str | None:
    body = (cell or "").strip()
    if body and asked.prompt:
        raise InvalidRequest(
            f"there is a prompt on the line ({asked.prompt[:40]!r}) and one in the body.",
            hint="keep the one in the body",
        )
    prompt = body or asked.prompt
    if not prompt or not asked.format:
        return prompt or None
    return Filler(variables=variables, kept=tuple(asked.axes or ())).text(prompt)


def _picture(text: Any, variables: dict[str, Any]) -> Any:
    """A path or a URL as it is; a name that is no file but a variable means its value."""
    if not isinstance(text, str) or is_url(text) or not text.isidentifier() or Path(text).is_file():
        return text
    if text not in variables and Path(text).exists():  # a folder, which is told as such
        return text
    if text not in variables:
        raise BadImage(
            f"there is no file and no variable {text!r}{nearest(text, variables)}",
            hint="--image takes a path, a URL or a variable",
        )
    return variables[text]


def _show_dry_run(found: DryRun) -> None:
    """The exact JSON, the estimate, and what there is already."""
    lines = [
        f"POST createTask at {found.who} (nothing was sent)",
        json.dumps(found.body, indent=2, ensure_ascii=False),
    ]
    if found.picture and found.picture.width:
        picture = found.picture
        lines.append(
            f"image: {picture.label}, {picture.width} × {picture.height}, {picture.bytes / 1000:.0f} kB"
        )
    if found.seed_is_drawn:
        lines.append("seed: drawn anew for this look; give --seed to fix it")
    lines.append(f"estimate: {found.estimate or 'price not known here'}")
    if found.service == "simulator":
        lines[-1] += "; the simulator charges nothing"
    lines += [f"kie_nb: {text}" for text in found.warnings]
    for title, runs in (
        ("earlier runs of this request", found.same),
        ("with other seeds", found.other_seeds),
    ):
        lines += [f"{title}: {len(runs)}"] if runs else []
        lines += [
            f"  {run.id[:8]}  {run.created_at:%Y-%m-%d %H:%M}  {run.state}  seed {run.seed}"
            for run in runs[:5]
        ]
    say("\n".join([*lines, *_what_comes(found)]))


def _what_comes(found: DryRun) -> list[str]:
    """What running the cell would do, by the state of the run that it would find."""
    if found.standing is not None:
        return [f"running the cell {_what_comes_of(found.standing)}"]
    if found.refusal is not None:
        message, *rest = found.refusal.lines()
        return [f"running the cell would be refused: {message}", *rest]
    if found.same or found.other_seeds:
        return ["running the cell sends it"]
    return ["no earlier run of this request"]


def _what_comes_of(run: Run) -> str:
    name = f"run {run.id[:8]}"
    if run.state is State.UNKNOWN:
        return (
            f"would be refused until {name} is settled, which may be billed: `%kie show {run.id[:8]}` says how; "
            "--fresh sends it once more and may pay twice"
        )
    if run.state is State.LOST:
        return f"asks the service for the task of {name} once more and spends nothing; --fresh buys another"
    doing = "shows" if run.state is State.FETCHED else "joins"
    return f"{doing} {name} and spends nothing; --fresh buys another"
