"""How long the games of chance are: short in every run, with a seed of the day; in full with SOAK=1. SEED=n repeats a day's."""

import datetime as dt
import os

IS_SOAK = os.environ.get("SOAK") == "1"
SEED = int(os.environ.get("SEED") or f"{dt.datetime.now(dt.UTC):%Y%m%d}")


def either(short, full):
    """The size of a game."""
    return full if IS_SOAK else short
