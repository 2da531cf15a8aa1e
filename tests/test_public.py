"""What users hold on to: the front of the package, its errors, its settings, its guides and its README."""

import copy
import inspect
import json
import os
import pickle
import platform
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import kie_nb
from kie_nb import demo, errors, reference, settings
from kie_nb.catalogue import known_models
from kie_nb.errors import InvalidRequest
from kie_nb.keys import Secret
from kie_nb.notebook import guides, kie_magic
from kie_nb.notebook.options import all_names
from kie_nb.requests.provenance import made_by
from kie_nb.service.reach import USER_AGENT
from kie_nb.settable import SETTABLE

PACKAGE = Path(kie_nb.__file__).parent
ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
REFERENCE = (ROOT / "notebooks" / "reference.md").read_text(encoding="utf-8")
HEAVY = {
    "httpx",
    "pydantic",
    "sqlalchemy",
    "ipywidgets",
    "anywidget",
    "av",
    "numpy",
    "nest_asyncio2",
    "starlette",
    "uvicorn",
}
KEY = "sk-a-key-that-must-not-show"
ERRORS = sorted(
    (
        found
        for place in ("errors", "service.media")
        for _, found in inspect.getmembers(import_module(f"kie_nb.{place}"), inspect.isclass)
        if issubclass(found, errors.KieError)
    ),
    key=lambda found: found.__name__,
)


# --- the front ----------------------------------------------------------------------------------------------------


def test_the_names_are_sorted_and_all_there():
    """`__all__` is sorted, holds nothing twice, and every name in it can be reached."""
    assert kie_nb.__all__ == sorted(set(kie_nb.__all__))
    assert [name for name in kie_nb.__all__ if getattr(kie_nb, name, None) is None] == []
    assert set(kie_nb.__all__) <= set(dir(kie_nb))
    modules = {path.stem for path in PACKAGE.glob("*.py")} | {
        path.parent.name for path in PACKAGE.glob("*/__init__.py")
    }
    # The import of a module would take its name away from what users call.
    assert modules & {*kie_nb.__all__} == set()


def test_every_error_is_at_the_front():
    """What can be raised can be caught by its public name."""
    theirs = {found.__name__ for found in ERRORS if found.__module__ == "kie_nb.errors"}

    assert theirs <= set(kie_nb.__all__)


def test_the_version_stands_in_one_place():
    """The package says it; what is built, sent and recorded takes it from there."""
    project = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")

    assert re.findall(r"^version = .*", project, re.MULTILINE) == []
    assert USER_AGENT.startswith(f"kie_nb/{kie_nb.__version__} ")
    assert made_by()["kie_nb"] == kie_nb.__version__


CALLS = {
    **{name: getattr(kie_nb, name) for name in kie_nb.__all__ if inspect.isfunction(getattr(kie_nb, name))},
    **{
        f"{owner.__name__}.{name}": getattr(owner, name)
        for owner, names in {
            kie_nb.AsyncKie: "create record wait credits upload download_url download",
            kie_nb.Run: "adopt evidence resend write_off wait tag note rate",
        }.items()
        for name in names.split()
    },
}
RAISE_NOTHING = {
    "panel",
    "load_ipython_extension",
    "unload_ipython_extension",
}  # or say it elsewhere


@pytest.mark.parametrize("name", sorted(CALLS.keys() - RAISE_NOTHING))
def test_a_docstring_says_what_is_raised(name):
    """By names that can be imported and caught."""
    section = inspect.getdoc(CALLS[name]).partition("Raises:\n")[2]
    told = re.findall(r"^    (\w+(?:, \w+)*): ", section, re.MULTILINE)

    assert told
    assert {kind for kinds in told for kind in kinds.split(", ")} <= {*kie_nb.__all__, "Exception"}


def test_asking_says_where_all_that_can_go_wrong_stands():
    """Each class of errors stands in the docstring of its module, to which that of `generate` leads."""
    theirs = {found.__name__ for found in ERRORS if found.__module__ == "kie_nb.errors"}

    assert "help(kie_nb.errors)" in kie_nb.generate.__doc__
    assert {name for name in theirs if name not in kie_nb.errors.__doc__} == set()


def test_asking_fits_one_screen():
    """What Shift-Tab shows: a line for each parameter, and the docstring, in 80 columns."""
    lines = inspect.getdoc(kie_nb.generate).splitlines()

    assert max(map(len, lines)) <= 80
    assert len(inspect.signature(kie_nb.generate).parameters) + 3 + len(lines) <= 34


