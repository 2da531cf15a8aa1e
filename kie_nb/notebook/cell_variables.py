"""`--format`: `{name}` in the prompt and in the values of options, filled from the notebook's variables.

The line is cut into options first and filled afterwards, so that a value with blanks, quotes or dashes in it stays one value.
"""

from __future__ import annotations

import string
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ..catalogue import nearest
from ..errors import InvalidRequest

_BRACES = "write {{ and }} for braces that stay"
_FORMATTER = string.Formatter()


@dataclass(frozen=True, kw_only=True, slots=True)
class Filler:
    """Fills from variables.

    Attributes:
        kept: Names that stay as they are: the placeholders of a grid.
    """

    variables: Mapping[str, Any]
    kept: Collection[str] = ()

    def text(self, template: str, *, where: str = "the prompt") -> str:
        """*template* with its names filled."""
        known = {**self.variables, **{name: f"{{{name}}}" for name in self.kept}}
        try:
            return _FORMATTER.vformat(template, (), known)
        except (KeyError, IndexError, ValueError, AttributeError, TypeError) as exc:
            raise self._refusal(exc, where) from None

    def value(self, template: str, *, where: str) -> Any:
        """The value of *template*: the variable itself where it is one name alone, else text."""
        try:
            pieces = list(_FORMATTER.parse(template))
            if len(pieces) == 1 and not pieces[0][0] and pieces[0][1] and not (pieces[0][2] or pieces[0][3]):
                return _FORMATTER.get_field(pieces[0][1], (), self.variables)[0]
        except (KeyError, IndexError, ValueError, AttributeError, TypeError) as exc:
            raise self._refusal(exc, where) from None
        return self.text(template, where=where)

    def _refusal(self, exc: Exception, where: str) -> InvalidRequest:
        if not isinstance(exc, KeyError):
            why = "a number in braces names no variable" if isinstance(exc, IndexError) else str(exc)
            return InvalidRequest(f"--format: {where}: {why}. Nothing was sent.", hint=_BRACES)
        name = str(exc.args[0]) if exc.args else "?"
        return InvalidRequest(
            f"--format: there is no variable {name!r} for {where}{nearest(name, self.variables)} Nothing was sent.",
            hint=f"set it in a cell above; {_BRACES}",
        )
