"""Strings of several screens."""

from __future__ import annotations

from typing import Any


def strings(screen: type) -> dict[str, Any]:
    """The strings of *screen* with those that it inherits, by name; ready for JSON."""
    found = {name: getattr(screen, name) for name in dir(screen) if name.isupper()}
    return {name: text for name, text in found.items() if isinstance(text, str | tuple)}


class Common:
    """Strings of several screens."""

    SIMULATED = "Simulated · free"
    ALREADY_YOURS = "Already yours · no charge"
    FREE = "free"
    PRICE = "{credits} credits (${usd})"
    AT_KIE = "at Kie.ai {price}"
    SIMULATOR_BALANCE = "{credits} simulator credits (not real money)"
    SEED = "seed"
    ANOTHER_SEED = "Another seed"
    ANOTHER = "Another video"
    REUSE_SETTINGS = "Reuse settings"
    REUSE_WITH_SEED = "Reuse with seed"
    COPY_AS_CELL = "Copy as cell"
    INSERT_BELOW = "Insert below"
    DOWNLOAD = "Download"
    OPEN_FILE = "Open file"
    DETAILS = "Details"
    RESUME = "Resume"
