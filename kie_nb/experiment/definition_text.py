"""A definition as TOML that people read and change: a list a line, and the comments, order and notation of the file it was read from."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

from ..errors import InvalidRequest
from .definition_file import checked

_LONG_RUN = 20  # of whole numbers, which are written as a range


def to_toml(wanted: Mapping[str, Any], source: str = "") -> str:
    """*wanted*, as `Definition.to_json` gives it, as TOML; what of *source* means the same stays as it is written."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    if source:
        try:
            text = tomlkit.dumps(_updated(source, wanted))
            if _means(text, wanted):
                return text
        except (TOMLKitError, InvalidRequest, ValueError):  # it is not a definition any more
            pass
    document = tomlkit.document()
    for name, value in wanted.items():
        document.add(name, _item(name, value))
    return tomlkit.dumps(document)


def _updated(source: str, wanted: Mapping[str, Any]) -> Any:
    import tomlkit

    document, before = tomlkit.parse(source), checked(tomllib.loads(source))
    for name in [name for name in document if name not in wanted]:
        del document[name]
    for name, value in wanted.items():
        if name not in document or not isinstance(value, Mapping):
            if name not in document or before[name] != value:
                document[name] = _item(name, value)
            continue
        table: Any = document[name]
        for key in [key for key in table if key not in value]:
            del table[key]
        for key, one in value.items():
            if before[name].get(key) != one:
                table[key] = _item(name, one)
    return document


def _means(text: str, wanted: Mapping[str, Any]) -> bool:
    """Whether *text* says *wanted*; the order of axes is that of the cells."""
    found = {"fixed": {}, "axes": {}, **checked(tomllib.loads(text))}
    return found == wanted and [*found["axes"]] == [*wanted["axes"]]


def _item(section: str, value: Any) -> Any:
    """*value* as it is written in a *section*."""
    import tomlkit

    if isinstance(value, Mapping):
        is_table = section in {"fixed", "axes"} or (section == "when" and any(map(_is_table, value.values())))
        table = tomlkit.table() if is_table else tomlkit.inline_table()
        for name, one in value.items():
            table.add(
                name,
                _item("" if section == "when" else section, one) if _is_table(one) else _value(section, one),
            )
        return table
    return _value(section, value)


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping)


def _value(section: str, value: Any) -> Any:
    import tomlkit

    if isinstance(value, str):
        return tomlkit.string(value, multiline="\n" in value)
    if not isinstance(value, list):
        return tomlkit.item(value)
    if section == "axes" and len(value) > _LONG_RUN and all(type(one) is int for one in value):
        first, last = value[0], value[-1]
        if value == list(range(first, last + 1)):
            return _item("", {"range": [first, last + 1]})
    array = tomlkit.array()
    for one in value:
        array.append(_item("", one))
    return array.multiline(any(map(_is_table, value)))
