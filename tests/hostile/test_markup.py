"""Whatever stands in a run, a name or an error is text on every page of ours, and never a tag, an attribute, a formula or a script."""

import ast
import dataclasses
import datetime as dt
import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from hostilewords import HIDDEN, MARKUP, OTHERS, TEXTS, Seen, check_page, check_part, hidden_in
from hypothesis import given, settings
from hypothesis import strategies as st
from kerneldriver import Workshop
from madefolder import make_folder

import kie_nb as kie
from kie_nb import tables
from kie_nb.errors import TaskFailed
from kie_nb.experiment.comparison import Comparison
from kie_nb.experiment.plan import Plan
from kie_nb.experiment.status import Status
from kie_nb.experiment.verdict import Judgement
from kie_nb.experiment.verdict import Verdict as Alike
from kie_nb.experiment.wall import Wall
from kie_nb.experiment.wall_media import Medium
from kie_nb.experiment.wall_page import wall_page
from kie_nb.experiment.wall_tiles import Pair
from kie_nb.ledger import Standing
from kie_nb.ledger.states import State
from kie_nb.notebook import page, run_page
from kie_nb.notebook.experiment_page import experiment_page
from kie_nb.notebook.gallery.tiles import tile
from kie_nb.notebook.live_output import LiveOutput
from kie_nb.notebook.panel.static import static_page
from kie_nb.notebook.run_list import RunList
from kie_nb.notebook.wall_widget import page_of
from kie_nb.operations.evidence import Evidence, Others, Verdict
from kie_nb.operations.integrity import Finding, Report
from kie_nb.video import Appearance, Framing, Likeness, Side

PLAIN = "plain"
JPEG = b"\xff\xd8\xff\xe0 a picture"
MEDIUM = Medium(source="x.mp4", still=JPEG, fps=1.0, frames=1, aspect=1.0)
AT = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
LIVELY = re.compile(r"<[a-z!/][a-z0-9]*[\s>/]")
TEMPLATES = {"html", "Html"}


def run_of(value, *, state=State.FAIL, **more):
    """What the pages ask of a run, with *value* wherever a row holds text or what ought to be a figure."""
    text = value if isinstance(value, str) else str(value)
    inputs = {"prompt": text, "duration": value, "resolution": value}
    image = SimpleNamespace(label=value, by_url=False, sha256=text, width=1, height=1)
    error = TaskFailed(text, hint=text, charged=text)
    given = {
        "id": "abcdef123456", "prompt": text, "model": text, "seed": value, "task_id": text, "state": state, "error": error,
        "service": "kie", "credits": None, "estimate": None, "duration_s": 1.0, "trouble": text, "remarks": (text,),
        "name_remark": text, "is_here": False, "is_kept": False, "damage": (text,),
        "is_final": True, "is_film": False, "videos": [Path("videos") / (text.replace("\0", "") or "x")], "video": None, "created_at": AT,
        "completed_at": AT, "link_until": AT, "rating": 3, "tags": (text,), "missing": (),
        "request": SimpleNamespace(inputs=inputs, image=image, model=text, replicate=0, takes_seed=True, has_no_seed=False, length=text, size=text, other_media={"video": text}),
        "ledger": SimpleNamespace(leases=SimpleNamespace(is_dead=lambda _row: False)),
        "row": SimpleNamespace(asked_by=text, seed_drawn=True, owner=None, experiment=text, video_sha256=text, error={"message": text}, made_by={"kie_nb": value}, origin={"parts": [{"run": text}, {"name": text}]}, files=(), note=text),
    }  # fmt: skip
    return SimpleNamespace(**given | more)


def experiment_of(value):
    error = {"message": value, "hint": value}
    standing = Standing(id="a" * 12, fingerprint="f", service="kie", state="fail", credits=None, estimate=None, duration_s=None, error=error)  # fmt: skip
    status = Status(
        cells=1, counts={"fail": 1}, spent=1.0, at_risk=0.0, estimate=None, elapsed_s=1.0, left_s=None, stopped=str(value)
    )  # fmt: skip
    return SimpleNamespace(
        name=value, look=lambda: (status, [({str(value): value}, standing)]), is_running=False
    )


