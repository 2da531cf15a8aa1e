"""The strings of the screens: labels, buttons, hints, badges, headings and status lines, a class for each screen.

A template names its fields and is filled with `str.format`. A screen that is drawn in JavaScript gets its class through
`strings`. States have their words in `ledger.states`, fields of a model theirs in `catalogue`; an error is worded where
it is raised. Style: a few plain words in sentence case, numbers before explanations.
"""

from __future__ import annotations


def strings(screen: type) -> dict[str, str]:
    """The strings of *screen* with those that it inherits, by name; ready for JSON."""
    names = (name for name in dir(screen) if name.isupper())
    return {name: getattr(screen, name) for name in names}


class Common:
    """What several screens say."""

    SIMULATED = "Simulated · free"
    ALREADY_YOURS = "Already yours · no charge"
    FREE = "free"
    PRICE = "{credits} credits (${usd})"
    SIMULATOR_BALANCE = "{credits} simulator credits (not real money)"
    SEED = "seed"
    ANOTHER_SEED = "Another seed"
    REUSE_SETTINGS = "Reuse settings"
    REUSE_WITH_SEED = "Reuse with seed"
    COPY_AS_CELL = "Copy as cell"
    INSERT_BELOW = "Insert below"
    DOWNLOAD = "Download"
    OPEN_FILE = "Open file"
    DETAILS = "Details"
    RESUME = "Resume"


class Card(Common):
    """The card of one run, live and as a notebook keeps it."""

    STOP_WATCHING = "Stop watching (still charged)"
    STOP_WATCHING_TIP = "The task goes on and is charged; its video is still saved."
    TIME = "{elapsed} · usually about {usual}"
    LONGER = "{elapsed} · longer than usual"
    PREPARING_VIDEO = "preparing video"


class Panel(Common):
    """The panel."""

    RUN_THIS_CELL = "Run this cell to use the panel."
    GENERATE = "Generate · {price}"
    AT_KIE = "at Kie.ai {price}"
    NEW_RANDOM = "New random"
    LOCK = "Lock"
    REUSE_LAST_SEED = "Reuse last seed"
    RANDOM = "Random"
    ADVANCED = "Advanced"
    SERVICE_DEFAULT = "Service default"
    USE_THIS_TASK = "Use this task"
    SEND_AGAIN = "Send again (may pay twice)"
    WRITE_OFF = "Write off"


class Gallery(Common):
    """The gallery."""


class Compare(Common):
    """The comparison of two videos."""


class Wall(Common):
    """The wall."""


class Report(Common):
    """The report of an experiment."""


class Lists(Common):
    """Tables of runs, and what `%kie` lists."""


class Experiment(Common):
    """The card of an experiment, its plan and its status."""

    STOP_BUYING = "Stop buying"
    STOP_BUYING_TIP = "Tasks that were sent go on and are charged; their videos are still saved."


class Money(Common):
    """Prices, balance and budget."""
