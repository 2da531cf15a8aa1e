"""The floors of the house: an import points down, never up, and each library is known to the rooms that may know it."""

import ast
from functools import cache
from pathlib import Path

import pytest

import kie_nb

PACKAGE = Path(kie_nb.__file__).parent
FLOORS = {
    **dict.fromkeys(
        (
            "errors",
            "keys",
            "settings",
            "headless",
            "context",
            "place",
            "_hooks",
            "notice",
            "presenter",
            "paths",
        ),
        1,
    ),
    **dict.fromkeys(
        ("addresses", "bounds", "home", "hosts", "markup", "programs", "sqlite_files", "text", "version"), 1
    ),
    **dict.fromkeys(("catalogue", "video"), 2),
    "service": 3,
    "ledger": 4,
    "engine": 5,
    "experiments": 6,
    **dict.fromkeys(("notebook", "cli", "demo", "reference", "run_filters"), 7),
    "api": 8,  # the front opens every room
    "__init__": 9,
}
APART = {"simulator"}  # nobody's floor: it speaks the wire from the other side
NEIGHBOURS = {1, 7}  # single files that make up one room together
ALLOWED = {
    ("engine", "simulator"): "the embedded default: a service like another, started inside this process",
    ("simulator", "addresses"): "which addresses are public",
    ("simulator", "home"): "its folder may be somebody else's",
    ("simulator", "sqlite_files"): "and so may its database",
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
    "av": {"video", "simulator"},
}


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


OF_THE_ENGINE = "kie_nb.engine"


@cache
def module_graph():
    """Which module names which, counting imports inside functions and under `TYPE_CHECKING` too."""
    files = {
        ".".join(("kie_nb", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): path
        for path in PACKAGE.rglob("*.py")
    }
    return {
        module: {
            next(name for name in (".".join(names), ".".join(names[:-1])) if name in files or "." not in name)
            for names in imports(path)
            if names[0] == "kie_nb" and (".".join(names) in files or ".".join(names[:-1]) in files)
        }
        - {module}
        for module, path in files.items()
    }


def reached(start):
    """The modules that *start* leads to, on whatever way."""
    graph, found, ahead = module_graph(), set(), [start]
    while ahead:
        new = graph[ahead.pop()] - found
        found |= new
        ahead += new
    return found


def test_no_modules_import_each_other():
    """On no way round, however long; the engine is being taken apart."""
    in_a_cycle = {module for module in module_graph() if module in reached(module)}

    assert {module for module in in_a_cycle if not module.startswith(OF_THE_ENGINE)} == set()


def test_no_file_is_too_long_to_be_read_at_once():
    """At most 400 lines; the engine is being taken apart."""
    lengths = {
        path.relative_to(PACKAGE).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in PACKAGE.rglob("*.py")
    }

    assert [file for file, lines in lengths.items() if lines > 400 and not file.startswith("engine/")] == []
