"""The report of an experiment: what is in the file. That it plays is seen in `tests/browser/test_report.py`."""

import html
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

import kie_nb as kie
from kie_nb.cli import main
from kie_nb.notebook.experiment_page import experiment_page
from kie_nb.simulator import Fault

pytestmark = pytest.mark.slow

SHORT_S = 120


@pytest.fixture
def exp(smile, cat, simulator):
    """Six cells, one failed; two rated."""
    shutil.copy(cat, "cat.png")
    simulator.set_faults([Fault(call="task", kind="fail", match="yawns", times=1)])
    exp = smile(seeds=2, image="cat.png").run(stop_after_failures=9).wait(SHORT_S)
    exp.runs[0].rate(5).tag("keeper", "calm")
    exp.runs[2].rate(2)
    return exp


def text_of(path):
    return path.read_text("utf-8")


def test_it_says_what_was_asked_what_came_and_what_it_cost(exp):
    """Facts, each cell with its task and hash, ratings and tags, the spread of the seeds."""
    said = text_of(exp.report("smile.html"))
    for run in exp:
        assert run.task_id in said
        assert not run.video or run.row.video_sha256 in said
    for words in (
        "5 of 6 cells done, 1 failed",
        "300 credits ($1.50), of about 360 by the price list",
        "wan/2-5-image-to-video",
        "The cat sneezes",
        "5 of 5",
        "keeper, calm",
        "median distance",
        "2 of 6, 3.5 of 5 in the mean",
        f"kie_nb {kie.__version__}",
        ">Simulated · free<",
    ):
        assert words in said, words
    assert said.index('class="kie-wall-plain"') < said.index("<h2>Every cell") < said.index("<h2>Details")


def test_prompts_are_those_that_were_sent(cat, simulator):
    """In the wall, the table and the details; only the definition, which asks for all of it again, has the template."""
    shutil.copy(cat, "cat.png")
    exp = (
        kie.Experiment("x", image="cat.png", seed=1, who=["cat", "dog"], prompt="The {who} smiles")
        .run()
        .wait(SHORT_S)
    )
    page, definition, details = re.split(r"<pre>|</pre>", text_of(exp.report("x.html", compare=False)))

    assert "{who}" not in page + details
    assert "{who}" in definition
    assert "<dd>The cat smiles\nThe dog smiles</dd>" in details
    assert page.count('<td class="short">The cat smiles</td>') == 1


def test_what_verifying_has_cost_counts(smile):
    """Three cells at 60 credits do not cost 240: the fourth run stands for none of them, and was paid for."""
    exp = smile(seeds=1).run().wait(SHORT_S)
    exp.verify(exp.runs[0], yes=True)

    assert "240 credits ($1.20), of about 180 by the price list" in text_of(exp.report("a.html"))
    assert "240 of about 180 credits ($1.20)" in experiment_page(exp)


def test_a_failure_is_told_with_its_reason(exp):
    """And what was charged for it."""
    section = text_of(exp.report("smile.html")).split("<h2>What failed</h2>")[1].split("</section>")[0]
    assert "The cat yawns" in section
    assert "failed" in section
    assert "Charged: nothing" in section


def test_the_notebook_and_its_commit_are_said(smile, cat, simulator, monkeypatch):
    """Whoever repeats it can go back to the files as they were."""
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@b.example")
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "Begin"], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout
    monkeypatch.setenv("KIE_NB_NOTEBOOK", "cats.ipynb")
    exp = smile(seeds=1, image=str(cat)).run().wait(SHORT_S)

    assert f"cats.ipynb, commit {commit[:12]}" in text_of(exp.report("smile.html", compare=False))


def test_the_definition_in_it_is_the_definition(exp):
    """Copied out of the page, it asks for the same."""
    said = text_of(exp.report("smile.html"))
    (text,) = re.findall(r"<pre>(.*?)</pre>", said, re.DOTALL)
    assert tomllib.loads(html.unescape(text)) == exp.definition.to_json()


