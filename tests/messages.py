"""Lists every message that a user can meet outside the screens' own strings: `python tests/messages.py [ROOM]`.

Errors (message, what was charged, next step), what is said on standard output, warnings and remarks, each with its place,
so that all of them can be read and reviewed in one sitting. `tests/test_messages.py` holds the rules that a machine can check.
"""

import ast
import functools
import sys
from dataclasses import dataclass
from pathlib import Path

import kie_nb
from kie_nb import errors

PACKAGE = Path(kie_nb.__file__).parent
ERRORS = {
    name
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.KieError)
} | {"mistake"}
SAYERS = {"say", "warn", "_wrong"}


@dataclass(frozen=True, kw_only=True)
class Message:
    """One place that words something.

    Attributes:
        kind: The class of the error, or the function that says it.
        parts: By their names, the template with `{…}` for what is filled in.
    """

    place: str
    kind: str
    parts: dict[str, str]

    @property
    def is_error(self) -> bool:
        return self.kind in ERRORS

    def __str__(self) -> str:
        return "\n".join(
            [f"{self.place}  {self.kind}", *(f"    {name}: {text}" for name, text in self.parts.items())]
        )


def template(node: ast.expr) -> str:
    """The words of an expression, with what is filled in between braces."""
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.JoinedStr(values=values):
            return "".join(map(template, values))
        case ast.FormattedValue(value=value):
            return f"{{{ast.unparse(value)}}}"
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            return template(left) + template(right)
        case ast.IfExp(body=body, orelse=other):
            return f"{template(body)} || {template(other)}"
        case _:
            return f"{{{ast.unparse(node)}}}"


def assigned(tree: ast.Module) -> dict[ast.expr, ast.expr]:
    """For each use of a name as a message, the words that were assigned to it just above in the same function."""
    found: dict[ast.expr, ast.expr] = {}
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        words: dict[str, ast.expr] = {}
        for node in sorted(ast.walk(function), key=lambda node: getattr(node, "lineno", 0)):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                words[node.targets[0].id] = node.value
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Name):
                found[node.args[0]] = words.get(node.args[0].id, node.args[0])
    return found


def _name(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name):
            return name
        case ast.Attribute(attr=name):
            return name
    return ""


@functools.cache
def messages(package: Path = PACKAGE) -> list[Message]:
    """All of them, in the order of the files."""
    found = []
    for path in sorted(package.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        words = assigned(tree)
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or _name(node) not in ERRORS | SAYERS or not node.args:
                continue
            parts = {"text": template(words.get(node.args[0], node.args[0]))}
            if _name(node) == "mistake" and len(node.args) > 1:
                parts["hint"] = template(node.args[1])
            parts |= {
                word.arg: template(word.value) for word in node.keywords if word.arg in {"hint", "charged"}
            }
            where = f"{path.relative_to(package).as_posix()}:{node.lineno}"
            found.append(Message(place=where, kind=_name(node), parts=parts))
    return found


if __name__ == "__main__":
    room = sys.argv[1] if len(sys.argv) > 1 else ""
    print(*(message for message in messages() if message.place.startswith(room)), sep="\n")
