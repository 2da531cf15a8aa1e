"""Text for a terminal, a log or a `repr` shows what is in it: nothing obeys it, turns it round or hides in it."""

import io
import logging
import os
import types
import unicodedata

import pytest
from hostilewords import HIDDEN, hidden_in
from hypothesis import given, settings
from hypothesis import strategies as st
from kerneldriver import Workshop
from kernelforks import script
from madefolder import make_folder

import kie_nb as kie
from kie_nb import errors, tables

EVIL = "a\x1b[2Jb\u202ec\u200bd\x9be\r"
ORDINARY = {
    "words": "The cat's tail moves, über 100 % (»ruhig«) – 猫。",
    "lines": "one\n\ttwo\n",
    "emoji that are joined": "👩‍🚀 🏳️‍🌈 👨‍👩‍👧‍👦 ❤️‍🔥",
    "emoji with a skin": "👋🏽 🧑🏿‍🦰",
    "flags": "🇪🇺 🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    "Persian": "می‌خواهم",
    "Hindi": "क्‍ष श्री",
    "Hebrew and Arabic": "שלום مرحبا",
    "blanks of other widths": "10\u202f000\u00a0€\u3000全角",
    "combined letters": "Ame\u0301lie n̈",
}


@pytest.mark.parametrize("text", ORDINARY.values(), ids=ORDINARY)
def test_ordinary_text_stays_as_it_is(text):
    """Scripts, emoji and blanks of all the world."""
    from kie_nb.text import visible

    assert visible(text) == text


@pytest.mark.parametrize("text", HIDDEN.values(), ids=HIDDEN)
def test_hidden_signs_are_shown(text):
    """Each of them as its escape, once; the rest as it is."""
    from kie_nb.text import in_line, visible

    shown = visible(text)

    assert hidden_in(shown) == []
    assert visible(shown) == shown
    assert eval(f"'{shown}'") == text  # noqa: S307 - ours; an escape is one of Python's
    assert in_line("a\nb\tc") == r"a\nb\tc"
    shown.encode()


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.characters(codec=None), max_size=30))
def test_any_text_can_be_shown(text):
    """What is left can be written to any file, and only joiners are invisible in it."""
    from kie_nb.text import visible

    left = [sign for sign in visible(text) if unicodedata.category(sign) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]

    assert set(left) <= {"\n", "\t", "\u200c", "\u200d", *map(chr, range(0xE0020, 0xE0080))}
    visible(text).encode()


# --- errors ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", [errors.KieError, errors.TaskFailed, errors.OutcomeUnknown, errors.LedgerError]
)
def test_an_error_shows_all_of_its_words(kind):
    """Message, next step and what was charged, also where one of them was set later: in `str`, and in what IPython shows."""
    error = kind(f"m {EVIL}", hint=f"h {EVIL}", charged=f"c {EVIL}")
    later = kind("m")
    later.message, later.hint, later.charged = f"m {EVIL}", f"h {EVIL}", f"c {EVIL}"

    for one in (error, later):
        for text in (str(one), *one.lines(), *one._render_traceback_()):
            assert hidden_in(text) == []
        assert str(one).count(r"a\x1b[2Jb\u202ec\u200bd\x9be\r") == 3


def test_an_interrupted_wait_shows_its_words():
    """Its lines stand in a cell too."""
    lines = errors.WaitInterrupted(EVIL, hint=EVIL, charged=EVIL)._render_traceback_()

    assert [hidden_in(line) for line in lines] == [[], [], []]


def test_a_cancelled_wait_shows_its_words():
    """As the same."""
    import asyncio

    error = asyncio.CancelledError()
    errors.explain_cancelled(error, EVIL, hint=EVIL, charged=EVIL)

    assert [hidden_in(line) for line in error._render_traceback_()] == [[], [], []]


# --- tables, reprs, prints, logs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", HIDDEN.values(), ids=HIDDEN)
def test_a_table_in_text_has_its_own_lines_alone(text):
    """Headings, cells and caption."""
    shown = tables.as_text([text, "b"], [[text, f"{text}\n  forged"]], caption=text)

    assert hidden_in(shown) == []
    assert len(shown.split("\n")) == 3
    assert hidden_in(tables.as_text([], [], caption=text)) == []


def test_what_a_run_and_its_folder_say_of_themselves(simulate, cat, tmp_path):
    """Every `repr` of a stranger's run, its experiment and its export."""
    simulate()
    text = EVIL.replace("\r", "")
    folder = make_folder(tmp_path / "from", cat, prompt=text)
    kie.import_runs(folder)
    run = kie.runs()[0]
    exp = kie.Experiment(f"x {text}", model="wan/2-5-text-to-video", seed=1, prompt=[text, "b"])
    odd = types.SimpleNamespace(
        id=text, state=text, seed=text, video=None, task_id=text, service="simulator", remarks=(text,)
    )
    assert hidden_in(type(run).__repr__(odd)) == []

    shown = [
        run,
        kie.runs(),
        exp,
        exp.plan(),
        exp.status(),
        kie.export(tmp_path / "to"),
        kie.doctor(mend=False),
    ]
    for one in (*shown, exp.wall()):
        assert hidden_in(repr(one)) == []


