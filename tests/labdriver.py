"""Drive a real JupyterLab, Notebook 7 or Voila in a real Chromium.

Tests in `tests/browser` use it through the fixtures of their conftest. What made it reliable:

* The application is put on ``window.jupyterapp``. Cells are run, saved and read through it, not by pressing keys;
  the DOM is looked at only for what is visual: a button to click, a ``<video>`` to watch.
* Every server has a HOME of its own and its own settings: no autosave, no news, every cell in the DOM.
* Pages of Lab are loaded once and used again (`labpages`).
* Nobody waits for the promise of "run all": a cell that the kernel lost would hang it for ever.

Playwright's blocking API keeps an asyncio loop "running" in this thread, so `asyncio.run` fails while a `Browser`
is open; the conftest closes it after the last of these tests for that reason.
"""

import os
import shutil
from pathlib import Path

from labpages import LabPages
from labserver import Server, write_notebook

__all__ = ["Browser", "Notebook", "Server", "find_chromium", "watch_video", "write_notebook"]

FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]
OFFLINE = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
LOOK_MS = 50  # by default Playwright looks at every frame, for which a quiet page is drawn 60 times a second
PANEL = "const P = window.jupyterapp.shell.currentWidget; "


def find_chromium():
    """The path of a Chromium or Chrome, or None; the variable CHROMIUM decides when it is set."""
    candidates = ["/usr/bin/chromium", "chromium", "chromium-browser", "google-chrome"]
    if os.environ.get("CHROMIUM"):
        candidates = [os.environ["CHROMIUM"]]
    return next((found for found in map(shutil.which, candidates) if found), None)


class Browser:
    """One Chromium; a context manager. Without `is_watched` it takes the pictures that a test needs, and no others."""

    def __init__(self, chromium, *, artifacts, is_watched=True, width=1280, height=1000):
        from playwright.sync_api import sync_playwright

        self.artifacts, self.is_watched = Path(artifacts), is_watched
        self._playwright = sync_playwright().start()
        try:
            # A profile on disk keeps what Chromium compiled: Lab's pages cost a fifth less from the third on.
            self.context = self._playwright.chromium.launch_persistent_context(
                "", viewport={"width": width, "height": height}, executable_path=chromium, args=FLAGS
            )
        except BaseException:
            self._playwright.stop()
            raise
        self.lab_pages = LabPages(self.context, width, height)

    def page(self, *, width=None, height=None, is_offline=False):
        """A new page, which its user closes; *is_offline* is of this page alone."""
        page = self.context.new_page()
        if width and height:
            page.set_viewport_size({"width": width, "height": height})
        if is_offline:
            devtools = self.context.new_cdp_session(page)
            devtools.send("Network.enable")
            devtools.send("Network.emulateNetworkConditions", OFFLINE)
        return page

    def picture(self, name, of, *, is_needed=False):
        """Write a screenshot *of* a page or a locator to the artifacts folder and return its path."""
        if not (is_needed or self.is_watched):
            return None
        path = self.artifacts / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        of.screenshot(path=path)
        return path

    def close(self):
        self.context.close()
        self._playwright.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        self.close()