def test_a_name_that_is_not_there_is_an_attribute_error():
    """Rooms and helpers are not reached by accident."""
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = kie_nb.nonsense


def python(code, environment=os.environ):
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env=environment, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_importing_the_package_loads_nothing_heavy():
    """No HTTP, no database, no video, no notebook: `import kie_nb` is cheap and does nothing."""
    heavy = sorted(HEAVY | {"IPython", "PIL", "asyncio"})

    found = python(f"import sys, kie_nb, json; print(json.dumps([m for m in {heavy} if m in sys.modules]))")

    assert json.loads(found) == []


def test_the_extension_loads_without_network_database_or_video():
    """`%load_ext kie_nb` registers names; what they need waits for their first use, the descriptions of models too."""
    heavy = sorted(HEAVY | {"kie_nb.catalogue.families", "kie_nb.catalogue.models"})
    code = (
        "import sys, json; from IPython.core.interactiveshell import InteractiveShell;"
        "shell = InteractiveShell.instance(); before = set(sys.modules);"
        "shell.run_line_magic('load_ext', 'kie_nb');"
        f"print(json.dumps([m for m in {heavy} if m in set(sys.modules) - before]))"
    )

    assert json.loads(python(code)) == []


# --- errors -------------------------------------------------------------------------------------------------------


def journey(value):
    """To another process and back."""
    return pickle.loads(pickle.dumps(value))  # noqa: S301 - our own, made a line before


def an_error(kind):
    return kind("It went wrong.", hint="do this", charged="5 credits", run_id="r1")


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(
    "through", [copy.copy, copy.deepcopy, journey], ids=["copy", "deep", "pickle"]
)  # fmt: skip
def test_errors_survive_a_journey(kind, through):
    """Through a worker, a notebook runner or a copy they keep their class, words and facts."""
    error = an_error(kind)

    again = through(error)

    assert type(again) is kind
    assert (str(again), vars(again)) == (str(error), vars(error))
    assert again.args == ("It went wrong.",)


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_errors_have_three_parts(kind):
    """What happened, what it cost, what to do next; IPython shows these lines, under the name of the class."""
    lines = ["It went wrong.", "  charged: 5 credits", "  next: do this"]

    assert str(an_error(kind)).splitlines() == lines
    assert an_error(kind)._render_traceback_() == [f"{kind.__name__}: {lines[0]}", *lines[1:]]


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_errors_about_money_say_what_was_charged(kind):
    """A class that says what it costs is never silent about it; the others have nothing to say."""
    silent = {"KieError", "ServiceTrouble", "StillRunning", "LedgerError"}

    assert bool(kind("x").charged) is (kind.__name__ not in silent)


@pytest.mark.parametrize(
    ("kind", "base"),
    [
        (errors.InvalidRequest, ValueError),
        (errors.BadImage, errors.InvalidRequest),
        (errors.RateLimited, errors.Refused),
        (errors.StillRunning, TimeoutError),
        (errors.WaitInterrupted, KeyboardInterrupt),
    ],
)
def test_errors_can_be_caught_as_what_people_expect(kind, base):
    """Python's own classes where they fit."""
    assert issubclass(kind, base)


def test_facts_of_single_errors_survive_too():
    """The body code of a refusal and the upstream's code of a failure."""
    refused = journey(errors.Refused("no", code=455))
    failed = copy.copy(errors.TaskFailed("no", fail_code="500"))

    assert (refused.code, failed.fail_code) == (455, "500")


def test_an_interrupt_says_that_the_task_goes_on():
    """Two lines in the place of a stack, also after a journey."""
    error = journey(errors.WaitInterrupted("task t1 goes on.", hint="%kie resume"))

    assert error._render_traceback_() == ["Interrupted: task t1 goes on.", "  next: %kie resume"]


# --- the key ------------------------------------------------------------------------------------------------------


def test_a_secret_never_shows_itself():
    """Not in a repr, a text, a format, a container, a pickle; only to whoever asks for it by word."""
    secret = Secret(KEY)
    shown = [repr(secret), str(secret), f"{secret}", repr([secret]), repr({"k": secret}), f"{secret!s:>40}"]

    assert [text for text in shown if KEY in text] == []
    assert KEY.encode() not in pickle.dumps(secret)
    assert secret.reveal() == KEY
    assert secret == Secret(KEY) != Secret("another")


