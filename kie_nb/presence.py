"""Whether a person sits before the notebook: who waits for a video, and what is shown live."""

from __future__ import annotations

import sys

from . import settings as settings_
from .frontend import has_kernel, is_run_by_a_runner, is_watched, shows_html


def must_wait(asked: bool | None) -> bool:
    """Whether a cell waits for its video: as asked, else as configured, else as detected."""
    if asked is not None:
        return asked
    configured = settings_.current().wait
    return configured if configured is not None else _nobody_watches()


def has_widgets() -> bool:
    """Whether a live card can be shown: in a kernel that is not headless."""
    return has_kernel() and not _nobody_watches() and not settings_.flag("KIE_NB_WAIT")


def _nobody_watches() -> bool:
    if not has_kernel():
        return shows_html()
    # Colab shows a thread's updates only when the next cell runs (colabtools issue 3373).
    return "google.colab" in sys.modules or not is_watched() or is_run_by_a_runner()
