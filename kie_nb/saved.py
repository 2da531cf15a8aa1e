"""`SavedFile`: the path of a file written for the user, shown as a link."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import InvalidRequest, LedgerError
from .markup import ROOT, Html, html
from .paths import shown_path
from .settings import start_folder
from .tables import link, said_size
from .text import in_line

if TYPE_CHECKING:
    _Path = Path
else:
    _Path = type(Path())  # before Python 3.12 only the class of this system can be inherited from


@contextlib.contextmanager
def written(path: object) -> Iterator[SavedFile]:
    """The path of a file that a user has named, for the block that writes it.

    Raises:
        InvalidRequest: it is no path at all.
        LedgerError: the file cannot be written.
    """
    try:
        target = SavedFile(Path(os.fspath(path)).expanduser())  # type: ignore[call-overload]
        if "\0" in str(target):
            raise ValueError("no file can have this name")  # noqa: TRY301 - as the others are told
    except (TypeError, ValueError, RuntimeError) as exc:
        raise InvalidRequest(
            f"{path!r} is no path of a file.", hint="name one: 'study.csv'", charged=""
        ) from exc
    try:
        yield target
    except OSError as exc:
        words = f"{shown_path(target)} cannot be written: {exc.strerror or exc}."
        raise LedgerError(words, hint="name another file or folder") from exc


class SavedFile(_Path):
    """The path of a written file: a path like any other that shows itself as a link, with the file's size."""

    def with_segments(self, *parts: str | Path) -> Path:
        """What is made of it is another file (from Python 3.12 on)."""
        return Path(*parts)

    def __repr__(self) -> str:
        return in_line(f"<{shown_path(self._place)}, {self._size}>") if self._size else super().__repr__()

    def _repr_html_(self) -> Html:
        place, start = self._place, start_folder()
        name = shown_path(place)
        # A link from the notebook leads below its folder; elsewhere it would work nowhere.
        shown = link(place.relative_to(start).as_posix(), name) if place.is_relative_to(start) else name
        return html('<div {}>{} <span style="opacity:.72">{}</span></div>', ROOT, shown, self._size)

    @property
    def _place(self) -> Path:
        return Path(os.path.abspath(self))  # noqa: PTH100 - a link in it is not followed

    @property
    def _size(self) -> str:
        with contextlib.suppress(OSError):
            if self.is_file():
                return said_size(self.stat().st_size)
        return ""
