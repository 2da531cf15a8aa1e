"""The record of runs: what was asked, what came of it, where the file is. Knows SQLAlchemy and the disk, not the wire."""

from . import owner
from .database import Database
from .experiments import Experiments, Standing
from .files import Files, input_name, is_picture
from .grants import Grant, GrantStore, Leave
from .reading import UnreadableRun
from .rows import KeptFile, NewRun, RunRow, files_made, with_kept
from .runs import Ledger

__all__ = [
    "Database",
    "Experiments",
    "Files",
    "Grant",
    "GrantStore",
    "KeptFile",
    "Leave",
    "Ledger",
    "NewRun",
    "RunRow",
    "Standing",
    "UnreadableRun",
    "files_made",
    "input_name",
    "is_picture",
    "owner",
    "with_kept",
]