def test_the_key_is_in_no_description(monkeypatch):
    """Neither the settings nor `%kie config` show it; both say whether and whence it came."""
    monkeypatch.setenv("KIE_API_KEY", KEY)

    current = settings.current()

    assert current.key.reveal() == KEY
    assert KEY not in repr(current)
    assert KEY not in repr(settings.describe())
    assert dict(settings.describe())["key"] == "set, not shown"
    assert current.key_source == "KIE_API_KEY"


def test_accounts_are_told_apart_without_their_keys(monkeypatch):
    """A salted hash: equal for equal keys, another for another key, service or simulator; no part of the key in it."""

    def account(**environment):
        for name in ("KIE_API_KEY", "KIE_NB_SERVICE", "KIE_BASE_URL"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return settings.current().account

    accounts = [
        account(KIE_API_KEY="abcd1234"),
        account(KIE_API_KEY="abcd1235"),
        account(KIE_API_KEY="abcd1234", KIE_NB_SERVICE="simulator"),
        account(KIE_BASE_URL="http://127.0.0.1:9001"),
        account(KIE_BASE_URL="http://127.0.0.1:9002"),
    ]

    assert len(set(accounts)) == 5
    assert account(KIE_API_KEY="abcd1234") == accounts[0]
    assert "abcd1234" not in "".join(accounts)


# --- settings -----------------------------------------------------------------------------------------------------

DESCRIBE = "import json; from kie_nb import settings; print(json.dumps(settings.describe()))"
LOCAL, REMOTE = "http://127.0.0.1:8123", "https://kie.example.com"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        pytest.param({}, {"service": "simulator", "embedded": True, "key": None, "key_source": "none"}, id="nothing"),
        pytest.param({"KIE_API_KEY": KEY}, {"service": "kie", "embedded": False, "base_url": "https://api.kie.ai", "upload_url": "https://kieai.redpandaai.co"}, id="a key"),
        pytest.param({"KIE_API_KEY": "  "}, {"service": "simulator", "key": None}, id="a blank key"),
        pytest.param({"KIE_BASE_URL": LOCAL}, {"service": "simulator", "embedded": False, "base_url": LOCAL, "upload_url": LOCAL}, id="loopback"),
        pytest.param({"KIE_BASE_URL": "http://localhost:1/"}, {"service": "simulator", "base_url": "http://localhost:1"}, id="localhost, slash dropped"),
        pytest.param({"KIE_BASE_URL": "http://[::1]:1"}, {"service": "simulator", "embedded": False}, id="loopback of IPv6"),
        pytest.param({"KIE_BASE_URL": LOCAL, "KIE_API_KEY": KEY}, {"service": "simulator", "base_url": LOCAL}, id="loopback and a key"),
        pytest.param({"KIE_BASE_URL": "https://127.0.0.1.evil.example", "KIE_API_KEY": KEY}, {"service": "kie"}, id="a look-alike of loopback"),
        pytest.param({"KIE_BASE_URL": REMOTE, "KIE_API_KEY": KEY}, {"service": "kie", "base_url": REMOTE, "upload_url": REMOTE}, id="another house takes uploads too"),
        pytest.param({"KIE_BASE_URL": REMOTE}, {"service": "kie", "key": None}, id="an address without a key is no simulator"),
        pytest.param({"KIE_BASE_URL": REMOTE, "KIE_UPLOAD_URL": "https://up.example.com/"}, {"upload_url": "https://up.example.com"}, id="uploads elsewhere"),
        pytest.param({"KIE_NB_SERVICE": "simulator", "KIE_API_KEY": KEY}, {"service": "simulator", "embedded": True, "key": None}, id="the simulator in spite of a key"),
        pytest.param({"KIE_NB_SERVICE": "simulator", "KIE_BASE_URL": REMOTE, "KIE_API_KEY": KEY}, {"embedded": True, "key": None}, id="the simulator is never a house elsewhere"),
        pytest.param({"KIE_NB_SERVICE": "kie"}, {"service": "kie", "key": None}, id="the service without a key"),
        pytest.param({"KIE_NB_SERVICE": "kie", "KIE_BASE_URL": LOCAL, "KIE_API_KEY": KEY}, {"service": "kie", "base_url": LOCAL}, id="the service by word, on loopback"),
        pytest.param({"KIE_NB_SERVICE": ""}, {"service": "simulator"}, id="empty is unset"),
        pytest.param({"KIE_NB_WAIT": "1"}, {"wait": True}, id="wait"),
        pytest.param({"KIE_NB_WAIT": "No"}, {"wait": False}, id="no wait"),
        pytest.param({"KIE_NB_WAIT": "auto"}, {"wait": None}, id="wait: found out"),
        pytest.param({"KIE_NB_EMBED": "full"}, {"embed": "full"}, id="embed"),
        pytest.param({"KIE_NB_MAX_CREDITS": "120"}, {"max_credits": 120.0}, id="limit"),
        pytest.param({"KIE_NB_CREATES_PER_WINDOW": "5"}, {"creates_per_window": 5}, id="creates"),
        pytest.param({"KIE_NB_SIMULATOR_SPEED": "50"}, {"simulator_speed": 50.0}, id="speed"),
        pytest.param({"KIE_NB_USER": " ana "}, {"user": "ana"}, id="user"),
        pytest.param({"LOGNAME": "ben"}, {"user": f"ben@{platform.node()}"}, id="user of the system"),
        pytest.param({}, {"wait": None, "embed": "preview", "max_credits": None, "creates_per_window": 20, "simulator_speed": 1.0}, id="defaults"),
    ],
)  # fmt: skip
def test_what_the_environment_sets(monkeypatch, environment, expected):
    """Who answers, where, with which key, and every limit."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    current = settings.current()

    assert {name: getattr(current, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("KIE_NB_SERVICE", "kei", "'kie' or 'simulator'"),
        ("KIE_NB_WAIT", "perhaps", "neither yes nor no"),
        ("KIE_NB_EMBED", "all", "'preview', 'full' or 'link'"),
        ("KIE_NB_MAX_CREDITS", "much", "not a number"),
        ("KIE_NB_MAX_CREDITS", "nan", "above 0"),
        ("KIE_NB_MAX_CREDITS", "-5", "above 0"),
        ("KIE_NB_MAX_CREDITS", "inf", "below 1e+12"),
        ("KIE_NB_CREATES_PER_WINDOW", "2.5", "whole number"),
        ("KIE_NB_CREATES_PER_WINDOW", "0", "above 0"),
        ("KIE_NB_SIMULATOR_SPEED", "-1", "above 0"),
        ("KIE_NB_SIMULATOR_SPEED", "fast", "not a number"),
    ],
)
def test_a_variable_that_cannot_be_meant_is_told(monkeypatch, name, value, words):
    """The same limits as `configure`, whichever way it comes: a limit that is no number would keep nothing."""
    monkeypatch.setenv(name, value)

    with pytest.raises(kie_nb.InvalidRequest) as caught:
        settings.current()

    assert words in caught.value.message
    assert value in caught.value.message


def test_configure_goes_before_the_environment(monkeypatch, tmp_path):
    """And None goes back to it."""
    monkeypatch.setenv("KIE_NB_EMBED", "link")
    monkeypatch.setenv("KIE_NB_WAIT", "1")
    monkeypatch.setenv("KIE_API_KEY", KEY)

    kie_nb.configure(
        embed="full", wait=False, service="simulator", home=tmp_path / "other", creates_per_window=3
    )
    over = settings.current()
    kie_nb.configure(embed=None, wait=None, service=None, home=None, creates_per_window=None)
    back = settings.current()

    assert (over.embed, over.wait, over.service, over.home, over.creates_per_window) == (
        "full",
        False,
        "simulator",
        tmp_path / "other",
        3,
    )
    assert (back.embed, back.wait, back.service, back.home, back.creates_per_window) == (
        "link",
        True,
        "kie",
        tmp_path / "kie-runs",
        20,
    )


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"service": "kei"}, id="service"),
        pytest.param({"embed": "all"}, id="embed"),
        pytest.param({"wait": "yes"}, id="wait"),
        pytest.param({"wait": 1}, id="wait 1"),
        pytest.param({"home": 3}, id="home a number"),
        pytest.param({"home": ""}, id="home empty"),
        pytest.param({"home": b"runs"}, id="home bytes"),
        pytest.param({"max_credits": 0}, id="limit 0"),
        pytest.param({"max_credits": True}, id="limit True"),
        pytest.param({"max_credits": float("inf")}, id="limit infinite"),
        pytest.param({"max_credits": 10**400}, id="limit too large"),
        pytest.param({"max_credits": float("nan")}, id="limit not a number"),
        pytest.param({"creates_per_window": 2.5}, id="creates"),
        pytest.param({"creates_per_window": True}, id="creates True"),
        pytest.param({"simulator_speed": 0}, id="speed"),
        pytest.param({"simulator_speed": True}, id="speed True"),
        pytest.param({"user": "a\nb"}, id="user in two lines"),
        pytest.param({"executor": "dask"}, id="executor"),
    ],
)
def test_configure_refuses_what_cannot_be_meant(changes):
    """Nothing is changed then, not even what stands beside it."""
    before = settings.current()

    with pytest.raises(kie_nb.InvalidRequest):
        kie_nb.configure(embed="link", **changes) if "embed" not in changes else kie_nb.configure(**changes)

    assert settings.current() == before


@pytest.mark.parametrize("name", ["hone", "key"])
def test_configure_takes_what_it_names_alone(name):
    """Its parameters are the settings, for completion and type checkers; the key is none of them."""
    with pytest.raises(TypeError, match=name) as caught:
        kie_nb.configure(**{name: KEY})
    assert KEY not in str(caught.value)
    assert {*inspect.signature(kie_nb.configure).parameters} == {*SETTABLE} - {"key"}

    with pytest.raises(kie_nb.InvalidRequest, match="no setting"):
        settings.configure(**{name: KEY})


def test_where_the_key_comes_from(monkeypatch, tmp_path):
    """`%kie login`, then the environment, then a `.env` file in this folder or above."""
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    (tmp_path / ".git").mkdir()  # the root of a repository: what lies above is not looked at
    monkeypatch.chdir(below)
    found = [settings.current().key_source]
    (tmp_path / ".env").write_text(f"# mine\nOTHER=$1\nKIE_API_KEY='{KEY}'\n")
    found.append((settings.current().key_source, settings.current().key.reveal()))
    monkeypatch.setenv("KIE_API_KEY", "from the environment")
    found.append((settings.current().key_source, settings.current().key.reveal()))
    settings.set_key("typed")
    found.append((settings.current().key_source, settings.current().key.reveal()))

    assert found == [
        "none",
        ("../../.env", KEY),
        ("KIE_API_KEY", "from the environment"),
        ("%kie login", "typed"),
    ]


@pytest.mark.parametrize("content", [b"\xff\xfe\x00K", b"", b"KIE_API_KEY=\n", b"nonsense"])
def test_a_dotenv_file_that_holds_no_key_does_no_harm(tmp_path, content):
    """Another program's file, or a broken one."""
    (tmp_path / ".env").write_bytes(content)

    assert settings.current().key is None


