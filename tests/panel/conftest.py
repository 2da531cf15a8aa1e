"""A panel whose page is played by the test: it sends what `panel/browser` sends."""

import time

import pytest

from kie_nb.notebook.panel import Panel
from kie_nb.notebook.panel.form import FIELDS


class Page:
    """What a person does with the panel, and what the page shows."""

    def __init__(self):
        self.panel = Panel()
        self.form = self.panel.form
        self.view = self.panel.view

    def send(self, kind, *buffers, **more):
        self.view._handle_custom_msg({"kind": kind, **more}, list(buffers))

    def write(self, **values):
        self.view.values = {**self.view.values, **values}

    def give(self, path, *, field=None, piece_bytes=1 << 20):
        """A file, in pieces; for the picture, or for another *field*."""
        content = path.read_bytes()
        pieces = [content[at : at + piece_bytes] for at in range(0, len(content), piece_bytes)]
        for number, piece in enumerate(pieces):
            told = {"id": path.name, "name": path.name, "piece": number, "pieces": len(pieces)}
            self.send("piece", memoryview(piece), **told, **({"field": field} if field else {}))

    def click(self, **held):
        """Press Generate under the price that is shown; *held* is what the fields hold by then."""
        form = {name: getattr(self.view, name) for name in FIELDS} | held
        self.send("press", number=self.offer["number"], form=form)

    @property
    def offer(self):
        return self.view.offer

    @property
    def is_on(self):
        return self.offer.get("isOn", False)

    @property
    def money(self):
        """All that is said of money at the button."""
        return "\n".join(str(self.offer.get(name, "")) for name in ("label", "below", "refusal"))

    @property
    def says(self):
        return self.view.line["text"]

    @property
    def is_bad(self):
        return self.view.line["isBad"]

    @property
    def rows(self):
        return self.view.queue["rows"]

    def error(self, name):
        return self.view.errors.get(name, {}).get("text", "")

    @property
    def facts(self):
        return " · ".join(
            part for part in (self.view.picture.get("name"), self.view.picture.get("facts")) if part
        )

    def until(self, condition, *, timeout_s=60):
        end = time.monotonic() + timeout_s
        while not (answer := condition()):
            assert time.monotonic() < end, (self.says, self.money, self.rows, self.view.errors)
            time.sleep(0.02)
        return answer

    def free(self):
        self.until(lambda: self.panel.submission.is_ready and self.offer["isReady"])


@pytest.fixture
def simulator(simulate):
    return simulate()


@pytest.fixture
def page(simulator):
    opened = Page()
    yield opened
    opened.panel.close()


@pytest.fixture
def filled(page, cat):
    page.give(cat)
    page.write(prompt="The cat smiles.")
    page.until(lambda: page.is_on and page.form.picture.picture)
    return page
