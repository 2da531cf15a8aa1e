"""The record of runs: what was asked, what came of it, where the file is. Knows SQLAlchemy and the disk, not the wire."""

from .database import Database
from .experiments import Experiments, Standing
from .files import Files, is_picture, number_of
from .grant_store import Grant, GrantStore, Leave
from .pictures import UploadRow
from .store import Ledger, NewRun, RunRow

__all__ = [
    "Database",
    "Experiments",
    "Files",
    "Grant",
    "GrantStore",
    "Leave",
    "Ledger",
    "NewRun",
    "RunRow",
    "Standing",
    "UploadRow",
    "is_picture",
    "number_of",
]
