"""The objects users work with: `Run`, the session that makes it, and `AsyncKie` for their own coroutines."""

from ..requests.prepare import Prepared
from .async_client import AsyncKie
from .begin import DryRun, Started
from .run import Run
from .session import Session, get_session

__all__ = ["AsyncKie", "DryRun", "Prepared", "Run", "Session", "Started", "get_session"]