def test_a_dotenv_file_is_read_for_its_key_alone(tmp_path):
    """It is not poured into the environment of this process."""
    (tmp_path / ".env").write_text(f"KIE_API_KEY={KEY}\nKIE_NB_EMBED=link\n")

    assert settings.current().embed == "preview"
    assert "KIE_API_KEY" not in os.environ


def test_settings_can_be_read_for_the_service_of_a_run(monkeypatch):
    """A run of the simulator stays with it when a key has come since."""
    monkeypatch.setenv("KIE_API_KEY", KEY)

    assert settings.current().service == "kie"
    assert (settings.current("simulator").service, settings.current("simulator").key) == ("simulator", None)


def test_a_change_of_folder_leads_to_no_other_ledger(monkeypatch, tmp_path):
    """`os.chdir` in a cell must not make the next cell pay again for what the ledger of the notebook's folder has."""
    monkeypatch.setenv("KIE_NB_HOME", "relative")
    before = settings.current().home
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")

    assert settings.current().home == before == tmp_path / "relative"


def test_folders(monkeypatch, tmp_path):
    """`kie-runs` beside the notebook unless another is named, always absolute, `~` filled in."""
    monkeypatch.delenv("KIE_NB_HOME")
    beside = settings.current().home
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KIE_NB_HOME", "~/videos")

    assert beside == tmp_path / "kie-runs"
    assert settings.current().home == tmp_path / "videos"
    assert settings.current().state_home == tmp_path / "state"


