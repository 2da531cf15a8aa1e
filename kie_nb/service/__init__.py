"""The client of Kie.ai's API: requests, and how replies are read. Knows httpx and nothing of ledger or notebook."""

from .client import Client, Upload
from .reach import Patience
from .records import TaskRecord

__all__ = ["Client", "Patience", "TaskRecord", "Upload"]
