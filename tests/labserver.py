"""A Jupyter server of the tests' own: its HOME, settings and log are private, its kernels see no KIE_ variable."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import quote

import kernelforks

TOKEN = "t0k"
TESTS = Path(__file__).parent
SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
}
# What no test looks at is left out of the Lab that all share: each page of it loads in two thirds of the time.
UNUSED = (
    "apputils-extension:announcements", "console-extension", "csvviewer-extension", "debugger-extension",
    "extensionmanager-extension", "help-extension", "htmlviewer-extension", "imageviewer-extension", "inspector-extension",
    "launcher-extension", "logconsole-extension", "lsp-extension", "pdf-extension", "property-inspector-extension",
    "running-extension", "terminal-extension", "toc-extension", "vega5-extension", "workspaces-extension",
)  # fmt: skip
UNUSED_OF_OTHERS = (
    "@jupyter-notebook/lab-extension",
    "@voila-dashboards/jupyterlab-preview",
    "jupyterlab-jupytext",
)
UNUSED_ON_SERVER = (
    "jupyter_lsp",
    "jupyter_server_terminals",
    "jupyterlab_jupytext",
    "notebook",
    "voila.server_extension",
)
# A user's settings must not reach the server, its kernels, or the package under test.
SCRUBBED = ("KIE_", "JUPYTER", "IPYTHON", "XDG_")


def write_notebook(path, *cells, **metadata):
    """Write a notebook whose code cells are the given sources."""
    import nbformat
    from nbformat.v4 import new_code_cell, new_notebook

    notebook = new_notebook(cells=[new_code_cell(source) for source in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook.metadata.update(metadata)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path


class Server:
    """A Jupyter server over the folder *root*, of kind "lab", "notebook", "voila" or "server" (no front end); a context manager.

    `private` is the folder for its HOME, its settings and its log. `env` is added to what the kernels see.
    `expose` puts the application on the page, where `labdriver.Notebook` needs it; users have it not. A Lab that is exposed
    has nothing else that tests do not need.
    """

    def __init__(
        self,
        root,
        kind="lab",
        *,
        private,
        env=None,
        settings=None,
        start_timeout_s=60,
        expose=True,
        port=None,
    ):
        self._exposes = expose
        self.kind, self.root, self.private = kind, Path(root), Path(private)
        self.root.mkdir(parents=True, exist_ok=True)
        self.port = port or _free_port()
        self.log = self.private / f"{kind}.log"
        variables = self._private_environment(settings or {}) | (env or {})
        if kind == "lab" and expose:
            self._leave_out_what_is_unused()
        if kind != "server":
            variables |= _forked_kernels(variables)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*_end_with_us(), *self._command()],
                cwd=self.root,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            self._wait_until_it_answers(start_timeout_s)
        except BaseException:
            self.stop()
            raise

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}{'&' if '?' in path else '?'}token={TOKEN}"

    def notebook_url(self, name, kind=None):
        """Its page, of another *kind* where the server has both: Notebook 7's has Lab's too."""
        name = quote(str(name))
        pages = {
            "lab": f"/lab/tree/{name}?reset",
            "notebook": f"/notebooks/{name}",
            "voila": f"/voila/render/{name}",
        }
        return self.url(pages[kind or self.kind])

    def stop(self):
        """End the server and, through it, its kernels."""
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait(15)

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        self.stop()

    def _command(self):
        if self.kind == "voila":
            options = [str(self.root), f"--port={self.port}", "--Voila.ip=127.0.0.1", f"--token={TOKEN}"]
            return [sys.executable, "-m", "voila", "--no-browser", *options]
        module, app = {
            "lab": ("jupyterlab", "LabApp"),
            "notebook": ("notebook", "JupyterNotebookApp"),
            "server": ("jupyter_server", ""),
        }[self.kind]
        return [
            sys.executable,
            "-m",
            module,
            "--allow-root",
            "--no-browser",
            "--ServerApp.ip=127.0.0.1",
            f"--ServerApp.port={self.port}",
            "--ServerApp.port_retries=0",
            f"--IdentityProvider.token={TOKEN}",
            f"--ServerApp.root_dir={self.root}",
            *([f"--{app}.expose_app_in_browser={self._exposes}"] if app else []),
        ]

    def _private_environment(self, settings):
        folders = {
            "HOME": "home",
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "JUPYTERLAB_SETTINGS_DIR": "settings",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        }
        for folder in folders.values():
            (self.private / folder).mkdir(parents=True, exist_ok=True)
        # As user settings: Notebook 7 ignores an overrides.json that Lab would obey.
        for plugin in SETTINGS.keys() | settings.keys():
            package, name = plugin.split(":")
            file = self.private / "settings" / package / f"{name}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps({**SETTINGS.get(plugin, {}), **settings.get(plugin, {})}))
        kept = {name: value for name, value in os.environ.items() if not name.startswith(SCRUBBED)}
        own = {name: str(self.private / folder) for name, folder in folders.items()}
        return {**kept, **own, "JUPYTER_PLATFORM_DIRS": "1"}

    def _leave_out_what_is_unused(self):
        names = (*(f"@jupyterlab/{name}" for name in UNUSED), *UNUSED_OF_OTHERS)
        page = {
            "disabledExtensions": dict.fromkeys(names, True),
            "buildCheck": False,
            "buildAvailable": False,
        }
        server = {"ServerApp": {"jpserver_extensions": dict.fromkeys(UNUSED_ON_SERVER, False)}}
        for name, content in {
            "labconfig/page_config.json": page,
            "jupyter_server_config.json": server,
        }.items():
            file = self.private / "config" / name
            file.parent.mkdir(exist_ok=True)
            file.write_text(json.dumps(content))

    def _wait_until_it_answers(self, timeout_s):
        page = self.url("/voila/static/voila.js" if self.kind == "voila" else "/api/status")
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        end = time.monotonic() + timeout_s
        while True:
            try:
                with direct.open(page, timeout=2) as answer:
                    answer.read()
            except urllib.error.HTTPError as answer:
                answer.close()  # any answer will do
            except OSError as exc:
                if self._process.poll() is not None or time.monotonic() > end:
                    end_of_log = self.log.read_text(errors="replace")[-2000:]
                    raise RuntimeError(f"{self.kind} did not start:\n{end_of_log}") from exc
                time.sleep(0.1)
                continue
            return


def _forked_kernels(variables):
    """What makes a server start its kernels as forks (`kernelprovisioner`), where that is possible; they draw small videos."""
    if sys.platform != "linux":
        return {}
    paths = [str(TESTS), str(TESTS / "startup"), *filter(None, [variables.get("PYTHONPATH")])]
    shared = {"PYTHONPATH": os.pathsep.join(paths), kernelforks.FOLDER: str(kernelforks.share())}
    return shared | {"JUPYTER_DEFAULT_PROVISIONER_NAME": "forked", "TINY_VIDEOS": "1"}


def _end_with_us():
    """Where Linux offers it, the server is told to end when this process is killed; else it would stay for ever."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM"] if setpriv else []


def _free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
