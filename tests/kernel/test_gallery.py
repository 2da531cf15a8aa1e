"""The gallery's kernel half as a front end meets it: small state, bytes on demand, late answers dropped, errors told."""

import json

import manyruns
import pytest

MAKE = """
import json, kie_nb
from ipywidgets import Widget
from kie_nb.notebook.gallery import Gallery
said, used = [], []
def use(run):
    used.append(run)
    raise RuntimeError("the form is gone")
gallery = Gallery(use, said.append)
gallery.box
"""
STATES = (
    """print(json.dumps({id: each["state"] for id, each in Widget.get_manager_state()["state"].items()}))"""
)


@pytest.fixture(scope="module")
def gallery(shared):
    """A kernel with a gallery of 30 runs, and the id of its widget."""
    kernel = shared.kernel()
    manyruns.fill(shared.folder / "kie-runs", 30)
    assert kernel.run(MAKE).status == "ok"
    (widget,) = [name for name, state in states_of(kernel).items() if "asked" in state]
    return kernel, widget


def states_of(kernel):
    return json.loads(kernel.run(STATES).text)


def tell(gallery, *contents):
    """Say all of *contents* at once, and give a function that takes the answers of a kind."""
    kernel, widget = gallery
    before = len(kernel.comms)
    for content in contents:
        kernel.tell(widget, {"who": "a page", **content})

    def answers(kind):
        return [
            message
            for message in kernel.comms[before:]
            if message["comm_id"] == widget and message["data"].get("content", {}).get("kind") == kind
        ]

    return answers


def page(number, **asked):
    return {"kind": "page", "number": number, "asked": asked}


def test_of_many_questions_the_last_one_is_answered(gallery):
    """While the kernel was busy somebody typed: what they typed first is not looked up."""
    kernel, _ = gallery
    busy = kernel.submit("import time; time.sleep(1)")
    answers = tell(gallery, *(page(number, text="take 2"[:number]) for number in range(1, 7)))
    kernel.result(busy)

    kernel.until(lambda: answers("page") and answers("page")[-1]["data"]["content"]["number"] == 6)
    numbers = [answer["data"]["content"]["number"] for answer in answers("page")]
    assert numbers == [6]
    assert answers("page")[0]["data"]["content"]["count"] == 11


def test_posters_and_previews_come_as_bytes(gallery):
    """A JPEG for each run that was named, and an MP4; a run that is not there is left out."""
    kernel, _ = gallery
    answers = tell(gallery, page(10))
    kernel.until(lambda: answers("page"))
    ids = [row["id"] for row in answers("page")[0]["data"]["content"]["rows"][:2]]
    answers = tell(gallery, {"kind": "posters", "ids": [*ids, "nobody"]}, {"kind": "video", "id": ids[0]})

    (found,) = kernel.until(lambda: answers("posters"))
    assert found["data"]["content"]["ids"] == ids
    assert [bytes(each[:3]) for each in found["buffers"]] == [b"\xff\xd8\xff"] * 2
    (found,) = kernel.until(lambda: answers("video"))
    assert bytes(found["buffers"][0][4:8]) == b"ftyp"


def test_a_file_comes_in_parts(gallery):
    """Each when it is asked for, from where the last one ended; what cannot be read is told in its place."""
    kernel, _ = gallery
    answers = tell(gallery, page(12))
    kernel.until(lambda: answers("page"))
    row = answers("page")[0]["data"]["content"]["rows"][0]
    kernel.run("from kie_nb.notebook.gallery import media; media.PART = 1000")
    whole, size = b"", 1
    while len(whole) < size:
        answers = tell(gallery, {"kind": "file", "id": row["id"], "at": len(whole)})
        (part,) = kernel.until(lambda found=answers: found("part"))
        size = part["data"]["content"]["size"]
        whole += bytes(part["buffers"][0])
    answers = tell(gallery, {"kind": "file", "id": "nobody", "at": 0}, {"kind": "file", "at": {}})
    kernel.until(lambda: len(answers("part")) == 2)

    assert whole == (kernel.folder / row["file"]).read_bytes()
    assert all(part["data"]["content"]["why"] for part in answers("part"))


def test_nothing_of_the_runs_is_in_the_state(gallery):
    """After pages, posters and videos: the state is the question, the chosen ones, the code, and two plain boxes."""
    kernel, widget = gallery
    states = states_of(kernel)
    own = states.pop(widget)

    assert own.pop("_esm")
    assert own.pop("_css")
    assert len(json.dumps(own)) < 1500
    assert {state["_model_name"] for state in states.values()} == {"VBoxModel", "LayoutModel"}
    assert "take " not in json.dumps([own, states])


def test_a_wall_is_let_go_with_its_place(gallery):
    """Another one takes its place, then a button empties it: the kernel keeps no widget of either."""
    kernel, _ = gallery
    answers = tell(gallery, page(15))
    kernel.until(lambda: answers("page"))
    ids = [row["id"] for row in answers("page")[0]["data"]["content"]["rows"][:2]]
    for number in (1, 2):
        answers = tell(gallery, {"kind": "wall", "ids": ids})
        kernel.until(lambda found=answers: found("announce"))
        assert walls_of(kernel) == 1, number
    kernel.run("gallery._results.clear()")

    assert walls_of(kernel) == 0


def walls_of(kernel):
    return sum("marks" in state and "data" in state for state in states_of(kernel).values())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"kind": "rate", "id": "no-such-run", "stars": 3}, "No run here begins with"),
        ({"kind": "rate", "stars": 9}, "use 1 to 5"),
        ({"kind": "tag", "ids": ["{id}"], "tag": "", "is_on": True}, "cannot be a tag"),
        ({"kind": "compare", "ids": []}, "Exactly two runs"),
        ({"kind": "export", "ids": [], "folder": "out"}, "no run"),
        ({"kind": "wall", "ids": []}, "nothing to put on a wall"),
        ({"kind": "use"}, "the form is gone"),
    ],
    ids=lambda value: value if isinstance(value, str) else value["kind"],
)
def test_what_goes_wrong_is_told(gallery, content, words):
    """In the line that the gallery was given, whatever failed; never only in a log."""
    kernel, _ = gallery
    answers = tell(gallery, page(20))
    kernel.until(lambda: answers("page"))
    first = answers("page")[0]["data"]["content"]["rows"][0]["id"]
    kernel.run("said.clear()")
    tell(gallery, {"id": first, **content, **({"ids": [first]} if content.get("ids") else {})})

    kernel.until(lambda: words in kernel.value("' '.join(said)"))


def test_nonsense_is_not_heard(gallery):
    """Messages of another version neither fail nor answer."""
    kernel, _ = gallery
    kernel.run("said.clear()")
    tell(
        gallery, {"kind": "dance"}, {"kind": ["page"]}, {"kind": "page", "number": "x", "asked": 7, "who": {}}
    )
    answers = tell(gallery, page(30))

    kernel.until(lambda: answers("page"))
    assert kernel.value("said") == "[]"
