"""Who finds a secret in what an error leads to: in the locals of every frame, of it and of all that led to it."""

import traceback


def holders(error, secret):
    """Where *secret* stands in the texts, reprs and locals that debuggers, reporters and test runners show of *error*."""
    found, todo, seen = [], [error], set()
    while todo:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        name = type(one).__name__
        texts = {
            "text": str(one),
            "repr": repr(one),
            "state": _shown(vars(one)) if hasattr(one, "__dict__") else "",
        }
        for frame, line in traceback.walk_tb(one.__traceback__):
            where = f"{frame.f_code.co_filename.rsplit('/', 2)[-1]}:{line}"
            if (
                frame.f_globals.get("__name__", "").startswith("test_")
                or "/tests/" in frame.f_code.co_filename
            ):
                continue  # the test knows it
            texts |= {f"{where} {local}": _shown(value) for local, value in frame.f_locals.items()}
        found += [f"{name}: {where}" for where, text in texts.items() if secret in text]
        todo += [each for each in (one.__cause__, one.__context__) if each is not None]
        todo += list(getattr(one, "exceptions", ()))
    return found


def _shown(value, depth=4):
    """The repr of *value*, and of what it holds: reporters look into attributes too."""
    try:
        text = repr(value)
    except Exception:
        return ""
    if depth and isinstance(value, dict):
        return text + "".join(_shown(each, depth - 1) for each in [*value, *value.values()])
    if depth and isinstance(value, list | tuple | set | frozenset):
        return text + "".join(_shown(each, depth - 1) for each in value)
    if (
        depth
        and hasattr(value, "__dict__")
        and not isinstance(value, type)
        and type(value).__module__ != "builtins"
    ):
        return text + "".join(_shown(each, depth - 1) for each in list(vars(value).values()))
    return text
