"""The life of a run and nothing else: the dispatcher thread, the supervisor, the driver with its steps, and the waits."""

from .waiting import run_coroutine

__all__ = ["run_coroutine"]
