"""The record of runs: request, state, result and files. Knows SQLAlchemy and the disk, not the wire."""

from . import owner
from .database import Database
from .experiments import Experiments, Standing
from .files import Files, input_name, is_picture
from .grants import Grant, GrantStore, SendDecision
from .likenesses import Likenesses, Told
from .reading import UnreadableRun
from .rows import FILM, KeptFile, NewRun, RunRow, files_made, with_kept
from .runs import Ledger

__all__ = [
    "FILM",
    "Database",
    "Experiments",
    "Files",
    "Grant",
    "GrantStore",
    "KeptFile",
    "Ledger",
    "Likenesses",
    "NewRun",
    "RunRow",
    "SendDecision",
    "Standing",
    "Told",
    "UnreadableRun",
    "files_made",
    "input_name",
    "is_picture",
    "owner",
    "with_kept",
]
