"""One JupyterLab and one Chromium for all browser tests.

They run where a Chromium is installed; under CI=true a missing one is a failure. What they share ends with the last of them:
until then Playwright occupies the event loop of this thread.
A failed test leaves a screenshot of every open page in `test-artifacts/`. With KIE_NB_ARTIFACTS=FOLDER that is in this folder, and
the tests leave pictures of all screens there, in light and dark: taking them costs a tenth of the tests' computing.
"""

import contextlib
import os
import re
from importlib.util import find_spec
from pathlib import Path

import pytest
from labdriver import Browser, Notebook, Server, find_chromium, write_notebook

HERE = Path(__file__).parent


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    browser = item.funcargs.get("chromium")
    if report.when == "call" and report.failed and browser is not None:
        for number, page in enumerate(browser.context.pages):
            # A page that hangs fails its picture too; that must not hide why the test failed.
            with contextlib.suppress(Exception):
                path = browser.picture(f"failed-{safe_name(item.name)}-{number}", page, is_needed=True)
                report.sections.append(("screenshot", str(path)))
        browser.lab_pages.distrust()
    return report


@pytest.fixture(scope="package")
def artifacts():
    """The folder for screenshots."""
    return Path(os.environ.get("KIE_NB_ARTIFACTS") or HERE.parents[1] / "test-artifacts")


@pytest.fixture(scope="package")
def chromium(artifacts):
    """The browser all tests share."""
    program = find_chromium()
    if program is None:
        give_up("no Chromium found: install one, or name it in the variable CHROMIUM")
    require("playwright")
    is_watched = bool(os.environ.get("KIE_NB_ARTIFACTS"))
    with Browser(program, artifacts=artifacts, is_watched=is_watched) as browser:
        yield browser


@pytest.fixture(scope="package")
def start_server(tmp_path_factory):
    """Start another server: ``start_server("voila", env={...})``. It is stopped at the end."""
    started = []

    def start(kind="lab", **options):
        require({"lab": "jupyterlab"}.get(kind, kind))
        root = tmp_path_factory.mktemp(f"{kind}-root")
        started.append(Server(root, kind, private=tmp_path_factory.mktemp(f"{kind}-private"), **options))
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture(scope="package")
def lab(chromium, start_server):
    """The JupyterLab all tests share."""
    return start_server("lab")


@pytest.fixture
def folder(lab, request):
    """A folder of the test's own that the server can see: `kie-runs` of two tests do not meet."""
    path = lab.root / safe_name(f"{request.path.stem}-{request.node.name}")  # two files may name a test alike
    path.mkdir()
    return path


@pytest.fixture
def open_notebook(chromium, lab, folder):
    """Open a notebook with the given cells: ``nb = open_notebook("1 + 1", "print('hello')")``."""
    opened = []

    def open_cells(*cells, name="notebook.ipynb", **options):
        path = write_notebook(folder / name, *cells)
        notebook = Notebook(chromium, lab, path.relative_to(lab.root).as_posix())
        opened.append(notebook)
        return notebook.open(**options)

    yield open_cells
    for notebook in opened:
        if notebook.page is not None:
            notebook.shutdown_kernel()
            notebook.close()


def safe_name(text):
    return re.sub(r"[^\w.-]+", "_", text)


def require(module):
    if find_spec(module) is None:
        give_up(f"the package {module} is not installed")


def give_up(reason):
    """Leave the test out on somebody's machine, fail it where all tests are expected to run."""
    if os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(f"{reason} (and CI={os.environ['CI']} asks for the browser tests)", pytrace=False)
    pytest.skip(reason)
