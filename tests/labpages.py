"""Pages of JupyterLab: each is loaded once and taken by one notebook after the other.

Loading a page costs seconds of computing, opening a notebook in it a tenth of one. Whoever tests what a new page does closes
the one before for good. A page is kept only if nothing of its last notebook is left on it.
"""

import itertools

_LOADED = "() => window.jupyterapp?.restored?.then(() => true)"
# What a notebook leaves goes, and what does not go is told.
_CLEAR = """async () => {
    const app = window.jupyterapp;
    for (const widget of [...app.shell.widgets('main')]) widget.dispose();
    if (document.body.dataset.jpThemeName !== 'JupyterLab Light')
        await app.commands.execute('apputils:change-theme', { theme: 'JupyterLab Light' });
    const unusual = '.jp-Dialog, .Toastify__toast, .jp-NotebookPanel, .jp-Launcher, body > .lm-Menu, #jupyterlab-splash';
    let left = [];
    for (let tries = 0; tries < 60; tries++) {  // the curtain of a change of colours takes a second to rise
        left = [...document.querySelectorAll(unusual)].map((each) => each.className || each.id);
        if (!left.length) break;
        await new Promise((done) => setTimeout(done, 50));
    }
    return left;
}"""


class LabPages:
    """The pages of a browser, by their servers."""

    def __init__(self, context, width, height):
        self._context = context
        self._size = {"width": width, "height": height}
        self._idle, self._used = {}, {}
        self._numbers = itertools.count(1)

    def take(self, server, timeout_s=60):
        """A page with no notebook in it."""
        idle = self._idle.setdefault(server, [])
        page = idle.pop() if idle else self._load(server, timeout_s)
        self._used[page] = server
        page.bring_to_front()  # the one that a person looks at: no other may have the clipboard
        return page

    def give_back(self, page):
        """Keep the page for the next notebook if it is as it came."""
        server = self._used.pop(page, None)
        if server is None or page.is_closed() or self._left_on(page):
            page.close()
        else:
            self._idle[server].append(page)

    def distrust(self):
        """Keep no page that is in use now: something has failed on it."""
        self._used.clear()

    def _load(self, server, timeout_s):
        page = self._context.new_page()
        # A workspace of its own: nothing of another page is restored in it.
        page.goto(server.url(f"/lab/workspaces/page-{next(self._numbers)}"), wait_until="domcontentloaded")
        page.wait_for_function(_LOADED, timeout=timeout_s * 1000)
        return page

    def _left_on(self, page):
        page.mouse.move(0, 0)
        page.emulate_media(
            **dict.fromkeys(("color_scheme", "forced_colors", "media", "reduced_motion"), "null")
        )
        page.set_viewport_size(self._size)
        return page.evaluate(_CLEAR)
