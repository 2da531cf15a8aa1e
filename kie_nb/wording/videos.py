"""The strings of the screens that show finished videos: gallery, wall, comparison, report."""

from __future__ import annotations

from .common import Common


class Gallery(Common):
    """The gallery: finished videos, one of them large, and what is done with several."""

    TITLE = "Gallery"
    VIDEOS = "Videos"
    VIDEO = "Video"
    SEARCH = "Search prompts, tags, experiments"
    SEARCH_GALLERY = "Search the gallery"
    FILTERS = "Filters"
    ORDER = "Order"
    ORDERS = (
        ("newest", "Newest first"),
        ("oldest", "Oldest first"),
        ("best", "Best rated first"),
        ("dearest", "Most expensive first"),
        ("cheapest", "Cheapest first"),
    )
    RATING = "Rating at least"
    RATINGS = (("0", "Any rating"), *((str(n), "★" * n + (" or more" if n < 5 else "")) for n in range(1, 6)))  # noqa: PLR2004
    BY_TAG = "Tag"
    MODEL = "Model"
    EXPERIMENT = "Experiment"
    ANY_TAG = "Any tag"
    ANY_MODEL = "Any model"
    ANY_EXPERIMENT = "Any experiment"
    LOOKING = "Looking…"
    ONE = "1 video"
    MANY = "{count} videos"
    PAGE = ", page {page} of {pages}"
    NONE = "No finished videos yet. Each one appears here as soon as it is done."
    NO_MATCH = "No video matches."
    SHOW_ALL = "Show all"
    PREVIOUS = "‹ Previous"
    NEXT = "Next ›"
    SLOW = "The kernel has not answered yet: it may be busy with a cell, or gone."
    NO_PROMPT = "(no prompt)"
    IN_SIMULATOR = "simulated"
    JOINED = "joined here"
    NOT_REPORTED = "cost not reported"
    NO_FILE = "The file is not on this machine. %kie doctor looks for it."
    NOT_HERE = "not on this machine"
    DONE = "Done"
    MISSING = "File missing"
    REUSE = "Reuse"
    WITH_SEED = "With seed"
    OPEN = "Open"
    DOWNLOADING = "Downloading {percent} %"
    DOWNLOADED = "Downloaded {name}"
    FULL = "Full quality"
    FULL_TIP = "Play the file itself in place of its preview"
    FULL_PLAYS = "The file itself plays."
    STAGE = "Selected video"
    PLACE = "{place} of {count}"
    PREVIOUS_VIDEO = "Previous video (←)"
    NEXT_VIDEO = "Next video (→)"
    CLOSE = "Close"
    CELL = "The cell, to be copied by hand"
    COPIED = "Copied"
    COPIED_CELL = "The cell is in the clipboard."
    NOT_COPIED = "The browser did not allow the clipboard; the cell is selected here."
    TAG = "+ tag"
    NEW_TAG = "New tag"
    TAG_HINT = "tag"
    REMOVE_TAG = "Remove tag {tag}"
    TAG_ADDED = "Tag {tag} added"
    TAG_REMOVED = "Tag {tag} removed"
    RATED = "Rated {count} of 5 stars"
    UNRATED = "Rating cleared"
    CHOOSE = "Select"
    CHOSEN = "{count} selected"
    CHOSEN_VIDEOS = "Selected videos"
    COMPARE = "Compare"
    WALL = "Wall"
    EXPORT = "Export…"
    EXPORT_TO = "Folder of the export"
    TAG_THEM = "Tag…"
    CLEAR = "Clear"
    OK = "OK"
    CANCEL = "Cancel"
    CHOOSE_TWO = "Select exactly two to compare them."
    CHOOSE_FOR_WALL = "Select 2 to {most} for a wall."
    MEASURING = "Measuring…"
    WALL_OF = "Wall of {runs}"
    EXPORTING = "Export"
    FAILED = "This did not work: {why}. Nothing was charged."


