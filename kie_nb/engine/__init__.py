"""What makes runs live: the dispatcher thread, the life of a run, its handle, and the bridge for those who wait."""

from .asking import DryRun, Prepared, Started
from .bridge import run_coroutine
from .run import Run
from .session import Session, get_session
from .wire import AsyncKie

__all__ = ["AsyncKie", "DryRun", "Prepared", "Run", "Session", "Started", "get_session", "run_coroutine"]
