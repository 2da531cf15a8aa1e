"""The wire: what is said to Kie.ai and how its answers are read. Knows httpx and nothing of ledger or notebook."""

from .client import Client, Upload
from .pace import Patience
from .records import TaskRecord

__all__ = ["Client", "Patience", "TaskRecord", "Upload"]
