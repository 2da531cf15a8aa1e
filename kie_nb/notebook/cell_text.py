"""A request → the text of the cell that asks for it again; pure.

It is the `%%kie_wan` cell wherever one can say it. The rest is a `kie.generate(...)` call: a prompt that begins with
white space or looks like a console's, which IPython would change on the way, and the repetition of a request.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..catalogue import Request, Role, build_request, describe, find
from ..catalogue.models import DEFAULT_MODEL
from ..errors import KieError
from ..operations.embedded_request import call_of, kept_as, kept_name
from .lexer import tokens
from .line import parse

HOME = "kie-runs"  # the folder beside the notebook, unless another was asked for
_PLAIN = re.compile(r"[\w./:@%+,=&?~\[\]{}()$#!*^|-]+")  # needs no quotes; they would not hurt
# IPython takes the prompts of a console off the lines of any cell that begins with one.
_CONSOLE = re.compile(r"^\s*(>>>|\.\.\.|In \[)", re.MULTILINE)


def cell_text(request: Request, *, picture: str | None = None, inputs: str = f"{HOME}/inputs") -> str:
    """The cell that asks for *request*: run, it has the same fingerprint and shows the same video.

    A callback's address is left out: it may hold a secret, and nobody need be called for a video that is there.

    Args:
        request: Its seed is named always, its model only where it is not the default.
        picture: The path or URL of its picture, in the notebook's words. By default the URL it was given by, or else the
            copy that is kept in kie-runs/inputs, by which the bytes are surely the same.
        inputs: The folder of those copies, in the notebook's words.
    """
    request = replace(request, call_back_url=None)
    if request.image is not None and picture is None:
        picture = request.image.url or kept_name(request, inputs)
    media = {
        role: [named for one in given if (named := one.url or kept_as(one, inputs))]
        for role, given in request.media.items()
    }
    text = f"%%kie_wan {_line(request, picture, media)}".rstrip() + f"\n{request.prompt}"
    return text if _says(text, request, picture, media) else _call(request, picture, inputs)


Named = Mapping[Role, Sequence[str]]


def _line(request: Request, picture: str | None, media: Named) -> str:
    parts = [] if request.model == DEFAULT_MODEL else [f"--model {_quoted(request.model)}"]
    if picture is not None:
        parts.append(f"--image {_quoted(_named(picture) or picture)}")
    for role, paths in media.items():
        parts += [f"--{role.replace('_', '-')} {_quoted(_named(path) or path)}" for path in paths]
    known = {entry.name: entry for entry in describe(request.model)} if find(request.model) else {}
    inputs = {name: value for name, value in request.inputs.items() if name != "prompt"}
    if request.seed is not None:
        inputs["seed"] = request.seed
    for name, value in inputs.items():
        entry = known.get(name)
        if entry is None:
            parts.append(_raw(name, value))
        elif value == entry.default and type(value) is type(entry.default):
            continue
        elif isinstance(value, bool):
            parts.append(f"--{'' if value else 'no-'}{entry.option}")
        else:
            text = value if isinstance(value, str) else json.dumps(value)
            quoted = _quoted(text)
            parts.append(
                f"--{entry.option} {quoted}" if _unquoted(quoted) == text and text else _raw(name, value)
            )
    return " ".join(parts)


def _named(picture: str | None) -> str | None:
    """A bare word would mean a variable of the notebook."""
    return f"./{picture}" if picture is not None and picture.isidentifier() else picture


def _raw(name: str, value: Any) -> str:
    """`--set` takes JSON, in which every character can be spelled in plain letters, the quote around it too."""
    return "--set '{}={}'".format(name, json.dumps(value).replace("'", "\\u0027"))


def _quoted(text: str) -> str:
    """*text* as one piece of the line, if that can be."""
    if _PLAIN.fullmatch(text):
        return text
    quote = "'" if '"' in text else '"'
    return f"{quote}{text}{quote}"


def _unquoted(piece: str) -> str | None:
    """What the line reads *piece* as; None where it is several pieces, or no line."""
    found = tokens(piece)
    return found[0].text if len(found) == 1 and len(piece.splitlines()) == 1 else None


def _says(text: str, request: Request, picture: str | None, media: Named) -> bool:
    """Whether the cell, on its way through front end, IPython and the magic, asks for the same."""
    first, _, body = text.partition("\n")
    line = first.rstrip().partition(" ")[2]
    is_kept = body and body == body.strip() and not _CONSOLE.search(body) and len(first.splitlines()) == 1
    if not is_kept or any(not char.isprintable() and char not in "\n\t" for char in body):
        return False
    try:
        asked = parse(line)
        told = {name: getattr(asked, name) for name in ("model", "fields", "raw")}
        several = {entry.role for entry in describe(request.model) if entry.most > 1} if media else set()
        told["media"] = {
            role: [_named(path) for path in paths] if role in several else _named(paths[-1])
            for role, paths in media.items()
        }
        if asked != replace(
            parse(""), image=_named(picture), **told
        ):  # no other option, which might buy again
            return False
        read = build_request(
            model=asked.model,
            image=request.image,
            media=request.media,
            raw=asked.raw,
            prompt=body,
            **asked.fields,
        )
    except KieError:
        return False
    return read == request


def _call(request: Request, picture: str | None, inputs: str) -> str:
    call = call_of(request, picture=picture, place=lambda one: kept_as(one, inputs))
    why = "# no %%kie_wan cell can say this request word for word"
    if request.replicate:
        why = f"# repetition {request.replicate!r} of a request, which is a request of its own"
    return f"{why}\nimport kie_nb as kie\n\n{call}"
