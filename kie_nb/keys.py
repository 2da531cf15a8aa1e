"""The key: where it may be found, and the box that keeps it from being shown. It is never stored."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from .errors import AuthError


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

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


def check_key(key: Secret) -> Secret:
    """*key* if a request can carry it.

    Raises:
        AuthError: it is empty, or holds a space, a line break or a letter that no header can.
    """
    if not key.reveal():
        raise AuthError("the key is empty.", hint="copy it from https://kie.ai/api-key")
    if not all("!" <= letter <= "~" for letter in key.reveal()):
        raise AuthError(
            "the key holds a space, a line break or a letter that no key has.",
            hint="copy it anew from https://kie.ai/api-key",
        )
    return key


def dotenv_key(start: Path) -> str:
    """The key in the `.env` file of *start* or of the nearest folder above that has one."""
    from dotenv import dotenv_values

    for folder in (start, *start.parents):
        file = folder / ".env"
        if file.is_file():
            try:
                key = dotenv_values(file, interpolate=False).get("KIE_API_KEY")
            except (OSError, UnicodeDecodeError):
                continue
            if key and key.strip():
                return key.strip()
    return ""


_keyring_answer: str | None = None  # asking may open a dialog: once per process
_asking = threading.RLock()


def keyring_key() -> str:
    """The key in the system's keyring, where that package is installed."""
    global _keyring_answer  # noqa: PLW0603
    with _asking:  # a second thread must not take "not yet" for "none", and the simulator for the service
        if _keyring_answer is None:
            _keyring_answer = _ask_keyring()
        return _keyring_answer


def _ask_keyring() -> str:
    try:
        import keyring
    except ImportError:
        return ""
    try:
        return str(keyring.get_password("kie_nb", "KIE_API_KEY") or "")
    except Exception:  # noqa: BLE001 - a keyring without a backend raises classes of its own
        return ""
