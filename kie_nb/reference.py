"""The reference page: settings, options and commands, made from what the package itself reads.

`python -m kie_nb.reference` prints it; `notebooks/reference.md` is its output, and a test compares the two.
"""

from __future__ import annotations

from collections.abc import Sequence

from .catalogue import known_models, listing, rows
from .catalogue.models import DEFAULT_MODEL
from .cli import COMMANDS as SHELL_COMMANDS
from .cli import RUN_CODES
from .notebook.kie_magic import COMMANDS
from .notebook.options import Option, options

# The environment variable, the name in `configure()` ("" where there is none), and what it sets.
_VARIABLES = """
KIE_API_KEY | | The Kie.ai key. Also read from a `.env` file or the keyring; `%kie login` asks for it.
KIE_BASE_URL | | Another address in place of Kie.ai's, such as a gateway or a simulator.
KIE_UPLOAD_URL | | The address that takes uploads, where it is not `KIE_BASE_URL`.
KIE_NB_SERVICE | service | `kie` or `simulator`. Default: `kie` where there is a key, else `simulator`.
KIE_NB_HOME | home | Folder of the ledger, videos and pictures. Default: `kie-runs` beside the notebook; where that cannot be known, in the folder that the kernel runs in.
KIE_NB_LEDGER | | PostgreSQL address of a team's ledger. Default: a file in the home folder.
KIE_NB_CONNECTIONS | | The most connections of a kernel to that PostgreSQL. Default: 3; with 1, changes by others are seen after up to 20 s.
KIE_NB_FILES | files | Where videos and pictures are, for a team: `s3://bucket/prefix`, `gs://…`, `az://…` or a mounted folder. Default: the home folder. Credentials stay in the store's own variables.
KIE_NB_CACHE | cache | Copies of what is in that store: a folder, a size such as `20 GB`, or `folder, 20 GB`; safe to delete. Default: `cache` in the home folder, 10 GB.
KIE_NB_STATE | | Folder for what all notebooks of a user share: the rate grants.
KIE_NB_WAIT | wait | `1`: every cell waits for its video; `0`: none does. Default: all wait where nobody watches.
KIE_NB_EMBED | embed | `preview` (a small copy, default), `full` (the file) or `link`.
KIE_NB_MAX_CREDITS | max_credits | The most that one run may be estimated at, in credits. Default: no limit.
KIE_NB_CREATES_PER_WINDOW | creates_per_window | New tasks in any 10 s. Default: 20, what Kie.ai allows; fewer for some minutes once it shows that another program uses the account.
KIE_NB_PUBLIC_URL | | Address under which the service reaches your Jupyter server or `kie-nb listen`, for `--callback auto`. Default: JupyterHub's, where it says it.
KIE_NB_WEBHOOK_SECRET | | The webhook key from Kie.ai's settings; with it the receiver takes signed callbacks alone.
KIE_NB_NOTEBOOK | notebook | Your name for the notebook: its budget counts what has this name, on any machine. Default: the file's name, folder and machine.
KIE_NB_USER | user | Who asks, tags and rates, for a team. Default: your name at the system, and the machine: `ana@laptop`.
KIE_NB_SIMULATOR_SPEED | simulator_speed | How many times faster than Kie.ai the simulator works.
KIE_SIM_DRIFT | | 0 to 1: the simulator draws other pixels for the same request.
KIE_SIM_FAULTS | | Faults that the simulator plays, as JSON; `kie-nb simulator --help` lists them.
KIE_SIM_FAULTS_FILE | | The same in a file, read at each request.
"""
VARIABLES = [tuple(map(str.strip, line.split("|", 2))) for line in _VARIABLES.strip().splitlines()]
# Each key of a definition, and what it says.
_DEFINITION = """
kie_nb = 1 | The version of the format.
name = "smile" | The experiment's name in the ledger.
description = "…" | What it is for.
model = "wan/2-5-image-to-video" | By default the same as everywhere.
max_credits = 600 | The most that all its runs may cost, where none is given to `run` or on the command line.
repeats = 2 | Runs of each request.
sample = 20 | So many cells of the grid, at random; a larger sample has those of a smaller one.
sample_seed = 0 | Which ones.
labels = ["group"] | What cells say besides, which is kept and not sent.
zip = [["prompt", "duration"]] | Axes that advance together.
cells = [{seed = 1}] | Cells that are listed, one by one, beside the axes; `[[cells]]` as well.
dropped = [{seed = 1}] | Cells that are left out, by their values on some axes or on all.
[fixed] | What all cells have in common: fields, `image`, values of placeholders.
[axes] | Lists of values that are crossed; `{range = [0, 20]}` is 0 to 19, and seeds may be written as "0-19".
[when] | Axes that belong to some values of others: `duration = {resolution = "720p"}`.
"""
DEFINITION = [tuple(map(str.strip, line.split(" | "))) for line in _DEFINITION.strip().splitlines()]
# The columns of a frame, and what they hold.
_FRAME = """
run, task_id | Ids: ours, and the service's.
experiment, service, model | Whose cell it is, who answers, and which model.
state, error | In the words of the screens; *to come* without a run. What went wrong.
attempts | How often the request was sent.
prompt, prompt_template | As it was sent, or is to be; with its placeholders.
negative_prompt, resolution, duration, seed | As sent, defaults included; seconds are numbers.
image, image_sha256, image_width, image_height | The picture: its name, and the bytes that were sent.
repeat | The number of the repetition, from 1.
rating, score, tags | What people said; what `Experiment.tell` was told; tags as one text.
credits, estimate | What it cost, empty where that is not known; what it should cost.
asked_at, completed_at, waited_s | Moments (UTC), and the seconds that the task was at work.
video_path, on_disk, video_sha256 | The file, whether it is on this machine, and its hash.
seed_distance | How far it is from other seeds of its request, 0 for equal: the median of the pairs that `spread`, `report` or `verify` measured. Empty for a video in none of them: they take 30 pairs, `spread(pairs=None)` all, and none with a video that is damaged or not on disk.
repeat_distance, repeat_verdict | How far it is from the same request bought again by `verify`.
git_commit, git_dirty, notebook, execution_count, kie_nb, python, os | Where it was asked for.
"""
FRAME = [tuple(map(str.strip, line.split(" | "))) for line in _FRAME.strip().splitlines()]


