"""`%kie`: each command once, and the key that `%kie login` is given."""

import pytest

KEY = "sk-fake-0123456789abcdef-login"


@pytest.fixture(scope="module")
def made(kernel):
    """One finished run."""
    cell = kernel.run("%%kie_wan --image cat.png --seed 7 --wait -o clip\nThe cat <b>smiles</b>.")
    assert cell.status == "ok", cell.error
    return kernel.value("clip.id").strip("'")


def said(kernel, command):
    cell = kernel.run(f"%kie {command}")
    assert cell.status == "ok", cell.error
    return cell


def test_status(kernel, made):
    """Who answers, where the files are, what is open."""
    text = said(kernel, "status").text
    assert "the simulator, free" in text
    assert ["runs", "1"] in [line.split() for line in text.splitlines()]
    assert "kie-runs" in text


def test_runs(kernel, made):
    """A table, and what a prompt holds is text in it."""
    cell = said(kernel, "runs")
    assert made[:8] in cell.text
    assert "&lt;b&gt;smiles" in cell.html
    assert "<b>smiles" not in cell.html
    assert "use a number of runs" in kernel.run("%kie runs many").error


def test_show(kernel, made):
    """By the first characters of its id: the video, here."""
    assert "data:video/mp4" in said(kernel, f"show {made[:8]}").html
    assert "No run here" in kernel.run("%kie show zzzz").error


def test_resume(kernel, made):
    """Nothing is open."""
    assert said(kernel, "resume").text == "Nothing is open.\n"


def test_credits(kernel, simulator, made):
    """The service is asked."""
    asked = simulator.counts["credit_requests"]
    assert "simulator credits (not real money)" in said(kernel, "credits").text
    assert simulator.counts["credit_requests"] == asked + 1


def test_budget(kernel, made):
    """It is set, shown and cleared; the simulator is free, and says that it does not count."""
    text = said(kernel, "budget 30 day").text
    assert "30 credits ($0.15)" in text
    assert "The simulator is free" in text
    assert kernel.value("__import__('kie_nb').budget()") == "{'day': 30.0}"
    assert kernel.run("%kie_wan --image cat.png --seed 8 --wait The cat yawns.").status == "ok"
    assert "No budget is set" in said(kernel, "budget none").text
    assert "use a number" in kernel.run("%kie budget lots").error


def test_config(kernel):
    """Every setting with its value."""
    text = said(kernel, "config").text
    for name in ("service", "home", "wait", "embed", "max_credits", "creates_per_window"):
        assert name in text


def test_use(kernel):
    """The real service needs a key: without one it says so, with the next step, and the one of before still answers."""
    cell = kernel.run("%kie use kie")
    assert cell.status == "error"
    assert "%kie login" in cell.error
    assert "the simulator, free" in said(kernel, "status").text
    assert "The simulator answers" in said(kernel, "use simulator").text
    assert kernel.run("%kie use nobody").status == "error"


def test_help_and_a_slip(kernel):
    """Bare `%kie` lists what there is by task; a mistyped command gets the nearest one."""
    lines = said(kernel, "").text.splitlines()
    assert [line.split()[0] for line in lines if line[:1].isalpha()][1:5] == [
        "make",
        "find",
        "money",
        "trouble",
    ], lines
    for command in ("", "help", "--help"):
        assert "Take up everything open" in said(kernel, command).text
    assert "status" in kernel.run("%kie statsu").error


def test_login_without_a_keyboard(kernel):
    """A headless run has nobody to type it: three lines with the next step, and no stack."""
    cell = kernel.run("%kie login")

    assert cell.error.splitlines()[0].startswith("AuthError: A key can be typed only at a keyboard")
    assert "set KIE_API_KEY" in cell.error
    assert "Traceback" not in cell.error


def test_login_hides_the_key(kernel):
    """It is asked for as a password, used, and in no output, setting or repr."""
    kernel.answers.append(KEY)
    cell = kernel.run("%kie login")

    assert cell.status == "ok", cell.error
    ((prompt, is_password),) = kernel.password_prompts
    assert is_password
    assert "hidden" in prompt
    seen = cell.text + said(kernel, "config").text + said(kernel, "status").text
    seen += kernel.value("__import__('kie_nb.settings').settings.current()")
    assert KEY not in seen
    assert "%kie login" in said(kernel, "config").text
    assert kernel.value("__import__('kie_nb.settings').settings.current().key.reveal()") == repr(KEY)
