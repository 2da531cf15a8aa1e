"""Finished files appear under their name in one step."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def finished_in_one_step(target: str | os.PathLike[str]) -> Iterator[Path]:
    """Write to the path given here; it takes the name *target* only when the block ends well.

    A reader never meets half a file, and a crash leaves at most a hidden ``.part`` beside it. The name is our own
    rather than `tempfile`'s, whose files nobody else on the machine may read.
    """
    final = Path(target)
    final.parent.mkdir(parents=True, exist_ok=True)
    part = final.with_name(f".{final.name}.{secrets.token_hex(4)}.part")
    try:
        yield part
        part.replace(final)
    finally:
        with contextlib.suppress(FileNotFoundError):
            part.unlink()