def test_a_log_holds_no_orders(caplog):
    """A file's name and an id from a row, in the words of ours; figures stay figures."""
    caplog.set_level(logging.DEBUG, logger="kie_nb")
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    logger = logging.getLogger("kie_nb")
    logger.addHandler(handler)
    try:
        logger.warning("no preview for %s, %d of %.1f", f"videos/{EVIL}\nERROR forged", 1, 2.0)
    finally:
        logger.removeHandler(handler)

    assert hidden_in(out.getvalue().strip()) == []
    assert out.getvalue().endswith("1 of 2.0\n")
    assert out.getvalue().count("\n") == 1


def test_the_command_line_says_what_is_there(cat, tmp_path):
    """A folder whose name has orders in it, and a run of a stranger: what is exported, what is refused."""
    make_folder(tmp_path / "from", cat, prompt=EVIL)
    env = {**os.environ, "KIE_NB_SERVICE": "simulator", "PYTHONUTF8": "1"}
    said = ""
    for args in (
        ["import", "from"],
        ["export", "a\x1b[31mb\u202ec"],
        ["export", "d", "\x1b[31m"],
        ["run", "\u202e.toml"],
    ):
        done = script("-m", "kie_nb.cli", *args, env=env, cwd=tmp_path)
        said += done.stdout + done.stderr

    assert hidden_in(said) == []
    assert said.count(r"a\x1b[31mb\u202ec") == 1


def test_a_name_with_orders_is_not_completed(tmp_path):
    """What is offered is put into the cell: a line break in a file's name would put lines of code there."""
    from kie_nb.notebook.completion import _answer

    names = ["a.png", "b\n!touch harm.png", "c\x1b[31m.png", "d\u202e.png"]

    offered = _answer(names, "")["completions"]

    assert [entry.text for entry in offered] == ["a.png"]


def test_a_note_is_no_markdown_where_it_is_read_as_that():
    """MLflow's page does: a picture in it would call its address."""
    from kie_nb.experiment.tracking import _tags

    note = "![x](https://tracker.example/x.png) <img src=x> `a` $b$ \u202e plain, words: 1-2"
    run = types.SimpleNamespace(
        id="a", service="kie", state="fail", task_id=None, tags=(), origin={"notebook": None, "git_commit": None}, remarks=(),
        row=types.SimpleNamespace(error={"message": "m"}, video_sha256=None, note=note),
    )  # fmt: skip

    told = _tags(run, "x", _no_places())["mlflow.note.content"]

    assert hidden_in(told) == []
    assert told.startswith(r"\!\[x\](https://tracker.example/x.png) \<img src=x\> \`a\` \$b\$")
    assert told.endswith("plain, words: 1-2")


def _no_places():
    from pathlib import Path

    from kie_nb.paths import places_of

    return places_of(Path.cwd())


@pytest.mark.kernel
def test_a_cell_prints_what_is_there(tmp_path):
    """Housekeeping and refusals on a real kernel: nothing of a prompt, a name or an argument is obeyed."""
    workshop = Workshop(tmp_path)
    try:
        kernel = workshop.kernel(workshop.simulate())
        evil = "a\x1b[31mb\u202ec\u200bd"
        kernel.run(f"%%kie_wan --model wan/2-5-text-to-video --seed 1 --wait --quiet -o clip\n{evil}")
        for code in (
            f"%%kie_wan --model wan/2-5-text-to-video --seed 2 --dry-run\n{evil}",
            f"%kie {evil}",
            f"%kie show {evil}",
            f"%kie settle {evil}",
            f"%kie import {evil}",
            f"%kie runs text={evil}",
            f"%%kie_wan --nonsense{evil}\nx",
            f"%%kie_wan --image {evil}.png\nx",
            "print(clip, [clip])",
            f"import kie_nb as kie\nkie.generate('x', image={evil + '.png'!r})",
            f"kie.Experiment({evil!r}, model='wan/2-5-text-to-video', seed=[1], prompt=['x']).wall(rows={evil!r})",
        ):
            cell = kernel.run(code)
            shown = [output.get("text", "") for output in cell.outputs]
            shown += [str((output.get("data") or {}).get("text/plain", "")) for output in cell.outputs]
            shown += [cell.error]
            assert [(code, hidden_in(text)) for text in shown if hidden_in(text)] == []
    finally:
        workshop.close()
