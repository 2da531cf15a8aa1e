"""Make videos from a notebook and keep a record of every run.

    %load_ext kie_nb

    %%kie_wan --image cat.png --seed 7 -o clip
    The cat looks up, takes a breath and smiles.

or, in Python, `kie_nb.generate("…", image="cat.png", seed=7)`. Importing this package is cheap and does nothing.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from .presenter import ask_with
from .version import __version__ as __version__

if TYPE_CHECKING:
    from .api import (
        budget,
        compare,
        configure,
        doctor,
        experiments,
        export,
        generate,
        get,
        import_runs,
        join,
        panel,
        read_request,
        resume,
        run,
        runs,
        settle,
        wall,
    )
    from .api import credits as credits  # noqa: A004 - the service's word, and not by `*`
    from .errors import (
        AuthError,
        BadImage,
        BudgetExceeded,
        DownloadFailed,
        InvalidRequest,
        KieError,
        LedgerError,
        ModelUnavailable,
        NotFetched,
        NotSent,
        NoVideo,
        OutcomeUnknown,
        OutOfCredits,
        RateLimited,
        Refused,
        ServiceTrouble,
        StillRunning,
        TaskFailed,
        TaskLost,
        WaitInterrupted,
    )
    from .experiment.experiment import Experiment
    from .handles import AsyncKie, Run
    from .service import TaskRecord, Upload
    from .service.callbacks import Callback, verify_callback

__all__ = [
    "AsyncKie",
    "AuthError",
    "BadImage",
    "BudgetExceeded",
    "Callback",
    "DownloadFailed",
    "Experiment",
    "InvalidRequest",
    "KieError",
    "LedgerError",
    "ModelUnavailable",
    "NoVideo",
    "NotFetched",
    "NotSent",
    "OutOfCredits",
    "OutcomeUnknown",
    "RateLimited",
    "Refused",
    "Run",
    "ServiceTrouble",
    "StillRunning",
    "TaskFailed",
    "TaskLost",
    "TaskRecord",
    "Upload",
    "WaitInterrupted",
    "budget",
    "compare",
    "configure",
    "doctor",
    "experiments",
    "export",
    "generate",
    "get",
    "import_runs",
    "join",
    "load_ipython_extension",
    "panel",
    "read_request",
    "resume",
    "run",
    "runs",
    "settle",
    "unload_ipython_extension",
    "verify_callback",
    "wall",
]

logging.getLogger(__name__).addHandler(logging.NullHandler())  # silent unless asked

_PLACES = {
    "Experiment": ".experiment.experiment",
    "Run": ".handles",
    "AsyncKie": ".handles",
    "TaskRecord": ".service",
    "Upload": ".service",
    "Callback": ".service.callbacks",
    "verify_callback": ".service.callbacks",
}


_NOT_BY_STAR = ("credits",)  # Python's own name, which `from kie_nb import *` must not take away


def __getattr__(name: str) -> Any:
    if name not in {*__all__, *_NOT_BY_STAR}:
        raise AttributeError(f"module 'kie_nb' has no attribute {name!r}")
    from importlib import import_module

    # Functions are written small, and all of them stand in one place; what is not placed is an error.
    place = _PLACES.get(name) or (".api" if name.islower() else ".errors")
    return getattr(import_module(place, __name__), name)


def _ask(words: str) -> bool:
    from .notebook.showing import ask

    return ask(words)


ask_with(_ask)


def __dir__() -> list[str]:
    return [*__all__, *_NOT_BY_STAR, "__version__"]


def load_ipython_extension(ipython: Any) -> None:
    """What `%load_ext kie_nb` does: the magics, their completion, and nothing else."""
    from .notebook.extension import load

    load(ipython)


def unload_ipython_extension(ipython: Any) -> None:
    """What `%unload_ext kie_nb` does."""
    from .notebook.extension import unload

    unload(ipython)
