"""The API key: where it is read from, and `Secret`, which never shows it. It is never stored."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import stat
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import AuthError

# Of a `.env` file, which is read for each request: a megabyte of them takes many seconds.
MOST_BYTES = 1 << 16


class Secret:
    """A key or an address with a password that never shows itself: not in a repr, not in a str, not in a pickle."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The text itself, for the one place that needs it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret('…')"

    __str__ = __repr__

    def __reduce__(self) -> tuple[Any, ...]:
        return (Secret, ("",))

    def __copy__(self) -> Secret:  # within the process it is the same
        return self

    def __deepcopy__(self, _memo: dict[int, Any]) -> Secret:
        return self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


SIMULATORS = Secret("simulator")  # what the simulator is sent: a real key has no business there


def check_key(key: Secret) -> Secret:
    """*key*; AuthError if it is empty, or holds a space, a line break or a letter that no header can carry."""
    if not key.reveal():
        raise AuthError("The key is empty.", hint="copy it from https://kie.ai/api-key")
    if not all("!" <= letter <= "~" for letter in key.reveal()):
        words = "The key contains a space, a line break or a character that no key has."
        raise AuthError(words, hint="copy it again from https://kie.ai/api-key")
    return key


@dataclass(frozen=True, kw_only=True, slots=True)
class DotEnv:
    """What the `.env` files here say."""

    key: Secret | None = None  # of the nearest that has one
    source: str = ""  # that file, as seen from here
    # Of the service: some front ends pour such a file into the environment.
    addresses: frozenset[str] = frozenset()
    refused: tuple[str, ...] = ()  # such files that are somebody else's, or no plain files


def read_dotenv(start: Path) -> DotEnv:
    """The `.env` files of *start* and the folders above, up to the repository's root or the user's own folder.

    Above neither of the two only *start* itself is looked at: what lies higher may be anybody's.
    """
    from dotenv import dotenv_values

    key, source, addresses, refused = None, "", set[str](), list[str]()
    for folder in _up_to_the_root(start):
        file, name = folder / ".env", Path(os.path.relpath(folder / ".env", start)).as_posix()
        try:
            text = _own_text(file)
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError):
            refused.append(name)
            continue
        found = dotenv_values(stream=io.StringIO(text), interpolate=False)  # a variable may be the key
        told = (found.get(each) or "" for each in ("KIE_BASE_URL", "KIE_UPLOAD_URL"))
        addresses |= {url.strip().rstrip("/") for url in told}
        if key is None and (found.get("KIE_API_KEY") or "").strip():
            key, source = Secret(str(found.pop("KIE_API_KEY")).strip()), name
    return DotEnv(key=key, source=source, addresses=frozenset(addresses - {""}), refused=tuple(refused))


def _up_to_the_root(start: Path) -> list[Path]:
    try:
        home = Path.home().resolve()
    except (RuntimeError, OSError):  # the user has no home
        home = start
    found = []
    for folder in (start, *start.parents):
        found.append(folder)
        if folder == home or os.path.lexists(folder / ".git"):
            return found
    return [start]


def _own_text(file: Path) -> str:
    """The text of a plain file of this user's or root's; OSError if it is a link, a pipe, long, or another's."""
    if not stat.S_ISREG(file.lstat().st_mode):  # opening a pipe might never end
        raise PermissionError
    handle = os.open(file, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    with open(handle, encoding="utf-8-sig") as opened:  # noqa: PTH123 - a handle, not a path
        found = os.fstat(handle)
        is_own = not hasattr(os, "getuid") or found.st_uid in {os.getuid(), 0}
        if not is_own or not stat.S_ISREG(found.st_mode) or found.st_size > MOST_BYTES:
            raise PermissionError
        return opened.read()


_asking = threading.RLock()


def keyring_key() -> Secret | None:
    """The key in the system's keyring, where that package is installed."""
    with _asking:  # a second thread must not take "not yet" for "none", and the simulator for the service
        return _ask_keyring()


@functools.cache  # asking may open a dialog: once per process
def _ask_keyring() -> Secret | None:
    found = ""
    with contextlib.suppress(
        Exception
    ):  # it is not installed; or, without a backend, it raises classes of its own
        import keyring

        found = str(keyring.get_password("kie_nb", "KIE_API_KEY") or "")
    return Secret(found) if found else None