def comparison_of(value):
    side = Side(name=value, sha256=str(value), bytes=1, frames=1, duration_s=1.0, fps=1.0, width=1, height=1, has_sound=False)  # fmt: skip
    figures = {
        "ssim": 1.0,
        "ssim_min": 1.0,
        "pairs": 1,
        "compared_s": 1.0,
        "shift_s": 0.0,
        "seen": Appearance(
            outline=1.0,
            outline_min=1.0,
            framing=Framing.SAME,
            part=1.0,
            colour=0.0,
            hue=0.0,
            lightness=0.0,
            saturation=1.0,
            tint=(0.0, 0.0),
            chroma=(0.0, 0.0),
        ),
    }
    likeness = Likeness(first=side, second=side, same_bytes=False, same_frames=False, compared_width=1, compared_height=1, sound=None, **figures)  # fmt: skip
    judgement = Judgement(
        verdict=Alike.ALIKE, sentence=str(value), distance=0.0, spread=None, reasons=(str(value),)
    )
    pair = Pair([(str(value), run_of(value), Path("x.mp4"))] * 2, title=str(value))
    return Comparison(
        first=value, second=value, likeness=likeness, judgement=judgement, strip=JPEG, pair=pair
    )


def plan_of(value):
    prepared = SimpleNamespace(
        request=SimpleNamespace(
            inputs={"prompt": value},
            prompt=str(value),
            image=None,
            seed=value,
            estimate=None,
            other_media={"video": str(value)},
        )
    )
    cell = SimpleNamespace(place={str(value): value}, shown={str(value): value}, prepared=prepared)
    return Plan(name=value, cells=(cell,), rows=(None,), per_window=1, remarks=(str(value),))


def wall_of(value):
    places = [{f"axis {value}": first, "seed": second} for first in (value, "other") for second in (1, 2)]
    runs = [run_of(value), None, None, None]
    return Wall(list(zip(places, runs, strict=True)), title=str(value))


def kept_page(value):
    """The page in a live card's output."""
    output = LiveOutput.__new__(LiveOutput)
    output._widget = object()
    return output._with_view({"text/html": run_page.card(run_of(value))})["text/html"].partition("</style>")[
        2
    ][: -len("</div>")]


PARTS = {
    "table": lambda value: tables.as_html([value, "b"], [[value, value], [tables.Link(value, str(value), JPEG), value]], caption=value),
    "caption": lambda value: tables.as_html([], [], caption=value),
    "remark": tables.remark_html,
    "card": lambda value: run_page.card(run_of(value), note=str(value)),
    "open card": lambda value: run_page.card(run_of(value, is_final=False), note=str(value)),
    "kept page of a card": kept_page,
    "video": lambda value: run_page.finished_page("video", run_of(value), source="videos/x.mp4", poster=JPEG, note=str(value)),
    "picture": lambda value: run_page.finished_page("image", run_of(value), source="videos/x.png", poster=None, note=str(value)),
    "runs": lambda value: RunList([run_of(value)])._repr_html_(),
    "experiment": lambda value: page_of_experiment(experiment_of(value)),
    "plan": lambda value: plan_of(value)._repr_html_(),
    "comparison": lambda value: without_script(comparison_of(value).part(lambda _: MEDIUM).html),
    "evidence": lambda value: Evidence(run_id="a" * 12, happened=value, cost=None, before=None, after=None, others=Others(), verdict=Verdict.OPEN, matched=value, logs=value)._repr_html_(),
    "findings": lambda value: Report(findings=(Finding(run=str(value), file=value, kind=str(value), what=value, done=value),), runs=1, files=1)._repr_html_(),
    "wall": lambda value: without_script(page_of(wall_of(value), make=False)["text/html"]),
}  # fmt: skip


def page_of_experiment(exp):
    return page.boxed(experiment_page(exp)) if hasattr(page, "boxed") else experiment_page(exp)


def without_script(part):
    return re.sub(r"<(script|style).*?</\1>", "", str(part), flags=re.DOTALL)


@pytest.mark.parametrize("build", PARTS.values(), ids=PARTS)
def test_what_a_cell_shows_is_text(build):
    """Every part that a notebook is given has the same tags and attributes for whatever stands in it, and no formula is made."""
    like = build(PLAIN)
    for value in TEXTS.values():
        check_part(build(value), like)


