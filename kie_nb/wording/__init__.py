"""The strings of the screens: labels, buttons, hints, badges, headings and status lines, a class for each screen.

A template names its fields and is filled with `str.format`. A screen that is drawn in JavaScript gets its class through
`strings`. States have their words in `ledger.states`, fields of a model theirs in `catalogue`; an error is worded where
it is raised. Style: a few plain words in sentence case, numbers before explanations.
"""

from __future__ import annotations

from .card import Card
from .common import Common, strings
from .videos import Compare, Gallery, Report, Wall

__all__ = [
    "Card",
    "Common",
    "Compare",
    "Experiment",
    "Gallery",
    "Lists",
    "Money",
    "Panel",
    "Report",
    "Wall",
    "strings",
]


class Panel(Card):
    """The panel."""

    RUN_THIS_CELL = "Run this cell to use the panel."
    PAID = "{who} · paid"
    CREDITS_LEFT = "{credits} credits left"
    NO_BALANCE = "balance not known{why}"
    DROP = "Drop a picture, paste it, or choose a file"
    PATH = "or type its path or URL"
    CHANGE = "Change"
    CHOOSE = "Choose a file"
    REMOVE = "Remove"
    PICTURE_AT = "The file names a picture at {where}. Nothing was loaded from there."
    USE_THIS_ADDRESS = "Use this address"
    SCALE_TO_FIT = "Scale to fit"
    USE_FILE = "Use {path}"
    COUNT = "{count} of {most}"
    VIDEOS = "Videos"
    VIDEOS_TIP = "Each with the next seed"
    RANDOM = "Random"
    REUSE_LAST = "Reuse last"
    REUSE_LAST_TIP = "Use the seed of the video beside"
    LOCK = "Lock"
    LOCK_TIP = "Keep one seed for the next videos; press again for random ones"
    ADVANCED = "Advanced"
    SERVICE_DEFAULT = "Service default"
    ON = "On"
    OFF = "Off"
    MODEL = "Model"
    CALLBACK = "Callback URL"
    CALLBACK_TIP = (
        "A public address that Kie.ai calls when the video is ready, or auto for this Jupyter server"
    )
    GENERATE = "Generate{count} · {price}"
    GENERATE_ALONE = "Generate"
    GENERATE_NOTHING = "Show · no charge"
    NO_PRICE_YET = "The price is not known."
    MADE_BEFORE = "Already yours: the same picture, settings and seed."
    UNDER_WAY = "Asked for already: the same picture, settings and seed."
    MADE_UNLESS = "Already yours, unless its address serves another picture now; then {price}."
    UNSETTLED = "Run {run} asked for the same and may be charged: settle it below, or choose another seed."
    RESULT = "Result"
    FILM = "Videos of this panel"
    QUEUE = "Queue"
    STOPPED = "not watched, goes on"
    NOTEBOOK_CLOSED = "its notebook was closed"
    NEVER_SENT = "its notebook was closed before it was sent"
    ELSEWHERE = "in another notebook"
    TAKE_BACK = "Discard"
    TAKE_BACK_TIP = "Nothing was sent, and nothing will be."
    SETTLE = "Settle…"
    SETTLE_TIP = "What is known of it, and what can be done."
    SHOW_TIP = "Show it large"
    MORE = "Show more"
    MORE_OPEN = "{count} more"
    MORE_LISTED = "{count} more: %kie runs lists them"
    ANOTHER_TIP = "The same request with a new random seed"
    FILE_LINE = "A path or URL"
    FILE_LINES = "Paths or URLs, one a line"
    CELL_TO_COPY = "Cell to copy"
    COPIED = "The cell is copied."
    INSERTED = "The cell is inserted below."
    UNCOPIED = "The browser gave no access to its clipboard: the cell is selected below the buttons."


class Lists(Common):
    """Tables of runs, and what `%kie` lists."""

    HEADINGS = ("State", "", "Prompt", "Seed,\ncost", "Made\n(UTC)")
    NO_RUNS = "No runs."
    NOT_HERE = "not on this machine"
    IN_STORE = "in the store"
    OPEN_VIDEO = "open the video"
    COMMANDS = ("", "command", "what it does")
    HELP = "What there is, by task"
    PERHAPS = "perhaps {credits}"
    ABOUT = "about {credits}"
    NOT_REPORTED = "{about}, not reported"
    TO_COME = "Experiment {name}: {missing} of {cells} to come. Its cell again, or exp.run(), buys them."


class Experiment(Common):
    """The card of an experiment, its plan and its status."""

    STOP_BUYING = "Stop buying"
    SHOW_WALL = "Show wall"
    HIDE_WALL = "Hide wall"
    SHOW_WALL_TIP = "All videos side by side, in lock step"
    WRITE_REPORT = "Write report"
    WRITE_REPORT_TIP = "One HTML file beside the notebook, with the videos in it"
    WORKING = "Working… With many videos this takes a while."
    REPORT_WRITTEN = "Report written:"
    REPORT_SIZE = "({megabytes} MB)"
    NOT_RATED = "No run is rated yet. Rate one: exp.runs[0].rate(5), or by the stars of its card, the gallery or exp.wall()."
    AS_OF = "As of {time} UTC, while it was running. Run this cell again to see it as it is."
    SOME_VIDEOS = "{shown} of {all} videos play here. exp.wall() shows all, exp.report('report.html') makes a page of them."
    NOTHING_TO_MAKE = "Nothing to make: every video of the grid exists."
    TO_MAKE = "{videos} to make, {cost}{free}"
    PRICE_AT_KIE = "about {credits} credits (${usd}) at Kie.ai"
    NO_PRICE = "price not known here"
    FREE_IN_SIMULATOR = "; free in the simulator"
    PLAN_COLUMNS = ("state", "estimate")
    IN_ALL_CELLS = "in all cells: {facts}"
    STOP_BUYING_TIP = "Tasks that were sent go on and are charged; their videos are still saved."


class Money(Common):
    """Prices, balance and budget."""

    BALANCE = "{credits} credits (${usd}) at {who}"
    SPEND = "Credits by {by}; budgets: {limits}"
    COLUMNS = ("runs", "estimated", "real", "spent", "reserved", "at risk", "")
    COLUMNS_MEAN = (
        "estimated: what was made, at list prices; real: what the service reported of it; spent: the real cost, or the "
        "estimate where none was reported.\nreserved: under way; at risk: outcome unknown, perhaps billed."
    )
    UNPRICED = "and {runs} of unknown price"
    SIMULATED_SPEND = "Simulated runs by {by}: free"
    SIMULATED_COLUMNS = ("runs", "credits at Kie.ai prices")
    BUDGETS = "Budgets: what is spent, reserved and at risk may not exceed them"
    BUDGET_COLUMNS = ("for each", "budget", "used so far")
    NO_BUDGET = "No budget is set. `%kie budget 250 day` sets one."
    NOT_COUNTED = "The simulator is free: no budget counts what it makes."
