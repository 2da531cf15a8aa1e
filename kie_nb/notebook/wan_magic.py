"""`%%kie_wan`: a prompt in, a run out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from .. import frontend
from ..addresses import shareable_value
from ..catalogue import NO_SEED_SHORT, nearest
from ..engine.waiting import warn_about_nest_asyncio
from ..errors import BadImage, InvalidRequest, KieError
from ..handles import DryRun, Run, Started, get_session
from ..ledger.states import State
from ..notice import say_simulator_once
from ..presence import must_wait
from ..requests.sources import is_url
from ..text import say
from ..video import PICTURES
from . import showing
from .card import Card
from .cell_variables import Filler
from .line import Line, parse, with_options_below
from .notes import note_of
from .options import help_text
from .output import Output

if TYPE_CHECKING:
    from ..experiment.experiment import Experiment
    from ..settings import Embed


def kie_wan(
    ipython: Any, line: str, cell: str | None, local: Mapping[str, Any] | None = None
) -> Run | Experiment | None:
    """What `%kie_wan` and `%%kie_wan` do.

    Args:
        local: The variables of the function that the line stands in.

    Returns:
        The run, or the experiment; None only for `--help` and `--dry-run`.
    """
    # A closing semicolon is IPython's sign for "show no value", not a part of the prompt.
    if cell is None:
        line = line.rstrip().removesuffix(";")
    else:
        line, cell = with_options_below(line, cell)
    variables = {**ipython.user_ns, **(local or {})}
    asked = parse(line, variables)
    if asked.help:
        say(help_text(asked.model))
        return None
    if asked.output is not None and asked.output == asked.image:
        raise InvalidRequest(
            f"-o {asked.output} would overwrite the picture.", hint="choose another name for the run"
        )
    output = Output(ipython.user_ns, asked.output)
    try:
        return _asked_for(variables, asked, cell, output)
    except KieError as exc:
        if not asked.dry_run:
            output.clear(exc)
        raise


def _asked_for(
    variables: dict[str, Any], asked: Line, cell: str | None, output: Output
) -> Run | Experiment | None:
    prompt = _prompt(asked, cell, variables)
    wanted: dict[str, Any] = {
        "model": asked.model,
        "image": _picture(asked.image, variables),
        **{name: _several(given, variables) for name, given in asked.media.items()},
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
        self.must_wait = must_wait(asked.wait)
        self.card: Card | None = None
        self.handle: Any = None
        self.needs_end = False  # a card shows the end by itself; a static display is replaced
        self.how = self.note = ""

    def run(self, prompt: str | None, wanted: dict[str, Any]) -> Run:
        limits: dict[str, Any] = {"fresh": self.asked.fresh, "max_credits": self.asked.max_credits}
        try:
            run = get_session().start(prompt, on_start=self._show, **limits, **wanted).run
            if self.must_wait:
                run.wait()
                if self.needs_end:
                    showing.final(run, how=self.how, note=self.note, embed=self.embed, handle=self.handle)
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
        if self.asked.quiet:
            showing.mark(run)
            return
        self.how, self.note, was_final = started.how, note_of(run, started.how), run.is_final
        self.handle = showing.present(
            run, how=self.how, note=self.note, embed=self.embed, is_waited_for=self.must_wait
        )
        self.card = self.handle if isinstance(self.handle, Card) else None
        self.needs_end = self.card is None and not was_final


def _prompt(asked: Line, cell: str | None, variables: dict[str, Any]) -> str | None:
    body = (cell or "").strip()
    if asked.prompt:
        _refuse_picture(asked, variables, has_body=bool(body))
    if body and asked.prompt:
        raise InvalidRequest(
            f"There is a prompt on the line ({asked.prompt[:40]!r}) and one in the body.",
            hint="keep the one in the body",
        )
    prompt = body or asked.prompt
    if not prompt or not asked.format:
        return prompt or None
    return Filler(variables=variables, kept=tuple(asked.axes or ())).text(prompt)


def _refuse_picture(asked: Line, variables: dict[str, Any], *, has_body: bool) -> None:
    """A picture that stands on the line without `--image` would be bought as a prompt."""
    text, first = asked.prompt, asked.prompt.split(maxsplit=1)[0]
    if _is_picture(text) and (text == first or Path(text).expanduser().is_file()):
        what = "a picture"
    elif _is_picture(first) and Path(first).expanduser().is_file():
        text, what = first, "a picture"
    elif has_body and asked.image is None and text in variables:
        what = "a variable"
    else:
        return
    shown = f'"{text}"' if " " in text else text
    hint = f"write --image {shown}" if asked.image is None else "one picture is sent: keep the one of --image"
    raise InvalidRequest(f"{text} is {what}, not a prompt.", hint=hint)


def _is_picture(text: str) -> bool:
    return Path(text).suffix[1:].lower() in {*PICTURES, "jpeg", "heif"}


def _picture(text: Any, variables: dict[str, Any]) -> Any:
    """A path or a URL as it is; a name that is not a file but a variable means its value."""
    if not isinstance(text, str) or is_url(text) or not text.isidentifier() or Path(text).is_file():
        return text
    if text not in variables and Path(text).exists():  # a folder, which is told as such
        return text
    if text not in variables:
        raise BadImage(
            f"There is no file and no variable {text!r}{nearest(text, variables)}",
            hint="--image takes a path, a URL or a variable",
        )
    return variables[text]


def _several(given: Any, variables: dict[str, Any]) -> Any:
    """A medium, or those of an option that was repeated; a variable may hold several itself."""
    if not isinstance(given, list):
        return _picture(given, variables)
    found = [_picture(one, variables) for one in given]
    return [one for each in found for one in (each if isinstance(each, list | tuple) else [each])]


def _show_dry_run(found: DryRun) -> None:
    """The exact JSON, the estimate, and what there is already."""
    lines = [
        f"POST createTask at {found.who} (nothing was sent)",
        json.dumps(shareable_value(found.body), indent=2, ensure_ascii=False),
    ]
    if shareable_value(found.body) != found.body:
        lines.append("(a password or a signature in an address is sent, and not shown here)")
    if found.picture and found.picture.width:
        picture = found.picture
        lines.append(
            f"image: {picture.label}, {picture.width} × {picture.height}, {picture.bytes / 1000:.0f} kB"
        )
    if found.has_no_seed:
        lines.append(f"seed: {NO_SEED_SHORT}")
    if found.seed_is_drawn:
        lines.append("seed: drawn anew for this look; give --seed to fix it")
    lines.append(f"estimate: {found.estimate or 'price not known here'}")
    if found.service == "simulator":
        lines[-1] += "; the simulator charges nothing"
    lines += [f"kie_nb: {text}" for text in found.warnings]
    earlier = {"earlier runs of this request": found.same, "with other seeds": found.other_seeds}
    for title, runs in earlier.items():
        lines += [f"{title}: {len(runs)}"] * bool(runs)
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
