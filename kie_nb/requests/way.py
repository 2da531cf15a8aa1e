"""What a request needs to know of the service that it is for; an engine's channel is one."""

from __future__ import annotations

from typing import Protocol

from ..service import Patience
from ..settings import Settings


class Way(Protocol):
    """The way to a service, with one account.

    Attributes:
        settings: They name the service; limits among them are those of now.
        patience: The longest waits for replies and files.
    """

    settings: Settings
    patience: Patience

    @property
    def identity(self) -> str:
        """Who answers, as requests are told apart by."""

    @property
    def own(self) -> tuple[str, str]:
        """The addresses of the service itself, which may be on this machine: what it names there may be fetched."""