@pytest.mark.parametrize("name", ["table", "card", "video", "runs", "experiment", "plan", "wall"])
def test_what_is_no_text_is_text_too(name):
    """A column for figures may hold anything: bytes, a list, nothing."""
    for value in OTHERS.values():
        check_part(PARTS[name](value), PARTS[name](PLAIN) if value is not None and name != "wall" else None)


@settings(max_examples=60, deadline=None)
@given(
    st.text(
        alphabet=st.one_of(st.characters(), st.sampled_from("<>&\"'{}$\\\x1b\u202e\u2028\ud800")),
        min_size=1,
        max_size=40,
    )
)
def test_no_text_at_all_is_markup(text):
    """The same for text that nobody has thought of."""
    for name in ("table", "card", "runs", "wall"):
        check_part(PARTS[name](f"x{text}x"), PARTS[name](PLAIN))


def test_static_words_are_no_formula():
    """Nor is what stands in the place of a panel."""
    check_part(static_page())


# --- pages for a file --------------------------------------------------------------------------------------------


def policy(text):
    found = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    return found[1].replace("&#x27;", "'") if found else ""


def check_file(text, like):
    check_page(re.sub(r"(<(script|style)[^>]*>).*?(</\2>)", r"\1\3", text, flags=re.DOTALL), re.sub(r"(<(script|style)[^>]*>).*?(</\2>)", r"\1\3", like, flags=re.DOTALL))  # fmt: skip
    assert hidden_in(text) == []
    allowed = policy(text)
    assert "default-src 'none'" in allowed
    assert "http" not in allowed
    assert "unsafe" not in allowed.split("script-src", 1)[1].split(";", 1)[0]


@pytest.mark.parametrize("value", TEXTS.values(), ids=TEXTS)
def test_a_wall_for_a_file_is_text(value):
    """In its grid, its data and its title; its policy lets it run its own script alone and ask nobody."""
    text = wall_page(wall_of(value), lambda _: MEDIUM)

    check_file(text, wall_page(wall_of(PLAIN), lambda _: MEDIUM))
    data = re.search(r'<script type="application/json"[^>]*>(.*?)</script>', text, re.DOTALL)[1]
    assert not set("<>&") & set(data)
    assert hidden_in(json.loads(data)["title"]) == []
    text.encode()


def test_an_exported_folder_and_a_report_are_text(simulate, cat, tmp_path):
    """A prompt from a stranger's folder on the page of an export; a name, a prompt and an error on a report."""
    simulate()
    pages, reports = [], []
    for name, value in (
        ("a", PLAIN),
        ("b", " ".join(MARKUP.values())),
        ("c", " ".join([*HIDDEN.values()][:-1])),
    ):
        kie.configure(home=tmp_path / name / "kie-runs")
        kie.import_runs(make_folder(tmp_path / name / "from", cat, prompt=value))
        pages.append((kie.export(tmp_path / name / "to").folder / "index.html").read_text(encoding="utf-8"))
        exp = kie.Experiment(
            f"x {value}"[:80], model="wan/2-5-text-to-video", prompt=[value, "other"], seed=1
        )
        exp.run().wait(60)
        exp.runs[0].tag(value.replace("\0", "")[:40])
        reports.append(exp.report(tmp_path / f"{name}.html").read_text(encoding="utf-8"))
    for text in pages[1:]:
        check_file(text, pages[0])
    for text in reports:  # a long text stands in a line of its own, so shapes may differ
        check_file(text, text)


# --- what the browser is told -------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", HIDDEN.values(), ids=HIDDEN)
def test_the_gallery_is_told_nothing_hidden(value):
    """But for tags, which the page writes so itself: it sends them back to the letter."""
    told = tile(run_of(value, completed_at=AT))

    assert hidden_in(json.dumps({**told, "tags": ""}, ensure_ascii=False)) == []
    assert told["tags"] == [value]


