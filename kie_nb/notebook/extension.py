"""`%load_ext kie_nb`: registers two magics and their completion. Everything heavy waits for their first use."""

from __future__ import annotations

import re
from typing import Any

from IPython.core.magic import no_var_expand

MAGICS = ("kie_wan", "kie")
_PROMPT_LINE = re.compile(r"^(?P<to>[A-Za-z_][\w, ]*=\s*)?%(?P<name>kie_wan)(?P<rest>[ \t]+\S.*\?)[ \t]*$")

_CELL_LINE = re.compile(r"^%%kie_wan(\s|$)")


def load(ipython: Any) -> None:
    """Register the magics with *ipython*."""
    from .. import settings
    from . import showing

    settings.start_folder()
    showing.install()

    # Not `output_can_be_silenced`: it reads the prompt as Python, and Python 3.12 refuses an apostrophe that stays open.
    @no_var_expand  # `$5` and `{x}` on the line stay as typed
    def kie_wan(line: str, cell: str | None = None, local_ns: dict[str, Any] | None = None) -> Any:
        """Make a video from the prompt in the cell's body: `%%kie_wan --image cat.png --seed 7 -o clip`.

        `%kie_wan --image cat.png "a one-line prompt"` is the line form. `%kie_wan --help` lists all options.
        """
        from .wan_magic import kie_wan as run_it

        return run_it(ipython, line, cell, local_ns)

    kie_wan.getdoc = _help  # type: ignore[attr-defined]  # what `%%kie_wan?` shows
    kie_wan.needs_local_scope = True  # type: ignore[attr-defined]  # of a function that `%kie_wan --format` stands in

    @no_var_expand
    def kie(line: str) -> Any:
        """Housekeeping: `%kie status`, `%kie runs`, `%kie budget`, `%kie panel` and more; `%kie` alone lists all by task."""
        from .kie_magic import kie as run_it

        return run_it(ipython, line)

    ipython.register_magic_function(kie_wan, "line_cell", "kie_wan")
    ipython.register_magic_function(kie, "line", "kie")
    _remove_hooks(ipython)
    ipython.Completer.custom_matchers.append(_matcher(ipython))
    ipython.input_transformers_cleanup.extend(_TRANSFORMS)


def _help() -> str:
    from ..catalogue.models import DEFAULT_MODEL
    from .options import help_text

    return help_text(DEFAULT_MODEL)


def unload(ipython: Any) -> None:
    """Take everything back that `load` did; runs under way go on."""
    for kind in ("line", "cell"):
        for name in MAGICS:
            ipython.magics_manager.magics[kind].pop(name, None)
    from .. import presenter

    presenter.install(None)
    _remove_hooks(ipython)


def _remove_hooks(ipython: Any) -> None:
    matchers, transforms = ipython.Completer.custom_matchers, ipython.input_transformers_cleanup
    matchers[:] = [matcher for matcher in matchers if not getattr(matcher, "is_kie_nb", False)]
    transforms[:] = [transform for transform in transforms if transform not in _TRANSFORMS]


def keep_question_marks(lines: list[str]) -> list[str]:
    """A prompt may end with `?`, which IPython would take for a call for help; `%kie_wan?` still is one."""
    if lines and lines[0].startswith("%%"):
        return lines  # the body belongs to its cell magic: a prompt, or a file to be written
    return [_call(found, line) if (found := _PROMPT_LINE.match(line)) else line for line in lines]


def allow_no_body(lines: list[str]) -> list[str]:
    """`%%kie_wan --help` needs no body; IPython refuses a cell magic without one before we are asked, so it gets an empty line."""
    return [*lines, "\n"] if len(lines) == 1 and _CELL_LINE.match(lines[0]) else lines


def allow_comments_above(lines: list[str]) -> list[str]:
    """Comments and blank lines may stand above `%%kie_wan`, which IPython would take for a line magic then."""
    first = next(
        (place for place, line in enumerate(lines) if line.strip() and not line.lstrip().startswith("#")), 0
    )
    return lines[first:] if lines and _CELL_LINE.match(lines[first]) else lines


# IPython in a terminal asks with the others whether a cell is complete: with a body it would end before one is typed.
allow_no_body.has_side_effects = True  # type: ignore[attr-defined]
_TRANSFORMS = (allow_comments_above, keep_question_marks, allow_no_body)


def _call(found: re.Match[str], line: str) -> str:
    end = "\n" if line.endswith("\n") else ""
    rest = found["rest"].strip()
    if rest in {"?", "??"}:
        return line
    return f"{found['to'] or ''}get_ipython().run_line_magic({found['name']!r}, {rest!r}){end}"


def _matcher(ipython: Any) -> Any:
    from IPython.core.completer import context_matcher

    @context_matcher(identifier="kie_nb")  # type: ignore[untyped-decorator, unused-ignore]
    def complete(context: Any) -> Any:
        line = context.full_text.split("\n")[context.cursor_line]
        if "%kie" not in context.full_text:
            return {"completions": []}
        from .completion import matches

        return matches(
            context.full_text, line[: context.cursor_position - _line_start(context)], ipython.user_ns
        )

    complete.is_kie_nb = True
    return complete


def _line_start(context: Any) -> int:
    """`cursor_position` counts within the line on some IPythons and within the text on others."""
    before = context.full_text.split("\n")[: context.cursor_line]
    start = sum(len(text) + 1 for text in before)
    return start if context.cursor_position > len(context.full_text.split("\n")[context.cursor_line]) else 0