class Notebook:
    """One notebook in Lab or Notebook 7. Cells are counted from 0."""

    def __init__(self, browser, server, name):
        self.browser, self.server, self.name = browser, server, str(name)
        self.page = None
        self.console = []

    # -- opening and closing

    def open(self, *, kernel=True, timeout_s=60):
        """Open the notebook, with a running kernel or with none at all."""
        if self.server.kind == "lab":
            self.page = self.browser.lab_pages.take(self.server, timeout_s)
            self.page.on("console", self._hear)
            self.page.evaluate(_OPEN, [self.name, kernel])
        else:
            self.page = self.browser.page()
            self.page.on("console", self._hear)
            self.page.goto(self.server.notebook_url(self.name), wait_until="domcontentloaded")
        self._ready(timeout_s)
        if kernel:
            self.wait_idle(timeout_s)
        return self

    def close(self, *, for_good=False):
        """Leave the page: to the next notebook, or for good."""
        if self.page is None:
            return
        self.page.remove_listener("console", self._hear)
        if for_good:
            self.page.close()
        self.browser.lab_pages.give_back(self.page)
        self.page = None

    def reopen(self, *, kernel=False, in_new_page=True, timeout_s=60):
        """End the kernel, close notebook and page, and open the saved file as one would next week; or close the notebook alone."""
        self.shutdown_kernel()
        self.close(for_good=in_new_page)
        return self.open(kernel=kernel, timeout_s=timeout_s)

    def reload(self, timeout_s=60):
        """Press F5: the kernel goes on."""
        self.page.reload(wait_until="domcontentloaded")
        self._ready(timeout_s)
        self.wait_idle(timeout_s)

    def save(self):
        self._run("await P.context.save();")

    def _ready(self, timeout_s):
        self.page.wait_for_function(
            "() => { const P = window.jupyterapp?.shell?.currentWidget; return P?.content?.widgets?.length > 0; }",
            timeout=timeout_s * 1000,
            polling=LOOK_MS,
        )
        self._run("await P.context.ready; await P.revealed;")

    def _hear(self, message):
        self.console.append(f"{message.type}: {message.text}")

    # -- the kernel

    def wait_idle(self, timeout_s=60):
        self._wait(
            "const k = P.sessionContext.session?.kernel;"
            " return k && k.status === 'idle' && k.connectionStatus === 'connected';",
            timeout_s,
        )

    def has_kernel(self):
        return self._run("return Boolean(P.sessionContext.session?.kernel);")

    def interrupt(self):
        self._run("await P.sessionContext.session.kernel.interrupt();")

    def shutdown_kernel(self):
        self._run("if (P.sessionContext.session) await P.sessionContext.shutdown();")

    # -- cells

    def add_cell(self, source):
        """Append a code cell and return its number."""
        return self._run(
            "P.model.sharedModel.addCell({ cell_type: 'code', source: arg }); return P.content.widgets.length - 1;",
            source,
        )

    def start_cell(self, number):
        """Run a cell without waiting for it."""
        self._run(
            "P.content.activeCellIndex = arg; P.content.deselectAll();"
            " P.content.widgets[arg].model.executionCount = null;"  # a second run must not look done
            " window.jupyterapp.commands.execute('notebook:run-cell');",
            number,
        )

    def wait_cell(self, number, timeout_s=60):
        self._wait(f"return {_IS_DONE}(P.content.widgets[arg].model);", timeout_s, number)

    def run_cell(self, number, timeout_s=60):
        """Run a cell to its end and return the text of its outputs."""
        self.start_cell(number)
        self.wait_cell(number, timeout_s)
        return self.text(number)

    def run_all(self, timeout_s=120):
        self._run(
            "for (const w of P.content.widgets) if (w.model.type === 'code') w.model.executionCount = null;"
            " window.jupyterapp.commands.execute('notebook:run-all-cells');"
        )
        self._wait(
            "return P.content.widgets.every(w => w.model.type !== 'code'"
            f" || !w.model.sharedModel.getSource().trim() || {_IS_DONE}(w.model));",
            timeout_s,
        )
        self.wait_idle(timeout_s)

    def outputs(self, number):
        """The outputs as the notebook file would keep them."""
        return self._run("return P.content.widgets[arg].outputArea.model.toJSON();", number)

    def text(self, number):
        """What the outputs say in plain text."""
        return "".join(_plain(output) for output in self.outputs(number))

    # -- what is on screen

    def cell(self, number):
        """Playwright's locator of a cell."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(number)

    def wait_dom(self, number, predicate, timeout_s=60):
        """Wait until a JavaScript function of the cell's element says yes; its answer is returned.

        For example ``nb.wait_dom(0, "cell => cell.querySelector('video')?.readyState >= 2")``.
        """
        from playwright.sync_api import TimeoutError as TooLate

        handle = self.cell(number).element_handle()
        try:
            return self.page.wait_for_function(
                predicate, arg=handle, timeout=timeout_s * 1000, polling=LOOK_MS
            ).json_value()
        except TooLate as exc:
            seen = self.cell(number).inner_text()[-1000:]
            raise AssertionError(
                f"not within {timeout_s} s: {predicate}\ncell {number} shows:\n{seen}"
            ) from exc

    def set_theme(self, theme):
        """Switch Lab to "dark" or "light"."""
        name = {"dark": "JupyterLab Dark", "light": "JupyterLab Light"}[theme]
        self._run("await window.jupyterapp.commands.execute('apputils:change-theme', { theme: arg });", name)
        self.page.wait_for_function("(name) => document.body.dataset.jpThemeName === name", arg=name)

    def screenshot(self, name, cell=None, **more):
        """Write a picture of the page, or of one cell, to the artifacts folder and return its path."""
        return self.browser.picture(name, self.page if cell is None else self.cell(cell), **more)

    # -- JavaScript with the notebook panel as P

    def _run(self, script, arg=None):
        return self.page.evaluate("async (arg) => {" + PANEL + script + "}", arg)

    def _wait(self, script, timeout_s, arg=None):
        self.page.wait_for_function(
            "(arg) => {" + PANEL + script + "}", arg=arg, timeout=timeout_s * 1000, polling=LOOK_MS
        )


# Lab has no public way to open a notebook without a kernel, only this choice of its notebook factory.
_OPEN = """async ([path, kernel]) => {
    const app = window.jupyterapp;
    const factory = app.docRegistry.getWidgetFactory('Notebook');
    for (const name of ['preferKernel', 'canStartKernel'])
        if (kernel) delete factory[name];
        else Object.defineProperty(factory, name, { value: false, configurable: true });
    await app.commands.execute('docmanager:open', { path, factory: 'Notebook' });
}"""
# The count is set by the kernel's answer; a cell that waits for the kernel shows [*] through its state.
_IS_DONE = "(m => m.executionCount !== null && m.executionState !== 'running')"


def _plain(output):
    if output["output_type"] == "stream":
        return "".join(output["text"])
    if output["output_type"] == "error":
        return f"{output['ename']}: {output['evalue']}"
    return "".join(output["data"].get("text/plain", ""))


def watch_video(locator, seconds=1.0):
    """Play a <video> without sound and say what it did: readyState, t0, t1, duration, w, h, error ..."""
    return locator.evaluate(
        """async (video, seconds) => {
            const pause = (s) => new Promise((done) => setTimeout(done, s * 1000));
            let error = null;
            video.muted = true;
            try { await Promise.race([video.play(), pause(20).then(() => { throw 'play() timed out'; })]); }
            catch (e) { error = String(e); }
            const t0 = video.currentTime;
            await pause(seconds);
            // A machine that is busy shows its first frames late.
            for (let tries = 0; tries < 100 && !error && video.currentTime === t0; tries++) await pause(0.2);
            return { readyState: video.readyState, t0, t1: video.currentTime, duration: video.duration,
                     w: video.videoWidth, h: video.videoHeight, paused: video.paused,
                     error: error || (video.error && video.error.message), src: (video.currentSrc || '').slice(0, 80) };
        }""",
        seconds,
    )