def test_no_page_is_written_but_with_a_template():
    """A tag in an f-string, or in a text that is joined or filled by hand, is where the next value goes in as it is."""
    found = []
    for path in sorted(Path(kie.__file__).parent.rglob("*.py")):
        if "simulator" in path.parts:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        templates = {
            id(part)
            for call in ast.walk(tree)
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in TEMPLATES
            for part in ast.walk(ast.Tuple(call.args[:1]))
        }
        for node in ast.walk(tree):
            is_method = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            parts = (
                [node.func.value]
                if is_method
                else [node.left, node.right]
                if isinstance(node, ast.BinOp)
                else []
            )
            parts = node.values if isinstance(node, ast.JoinedStr) else parts
            found += [
                f"{path.name}:{part.lineno}: {part.value[:60]}"
                for part in parts
                if isinstance(part, ast.Constant)
                and isinstance(part.value, str)
                and id(part) not in templates
                if LIVELY.search(part.value)
            ]
    assert found == []


def test_no_template_lets_a_value_in_unescaped():
    """Neither by a filter nor by a switch; and what Jinja joins it escapes in its own way, which leaves hidden signs."""
    templates = list((Path(kie.__file__).parent / "templates").iterdir())

    assert templates
    for path in templates:
        assert (
            re.findall(r"\|\s*safe|autoescape|Markup|~|\|\s*(?:join|replace|format)", path.read_text()) == []
        )


# --- through the kernel --------------------------------------------------------------------------------------------


@pytest.mark.kernel
def test_a_cell_keeps_text(tmp_path):
    """A prompt full of markup and orders, by the magic on a real kernel: card, video, table and error hold nothing of it."""
    workshop = Workshop(tmp_path)
    try:
        kernel = workshop.kernel(workshop.simulate())
        prompt = " ".join([*MARKUP.values(), "\x1b[31m", "\u202e", "\u200b"])
        for code in (
            f"%%kie_wan --model wan/2-5-text-to-video --seed 1 --wait -o clip\n{prompt}",
            "%kie runs",
            "%kie show {clip.id}",
            "import kie_nb as kie\nkie.wall([clip])",
            "kie.Experiment('x', model='wan/2-5-text-to-video', seed=[1], prompt=[clip.prompt]).plan()",
        ):
            cell = kernel.run(
                code.replace(
                    "{clip.id}", kernel.value("clip.id")[1:9] if "{" in code and "clip.id" in code else ""
                )
            )
            assert cell.status == "ok", cell.error
            for output in cell.outputs:
                for part in (output.get("data") or {}).get("text/html", ""), output.get("text", ""):
                    assert hidden_in(part) == []
                check_shown(output)
    finally:
        workshop.close()


def check_shown(output):
    part = without_script((output.get("data") or {}).get("text/html", ""))
    if part:
        inner = re.sub(r'^<div class="kie-kept">(.*)</div>$', r"\1", part, flags=re.DOTALL)
        check_part(inner)
        assert not {"script", "svg", "iframe"} & {tag[0] for tag in Seen(inner).shape}


def test_templates_take_values_alone():
    """Braces and percent signs in a value are not filled in; `Html` stays what it is, and joins nothing unescaped."""
    from kie_nb.markup import Html, html, joined

    @dataclasses.dataclass
    class Sly:
        def __format__(self, _spec):
            return "<b>"

        def __str__(self):
            return "<i>"

    assert html("<p {a}>{}</p>", "{0} {a} %s <", a=Html("x")) == "<p x>{0} {a} %s &lt;</p>"
    assert html("<p>{}</p>", Sly()) == "<p>&lt;b&gt;</p>"
    assert joined(["<", Html("<br>"), 1], "<hr>") == "&lt;<hr><br><hr>1"
    assert Html("<p>") + "<" + Html("</p>") == "<p>&lt;</p>"


@pytest.mark.parametrize(
    "content", [b"", b"<svg onload=alert(1)>", b"<html>", b"%PDF-1.7", b"GIF", b"\0\0\0\x18moov"]
)
def test_what_is_no_picture_or_video_has_no_address(content):
    """A page never holds bytes under a type that they are not of."""
    from kie_nb.markup import data_url

    assert data_url(content) == ""
    assert data_url(JPEG).startswith("data:image/jpeg;base64,")
    assert "poster" not in run_page.finished_page("video", run_of(PLAIN), source="x", poster=content or b"x")
