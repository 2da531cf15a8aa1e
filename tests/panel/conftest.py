"""A panel whose page is played by the test: it answers as `picture.js` does."""

import time

import pytest

from kie_nb.notebook.panel import Panel


class Page:
    """What a person does with the panel."""

    def __init__(self):
        self.panel = Panel()
        self.form = self.panel.form

    def field(self, name):
        return next(control for control in self.form._shown() if control.entry.name == name)

    def write(self, **values):
        for name, value in values.items():
            self.field(name).widget.value = value

    def give(self, path, *, piece_bytes=1 << 20):
        """A file, in pieces."""
        content = path.read_bytes()
        pieces = [content[at : at + piece_bytes] for at in range(0, len(content), piece_bytes)]
        for number, piece in enumerate(pieces):
            message = {"id": path.name, "name": path.name, "piece": number, "pieces": len(pieces)}
            self.form.picture._message(None, message, [memoryview(piece)])

    def click(self):
        self.panel.button.click()

    def answer(self):
        """The page says that nothing of it is on its way."""
        self.form.picture._message(None, {"answered": self.panel.submission._number}, [])

    @property
    def says(self):
        return self.panel.callbacks.line.text

    @property
    def money(self):
        return self.panel.money.value

    @property
    def rows(self):
        return list(self.panel.queue.rows.children)

    def until(self, condition, *, timeout_s=15):
        end = time.monotonic() + timeout_s
        while not (answer := condition()):
            assert time.monotonic() < end, (
                self.says,
                self.money,
                [row.children[0].value for row in self.rows],
            )
            time.sleep(0.02)
        return answer

    def free(self):
        self.until(lambda: self.panel.submission.is_ready)


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
    page.until(lambda: "estimate" in page.money and page.form.picture.picture)
    return page