def markdown() -> str:
    """The page."""
    return "\n\n".join(
        [
            "# Reference",
            "Made from the code; `%kie help reference` shows it in a notebook.",
            "## Settings",
            (
                "`kie_nb.configure(name=value)` sets for one process what a variable sets for all. "
                "`%kie config` shows the values in force; the key is never shown. `executor=` takes a Dask client (`kie_nb[dask]`) or any "
                "`concurrent.futures.Executor` for downloads, previews and comparisons; no variable sets it."
            ),
            _table(
                ("variable", "configure", "meaning"),
                [(f"`{name}`", f"`{setting}`" if setting else "", text) for name, setting, text in VARIABLES],
            ),
            "## Models",
            (
                "`--model` takes an id or a short name that means one of them (`wan-3`). What stands in brackets may be left out. "
                "A model without a seed cannot be repeated: the same request again makes another video."
            ),
            _table(
                listing.COLUMNS, [(f"`{model}`", *rest) for model, *rest in listing.lines(rows().values())]
            ),
            "## Options of `%%kie_wan`",
            _table(
                ("option", "meaning"), [(_spelled(option), option.help) for option in options(DEFAULT_MODEL)]
            ),
            (
                "Options of other models; `%kie_wan --model ID --help` shows what one of them takes for each. The wire's own "
                "names of media work as well."
            ),
            _table(("option", "meaning", "models"), _of_others()),
            "## Commands of `%kie`",
            _table(
                ("command", "meaning"),
                [(f"`%kie {name}`", command.__doc__ or "") for name, command in COMMANDS.items()],
            ),
            "## Command line",
            _table(
                ("command", "meaning; `--help` after it lists its options"),
                [(f"`kie-nb {name}`", text) for name, text in SHELL_COMMANDS.items()],
            ),
            f"`kie-nb run` ends with these codes:\n\n```text\n{RUN_CODES}```",
            "## Definition of an experiment",
            "What `Experiment.save` writes and `kie-nb run` takes, in TOML; what has no effect is refused with its line.",
            _table(("key", "meaning"), [(f"`{key}`", text) for key, text in DEFINITION]),
            "## Columns of a frame",
            (
                "The same from `Experiment.to_frame`, `kie_nb.runs().to_frame()`, `kie_nb.experiments(…).to_frame()`, CSV, JSON lines and "
                "Parquet. Other inputs of the model and the axes stand after `seed`; an axis that is called as a column is `axis_NAME`."
            ),
            _table(
                ("columns", "meaning"),
                [(", ".join(f"`{name}`" for name in names.split(", ")), text) for names, text in FRAME],
            )
            + "\n",
        ]
    )


def _of_others() -> list[tuple[str, str, str]]:
    """The options that the default model has not, each once: a spelling, what it means, and how many models have it."""
    common = {name for option in options(DEFAULT_MODEL) for name in option.names}
    found: dict[str, list[tuple[str, Option]]] = {}
    for model in known_models():
        for option in options(model):
            if not option.is_hidden and not common.issuperset(option.names):
                spelled = ", ".join(f"`{name}`" for name in (*option.names, *option.nos))
                found.setdefault(spelled, []).append((model, option))
    return [
        (spelled, having[0][1].help.partition(";")[0], having[0][0] if len(having) == 1 else str(len(having)))
        for spelled, having in sorted(found.items())
    ]


def _spelled(option: Option) -> str:
    names = ", ".join(f"`{name}`" for name in option.names)
    if option.choices:
        return f"{names} {' or '.join(f'`{choice}`' for choice in option.choices)}"
    if option.is_boolean:
        return f"{names}, {', '.join(f'`{no}`' for no in option.nos)}"
    return f"{names} `{option.metavar}`" if option.takes_value else names


def _table(headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [headings, tuple("---" for _ in headings), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


if __name__ == "__main__":
    print(markdown(), end="")  # noqa: T201 - asked for by word