def test_it_is_one_file_while_there_is_room(exp, tmp_path):
    """Then all videos lie in a folder beside it, linked from where it lies."""
    said = text_of(exp.report(tmp_path / "out" / "smile.html", compare=False))
    assert said.count('src="data:video/mp4;base64,') == 5
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["smile.html"]

    page = exp.report(tmp_path / "out" / "my smile.html", embed_mb=0.01, compare=False)
    said = text_of(page)
    links = re.findall(r'src="(my%20smile_files/[^"]+)"', said)
    assert len(links) == 5
    assert "data:video" not in said
    assert page.stat().st_size < 400_000
    folder = tmp_path / "out" / "my smile_files"
    assert {link.split("/")[1] for link in links} == {path.name for path in folder.iterdir()}


def test_no_key_and_no_path_of_this_machine(exp, tmp_path, monkeypatch):
    """Inside or beside."""
    monkeypatch.setenv("KIE_API_KEY", "secret-key-of-mine")
    for limit in (25, 0):
        said = text_of(exp.report("smile.html", embed_mb=limit, compare=False))
        assert str(tmp_path) not in said
        assert "secret-key-of-mine" not in said


HOSTILE = [
    "</script><script>window.harm = 1</script>",
    '"><img src=x onerror="window.harm = 1">',
    "</pre></style><svg onload=window.harm=1>",
    "<!--",
    "{{7*7}} $x \u2028 猫 & &amp;",
]


def test_hostile_words_stay_words(smile, cat):
    """Prompts, names and tags: none of them is markup, and the definition still is what it was."""
    shutil.copy(cat, "cat.png")
    exp = kie.Experiment("<b>bold</b>", image="cat.png", seed=range(1), prompt=HOSTILE).run().wait(SHORT_S)
    exp.runs[0].tag("<i>tag</i>").note("<u>")
    said = text_of(exp.report("x.html", compare=False))
    for harm in ("<script>window.harm", "<img src=x", "<svg onload", "<b>bold", "<i>tag"):
        assert harm not in said
    (text,) = re.findall(r"<pre>(.*?)</pre>", said, re.DOTALL)
    assert tomllib.loads(html.unescape(text))["axes"]["prompt"] == HOSTILE


def test_before_anything_is_bought_it_is_a_plan(smile):
    """Every cell is to come, and nothing is claimed."""
    said = text_of(smile(seeds=2).report("smile.html"))
    assert "0 of 6 cells done, 6 to come" in said
    assert "<h2>What failed</h2>" not in said
    assert "data:video" not in said


def test_a_video_that_is_gone_from_the_disk_is_said(exp):
    """The rest is shown."""
    exp.runs[0].video.unlink()
    said = text_of(exp.report("smile.html", compare=False))
    assert said.count('src="data:video/mp4;base64,') == 4
    assert "kie doctor" in said


def test_a_video_that_was_altered_is_not_shown_under_the_hash_of_the_other(exp):
    """It is said in its place."""
    exp.runs[0].video.write_bytes(exp.runs[4].video.read_bytes())
    said = text_of(exp.report("smile.html", compare=False))
    assert said.count('src="data:video/mp4;base64,') == 4
    assert "altered since it was fetched; %kie doctor fetches it again" in said


def test_a_name_that_is_no_page_is_refused(exp, tmp_path):
    """And a place that cannot be written; what was there stays."""
    with pytest.raises(kie.InvalidRequest, match=r"\.html"):
        exp.report("smile.pdf")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(kie.LedgerError, match="cannot be written"):
        exp.report("file/smile.html", compare=False)


def test_the_command_line_writes_one(smile, cat, simulator, capsys):
    """However it ended; a wrong name is refused before anything is bought."""
    shutil.copy(cat, "cat.png")
    file = str(smile(seeds=1, image="cat.png").save("smile.toml"))
    assert main(["run", file, "--report", "smile.txt"]) == 1
    assert len(simulator.tasks) == 0

    simulator.set_faults([Fault(call="task", kind="fail", match="yawns", times=1)])
    assert main(["run", file, "--report", "smile.html"]) == 3
    assert "smile.html" in capsys.readouterr().out
    assert "2 of 3 cells done, 1 failed" in text_of(Path("smile.html"))
