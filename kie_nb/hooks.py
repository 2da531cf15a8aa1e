"""Where the notebook room hooks itself into the handles, without making `%load_ext` import the engine."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

Hook = Callable[[Any], None]

show: Hook | None = None
echo: Hook | None = None
show_experiment: Hook | None = None
watch_experiment: Hook | None = None
show_wall: Hook | None = None


def presenter_hooks(
    *,
    show: Hook | None,
    echo: Hook | None,
    show_experiment: Hook | None = None,
    watch_experiment: Hook | None = None,
    show_wall: Hook | None = None,
) -> None:
    """Say how runs, experiments and walls are shown in this process; None takes it back."""
    module = sys.modules[__name__]
    module.show, module.echo = show, echo  # type: ignore[attr-defined]
    module.show_experiment, module.show_wall = show_experiment, show_wall  # type: ignore[attr-defined]
    module.watch_experiment = watch_experiment  # type: ignore[attr-defined]
