"""A prompt that is a script: wherever a notebook shows it, it is words, and no page holds an element made of it."""

import html.parser

import pytest

from kie_nb.simulator import Fault

SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>"
PROMPT = f"The cat </div></title>{SCRIPT}\" ' & smiles."


class Elements(html.parser.HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, text):
        super().__init__()
        self.names, self.handlers, self.words = [], [], ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        is_ours = tag == "img" and (dict(attrs).get("src") or "").startswith("data:image/jpeg;base64,")
        self.names += [] if is_ours else [tag]  # the still of a video is a picture of ours
        self.handlers += [
            name for name, value in attrs if name.startswith("on") or "javascript:" in (value or "")
        ]
        self.words += " ".join(value or "" for _, value in attrs)

    def handle_data(self, data):
        self.words += data


def is_harmless(page, *, shows=SCRIPT):
    """Whether *page* shows the script as words and has nothing of it as an element."""
    found = Elements(page)
    made_of_it = {"script", "img", "iframe", "object", "svg"} & set(found.names)
    return not made_of_it and not found.handlers and shows in found.words


@pytest.fixture(scope="module")
def made(kernel):
    """One finished run, with the script in its prompt, its tag and its note; and what its cell showed."""
    cell = kernel.run(f"%%kie_wan --image cat.png --seed 7 --wait -o clip\n{PROMPT}")
    assert cell.status == "ok", cell.error
    assert kernel.run(f"clip.tag({SCRIPT!r}).note({SCRIPT!r})").status == "ok"
    return cell


def test_the_cell_that_made_it(made):
    """The finished video with its facts."""
    assert is_harmless(made.html)


@pytest.mark.parametrize(
    "source",
    ["clip", "clip.show()", "%kie show {id}", "%kie runs", "import kie_nb; kie_nb.runs()"],
)  # fmt: skip
def test_wherever_it_is_shown_again(kernel, made, source):
    """The video and the lists."""
    cell = kernel.run(source.replace("{id}", kernel.value("clip.id").strip("'")))

    assert cell.status == "ok", cell.error
    assert is_harmless(cell.html, shows="<script>" if "runs" in source else SCRIPT)


def test_what_is_still_under_way(kernel, simulator, made):
    """The card of a run that waits, and of one that failed with the service's words."""
    simulator.set_faults([Fault(call="task", kind="fail", times=1)])
    cell = kernel.run(f"%%kie_wan --image cat.png --seed 8 --wait\n{PROMPT}")
    simulator.set_faults([])

    assert cell.status == "error"
    assert "TaskFailed" in cell.error
    assert is_harmless(cell.html)


def test_a_refusal_whose_words_are_a_script(kernel, made):
    """A mistake in a name is told with the name in it."""
    cell = kernel.run(f"%kie show {SCRIPT.replace(' ', '')}")

    assert cell.status == "error"
    assert not cell.html


def test_the_doctor_and_the_copy_to_give_away(kernel, simulator, made, shared):
    """The table of findings names files and runs; the album shows every prompt."""
    assert kernel.run("%kie export out").status == "ok"
    page = (shared.folder / "out" / "index.html").read_text(encoding="utf-8")
    simulator.set_faults([Fault(call="download", kind="expired"), Fault(call="download_url", kind="422_url")])
    kernel.run("clip.video.rename(clip.video.with_name('<script>x<.mp4'))")
    cell = kernel.run("%kie doctor", timeout_s=120)
    kernel.run("clip.video.with_name('<script>x<.mp4').rename(clip.video)")
    simulator.set_faults([])

    assert is_harmless(page)
    assert cell.status == "ok", cell.error
    assert is_harmless(cell.html, shows="<script>x<.mp4")