def test_the_demo_runs_what_is_shipped(tmp_path, capsys):
    """Not a copy that its user has changed: with `%kie use kie` in it, that would be paid for. The copy stays."""
    copy = demo._unpack(tmp_path)
    assert demo._shipped_beside(copy) == demo.shipped() / demo.NOTEBOOK
    assert not capsys.readouterr().out
    copy.write_text("%kie use kie")

    assert demo._shipped_beside(demo._unpack(tmp_path)) == demo.shipped() / demo.NOTEBOOK
    assert copy.read_text() == "%kie use kie"
    assert "is not as it was shipped" in capsys.readouterr().out


def test_the_demo_takes_nothing_from_its_user(monkeypatch, tmp_path):
    """No limit stops it, no team's ledger gets its runs, no key and no service elsewhere is used; every cell waits."""
    theirs = {
        "KIE_NB_MAX_CREDITS": "10",
        "KIE_NB_LEDGER": "postgresql://u:p@127.0.0.1:1/team",
        "KIE_NB_SERVICE": "kie",
        "KIE_API_KEY": KEY,
        "KIE_BASE_URL": REMOTE,
        "KIE_NB_EMBED": "nonsense",
        "KIE_NB_NOTEBOOK": "theirs.ipynb",
    }
    for name, value in theirs.items():
        monkeypatch.setenv(name, value)

    shown = dict(json.loads(python(DESCRIBE, demo.environment(tmp_path))))

    assert shown["service"] == "simulator"
    assert (shown["max_credits"], shown["key"], shown["embed"], shown["wait"]) == (
        "none",
        "none",
        "preview",
        "True",
    )
    assert shown["ledger_url"] == "none: a file in home"
    assert shown["base_url"] == "not used: the embedded simulator answers"
    assert shown["home"] == str(tmp_path / "kie-runs")
    assert not set(demo.environment(tmp_path)) & (set(theirs) - {"KIE_NB_SERVICE"})