class Wall(Common):
    """The wall, and the players of a comparison."""

    TITLE = "Video wall"
    GRID = "Videos"
    ONE_VIDEO = "1 video"
    VIDEOS = "{count} videos"
    PLAYBACK = "Playback of all videos"
    PLAY = "Play (space)"
    PAUSE = "Pause (space)"
    PLAYING = "Playing"
    PAUSED = "Paused at frame {frame} of {of}"
    AT_FRAME = "frame {frame} of {of}"
    FRAME = "Frame"
    FRAME_BACK = "Previous frame (,)"
    FRAME_ON = "Next frame (.)"
    SPEED = "Speed"
    LOOP = "Loop (L)"
    LOOPS = "Loops"
    LOOPS_NOT = "Stops at the end"
    LOADING = "loading"
    NO_VIDEO = "no video"
    BROKEN = "cannot be played here"
    PICK = "A/B"
    PICK_TIP = "Choose two to compare (C)"
    PICKED = "A is {label}; choose another for B"
    NONE_PICKED = "Nothing is chosen"
    PICK_TWO = "Choose two videos first: A/B on each, or C."
    COMPARISON = "Comparison"
    LEAVE = "Back"
    LEAVE_TIP = "Back to the wall (Esc)"
    SIDES = "Side by side"
    SIDES_TIP = "Both in lock step (D)"
    WIPE = "Wipe"
    WIPE_TIP = "Wipe between A and B (D)"
    WIPE_LABEL = "Wipe: how much of A is shown, in percent"
    DIFFERENCE = "Difference"
    DIFFERENCE_TIP = "What differs between A and B (D)"
    GAIN = "Amplification"
    MEAN = "mean difference {percent} %"
    DIFFERS = "What differs"
    SAME_REQUEST = "Nothing differs: the same request."
    IN_WALL = "The whole wall"
    IN_ONE = "Enlarged: {one}"
    IN_SIDES = "Side by side"
    IN_WIPE = "A: {one}; B: {other}"
    IN_DIFFERENCE = "Difference of {one} and {other}"
    SAME = "Same in all"
    STARS = "{count} of 5 stars"
    SAVED = "Saved: {what}"
    TAG = "+ tag"
    TAG_TIP = "Add a tag (T)"
    TAG_LABEL = "Tag"
    TAG_HINT = "tag, Enter"
    NO_KERNEL = "Rating and tags need a running kernel: this is a saved page."
    NO_RUN = "There is no run here yet."
    SLOW = "The kernel has not answered yet: it is busy, or gone. What is shown is what was saved."
    KEYS = "Keys"
    KEY_LIST = (
        ("space", "play, pause"),
        (", .", "previous, next frame (← → outside the grid)"),
        ("Home End", "first, last frame"),
        ("arrows", "from tile to tile"),
        ("Enter", "enlarge"),
        ("C", "choose for A/B"),
        ("D", "side by side, wipe, difference"),
        ("Esc", "back"),
        ("1–5, 0", "rate, clear the rating"),
        ("T", "tag"),
        ("L", "loop"),
    )


class Compare(Common):
    """The comparison of two videos: one sentence, and the numbers below it."""

    NUMBERS = "Numbers"
    SAME_BYTES = "The same file, byte for byte."
    SAME_FRAMES = "The same video: every frame is equal, only the files differ."
    SAME_LOOK = "They look the same: hard to tell apart by eye."
    SAME_LOOK_BUT = "They look the same; the second is {changes}."
    SAME_BUT = "The same, {changes}."
    SAME_NEARLY = "The same, with small differences."
    ALIKE = "Similar shots."
    ALIKE_BY_SEEDS = "Similar shots: clearly closer than two seeds usually are."
    BUT = "{sentence} The second is {changes}."
    OTHER_LOOK = "The same shot, but it looks different: the second is {changes}."
    DIFFERENT = "Different shots."
    LENGTHS = "Different lengths: {first} s and {second} s."
    PART = "Different lengths: {first} s and {second} s; what both have ({common} s) looks the same."
    MOMENTS = "Different moments: only {common} s of {first} s show the same."
    LITTLE_CLOSER = "Different shots: only a little closer than two seeds usually are."
    AS_SEEDS = "Different shots: they differ as much as two seeds usually do."
    BEYOND_SEEDS = "Different shots: they differ more than two seeds usually do."

    # What the second is beside the first.
    AND = " and "
    EARLIER = "{seconds} s earlier"
    LATER = "{seconds} s later"
    SHORTER = "{seconds} s shorter"
    LONGER = "{seconds} s longer"
    BRIGHTER = "brighter"
    DARKER = "darker"
    GREY = "without colour"
    COLOURED = "in colour"
    PALER = "paler"
    VIVID = "more colourful"
    OTHER_HUES = "in other colours"
    OTHER_TONES = "in other tones"
    TINTS = (("greener", "redder"), ("bluer", "yellower"))
    MIRRORED = "mirrored"
    UPSIDE_DOWN = "upside down"
    NEGATIVE = "a negative"
    CLOSER = "cropped to about {percent} % of the picture"
    WIDER = "wider: the first shows about {percent} % of its picture"
    SMALLER = "smaller ({size})"
    LARGER = "larger ({size})"
    STRETCHED = "in another shape ({size})"
    RATE = "at {fps} frames a second instead of {instead}"

    # Their figures.
    MOMENT = "moment"
    IN_STEP = "in step"
    OUTLINE = "outline (correlation)"
    COLOUR = "colour (CIEDE2000)"
    AT_WORST = "at worst {figure}"
    LIGHTER = "{lightness} of 100 in lightness"


class Report(Common):
    """The report of an experiment."""

    VIDEOS = "Videos"
    JUDGED = "Ratings and seeds"
    FAILED = "What failed"
    FAILED_HEADS = (("cell", ""), ("state", ""), ("why", ""))
    PICTURES = "Pictures that were sent"
    CELLS = "Every cell"
    FREE_CREDITS = "Simulated runs are free: the credits are what Kie.ai would have charged."
    REPEAT = "To repeat it"
    FACTS = "Details"
    WRITTEN = "An experiment with kie_nb; written"
    COST_SIMULATED = "free; at Kie.ai {credits} credits (${usd})"
    ESTIMATE = ", of about {credits} by the price list"
    AT_RISK = ", {credits} at risk"
