"""The floors of the house: an import points down, never up, and each library is known to the rooms that may know it."""

import ast
from functools import cache
from pathlib import Path

import pytest

import kie_nb

PACKAGE = Path(kie_nb.__file__).parent
FLOORS = {
    **dict.fromkeys(("errors", "keys", "settings", "notice", "presenter", "paths"), 1),
    **dict.fromkeys(("addresses", "bounds", "fileops", "frontend", "home", "loops", "markup", "presence"), 1),
    **dict.fromkeys(
        ("mailbox", "programs", "saved", "settable", "shared_files", "tables", "text", "version", "wording"),
        1,
    ),
    **dict.fromkeys(("catalogue", "design", "video"), 2),
    "service": 3,
    "ledger": 4,
    **dict.fromkeys(("requests", "stores"), 5),
    "engine": 6,
    "operations": 7,
    "handles": 8,
    "experiment": 9,
    **dict.fromkeys(("notebook", "cli", "demo", "reference", "server"), 10),
    "api": 11,  # the front opens every room
    "__init__": 12,
}
APART = {"simulator"}  # nobody's floor: it speaks the wire from the other side
NEIGHBOURS = {1, 10}  # single files that make up one room together
ALLOWED = {
    ("engine", "simulator"): "the embedded default: a service like another, started inside this process",
    ("simulator", "catalogue"): "which fields of a model hold which media",
    ("simulator", "bounds"): "JSON from outside, bounded",
    ("simulator", "addresses"): "which addresses are public",
    ("simulator", "loops"): "the C task, as the engine has it",
    ("simulator", "home"): "its folder may be somebody else's",
    ("simulator", "fileops"): "and so may its database",
    ("simulator", "video"): "what is a video by its bytes",
    ("cli", "simulator"): "`kie-nb simulator` serves it",
    ("cli", "api"): "a command is a call of the same function",
    ("notebook", "api"): "a magic is a call of the same function",
}
KNOWN_TO = {
    "IPython": {"notebook"},
    "ipywidgets": {"notebook"},
    "anywidget": {"notebook"},
    "sqlalchemy": {"ledger"},
    "httpx": {"service", "simulator"},
    "starlette": {"simulator"},
    "jupyter_server": {"server"},
    "av": {"video", "simulator"},
    "jinja2": {"markup"},
    "rocrate": {"experiment"},
    "fsspec": {"stores"},
}
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
KEEP_TO_THEMSELVES = (
    "requests",
    "engine",
    "operations",
    "handles",
)  # rooms whose files use no `_private` member of another file


def imports(path):
    """The absolute names that a module imports, wherever in it."""
    package = ("kie_nb", *path.relative_to(PACKAGE).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else ()
            where = [*start, *(node.module or "").split(".")] if node.module else list(start)
            yield from ([*where, alias.name] for alias in node.names)


@cache
def rooms():
    """Every import of the package: which room, which file, and what it names."""
    return [
        (path.relative_to(PACKAGE).parts[0].removesuffix(".py"), path.relative_to(PACKAGE).as_posix(), names)
        for path in sorted(PACKAGE.rglob("*.py"))
        for names in imports(path)
    ]


def test_imports_point_down_the_floors():
    """Neither up nor sideways, but for what is allowed with a reason."""
    wrong, used = [], set()
    for room, file, names in rooms():
        if names[0] != "kie_nb" or len(names) == 1:
            continue
        other = names[1] if names[1] in FLOORS.keys() | APART else "__init__"
        if other == room:
            continue
        if (room, other) in ALLOWED:
            used.add((room, other))
            continue
        here, there = FLOORS.get(room, 0), FLOORS.get(other, 99)
        if there > here or (there == here and here not in NEIGHBOURS):
            wrong.append(f"{file}: {'.'.join(names)}")

    assert wrong == []
    assert used == set(ALLOWED)


@pytest.mark.parametrize("library", KNOWN_TO)
def test_a_library_is_known_where_it_belongs(library):
    """The ledger knows no HTTP, the engine no widgets."""
    found = {(room, file) for room, file, names in rooms() if names[0] == library}

    assert sorted(file for room, file in found if room not in KNOWN_TO[library]) == []
    assert found


def modules():
    """Each module of the package by its dotted name, and the file it is in."""
    return {
        ".".join(("kie_nb", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): path
        for path in PACKAGE.rglob("*.py")
    }


@cache
def known():
    """Which modules each module imports, wherever in it: for types alone and inside functions too."""
    found = modules()
    return {
        name: {module for names in imports(path) if (module := named(names, found)) not in {None, name}}
        for name, path in found.items()
    }


def named(names, found):
    """The module that an import reaches: the longest beginning of *names* that is one."""
    for length in range(len(names), 0, -1):
        if (name := ".".join(names[:length])) in found:
            return name
    return None


def reached(name):
    """All modules that *name* knows, and those that they know."""
    found, waiting = set(), list(known()[name])
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting += known()[module]
    return found


def test_no_module_comes_back_to_itself():
    """No import cycle of any length, every import counted: a lazy one may not hide that a lower module knows a higher one."""
    assert [name for name in known() if name in reached(name)] == []


def foreign_private_uses(path):
    """Each use of a `_private` name that the file itself does not make."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    own = {node.name for node in ast.walk(tree) if isinstance(node, DEFINITIONS)}
    own |= {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    own |= {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr) and node.attr not in own:
            if not (isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"}):
                yield node.lineno, node.attr
        elif isinstance(node, ast.ImportFrom) and node.level:
            yield from ((node.lineno, alias.name) for alias in node.names if is_private(alias.name))


def is_private(name):
    return name.startswith("_") and not name.startswith("__")


@pytest.mark.parametrize("room", KEEP_TO_THEMSELVES)
def test_no_file_uses_the_private_members_of_another(room):
    """What a file keeps to itself may change without a look at any other."""
    found = [
        f"{path.relative_to(PACKAGE)}:{line} {name}"
        for path in (PACKAGE / room).rglob("*.py")
        for line, name in foreign_private_uses(path)
    ]

    assert found == []


def test_no_file_is_too_long_to_be_read_at_once():
    """At most 400 lines."""
    lengths = {
        path.relative_to(PACKAGE).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in PACKAGE.rglob("*.py")
    }

    assert [file for file, lines in lengths.items() if lines > 400] == []