# --- the reference page and the guides ----------------------------------------------------------------------------


def test_the_reference_page_is_what_the_code_says():
    """`python -m kie_nb.reference > notebooks/reference.md` brings it up to date."""
    assert reference.markdown() == REFERENCE


def test_the_reference_names_every_option():
    """In the spelling that stands on the line."""
    names = {name for model in known_models() for name in all_names(model)}

    assert [name for name in sorted(names) if f"`{name}`" not in REFERENCE] == []


def test_the_reference_names_every_variable():
    """Each KIE_ variable that the package reads."""
    source = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    names = set(re.findall(r"\bKIE_(?:NB_[A-Z_]+|SIM_[A-Z_]+|API_KEY|BASE_URL|UPLOAD_URL)\b", source))

    assert len(names) > 8
    assert sorted(names) == sorted(name for name, _, _ in reference.VARIABLES)


def test_every_guide_is_shipped_and_indexed():
    """In `notebooks/README.md` and in the wheel."""
    index = (ROOT / "notebooks" / "README.md").read_text(encoding="utf-8")
    wheel = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    files = {path.name for path in (ROOT / "notebooks").glob("*.ipynb")} | {"reference.md"}

    assert {Path(name).stem for name in files} == set(guides.TOPICS)
    assert [
        name for name in files if f"({name})" not in index or f'"kie_nb/notebooks/{name}"' not in wheel
    ] == []


@pytest.mark.parametrize("topic", guides.TOPICS)
def test_a_guide_can_be_read_in_a_cell(topic, capsys):
    """`%kie help TOPIC` shows its text and code, and is also true of a notebook where Kie.ai answers and is paid."""
    kie_magic.kie(None, f"help {topic}")

    told = capsys.readouterr().out
    assert told.startswith("# ")
    assert "this notebook" not in told.lower()
    assert 'KIE_NB_HOME"] =' not in told
    assert ("```python" in told) is (topic != "reference")


def test_a_guide_that_is_not_there_is_refused():
    """With the nearest one."""
    with pytest.raises(InvalidRequest, match="did you mean 'trouble'"):
        kie_magic.kie(None, "help troubles")


def test_the_readme_is_one_page():
    """At most 150 lines and 900 words, and no line of prose over 120 characters."""
    prose = re.sub(r"```.*?```", "", README, flags=re.DOTALL)

    assert len(README.splitlines()) <= 150
    assert len(README.split()) <= 900
    assert [line for line in prose.splitlines() if len(line) > 120] == []


def test_the_reference_names_each_key_of_a_definition_and_each_column_of_a_frame():
    """As the schema and the table of columns have them."""
    from kie_nb.experiment.columns import NAMES
    from kie_nb.experiment.definition_file import KEYS

    told = [re.match(r"\[?(\w+)", key)[1] for key, _ in reference.DEFINITION]
    assert sorted(told) == sorted(KEYS)
    assert sorted(name for names, _ in reference.FRAME for name in names.split(", ")) == sorted(NAMES)
