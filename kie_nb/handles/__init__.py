"""What people hold: the handle of a run, the session that makes and keeps it, and the client for one's own coroutines."""

from ..requests.prepare import Prepared
from .async_client import AsyncKie
from .begin import DryRun, Started
from .run import Run
from .session import Session, get_session

__all__ = ["AsyncKie", "DryRun", "Prepared", "Run", "Session", "Started", "get_session"]
