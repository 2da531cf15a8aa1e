"""Where a run was asked for: what is kept of it, and that it costs no run anything."""

import json
import os
import subprocess
import time

import pytest

import kie_nb as kie
from kie_nb.requests import provenance
from kie_nb.requests.provenance import ask_git

SHORT_S = 60
ME = ("-c", "user.name=me", "-c", "user.email=me@example.com")


def git(folder, *words):
    done = subprocess.run(["git", *ME, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with one commit, and a notebook's folder in it; its remote's address holds a password."""
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / "project" / "notebooks"
    folder.mkdir(parents=True)
    git(folder.parent, "init", "-q")
    (folder / "cats.ipynb").write_text("{}")
    (folder.parent / "helper.py").write_text("x = 1\n")
    git(folder.parent, "add", ".")
    git(folder.parent, "commit", "-q", "-m", "First")
    git(folder.parent, "remote", "add", "origin", "https://me:hunter2@example.com/cats.git")
    return folder


def change_a_file(folder):
    (folder.parent / "helper.py").write_text("x = 2\n")


def add_a_video(folder):
    (folder / "clip.mp4").write_bytes(b"new")


def stage_a_file(folder):
    (folder.parent / "new.py").touch()
    git(folder.parent, "add", "new.py")


def forget_the_notebook(folder):
    git(folder, "rm", "-q", "--cached", "cats.ipynb")
    git(folder, "commit", "-q", "-m", "Second")


@pytest.mark.parametrize(
    ("change", "is_dirty"),
    [
        pytest.param(lambda _folder: None, False, id="as committed"),
        pytest.param(change_a_file, True, id="another file of the repository"),
        pytest.param(stage_a_file, True, id="staged"),
        pytest.param(add_a_video, False, id="a new video is no change"),
        pytest.param(forget_the_notebook, True, id="the notebook itself is in no commit"),
    ],
)
def test_the_commit_and_whether_files_have_changed(repository, change, is_dirty):
    """The flag is that of the whole repository: the notebook may import from all of it."""
    change(repository)

    assert ask_git(repository, "cats.ipynb") == {
        "commit": git(repository, "rev-parse", "HEAD"),
        "dirty": is_dirty,
    }


def test_a_folder_in_no_repository_has_no_commit(tmp_path):
    """Nor one that was never committed to."""
    assert ask_git(tmp_path) is None
    git(tmp_path, "init", "-q")
    assert ask_git(tmp_path) is None


def test_looking_writes_nothing(repository):
    """Not even the index, which a plain `git status` brings up to date."""
    os.utime(repository.parent / "helper.py", (1, 1))
    before = {file: file.stat().st_mtime_ns for file in (repository.parent / ".git").rglob("*")}

    assert ask_git(repository)["dirty"] is False

    after = {file: file.stat().st_mtime_ns for file in (repository.parent / ".git").rglob("*")}
    assert after == before


def test_a_variable_of_an_outer_git_does_not_lead_elsewhere(repository, tmp_path, monkeypatch):
    """Inside a hook `GIT_DIR` names the repository that the hook is of."""
    monkeypatch.setenv("GIT_DIR", str(repository.parent / ".git"))
    (tmp_path / "elsewhere").mkdir()

    assert ask_git(tmp_path / "elsewhere") is None


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(None, id="there is none"),
        pytest.param("#!/bin/sh\nexit 1\n", id="it fails"),
        pytest.param("#!/bin/sh\nexec sleep 60\n", id="it hangs"),
        pytest.param("#!/bin/sh\nprintf '\\377\\376'\n", id="it talks nonsense"),
    ],
)
def test_trouble_with_git_is_no_trouble_of_the_run(simulate, ask, tmp_path, monkeypatch, script):
    """The run is made as ever, and its commit is unknown."""
    simulate()
    monkeypatch.setattr(provenance, "GIT_S", 0.3)
    tools, folder = tmp_path / "tools", tmp_path / "folder"
    tools.mkdir()
    folder.mkdir()
    monkeypatch.chdir(folder)  # a program of the current folder's is not run
    if script:
        (tools / "git").write_text(script)
        (tools / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/bin" if script else str(tools))

    run = ask().wait(SHORT_S)

    assert run.state == "fetched"
    assert run.origin["git_commit"] is None


def test_a_slow_git_keeps_no_run_waiting(simulate, ask, repository, tmp_path, monkeypatch):
    """The answer is written down when it comes."""
    simulate()
    ask("Another.", seed=1).wait(SHORT_S)  # whatever is slow the first time
    go = tmp_path / "go"
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "git").write_text(
        f"#!/bin/sh\nwhile [ ! -e {go} ]; do sleep 0.05; done\nexec /usr/bin/git $@\n"
    )
    (tmp_path / "tools" / "git").chmod(0o755)
    monkeypatch.chdir(repository)  # a program of the current folder's is not run
    monkeypatch.setenv("PATH", f"{tmp_path / 'tools'}:{os.environ['PATH']}")
    monkeypatch.setattr(provenance, "start_folder", lambda: repository)

    run = ask()

    assert run.origin["git_commit"] is None
    go.touch()
    end = time.monotonic() + SHORT_S
    while kie.get(run.id).origin["git_commit"] is None:
        assert time.monotonic() < end
        time.sleep(0.02)
    assert kie.get(run.id).origin["git_commit"] == git(repository, "rev-parse", "HEAD")
    run.wait(SHORT_S)


@pytest.fixture
def run_of_a_commit(simulate, ask, repository, monkeypatch):
    """A finished run of a repository's folder, which was asked for in cats.ipynb."""
    simulate()
    monkeypatch.setenv("KIE_NB_NOTEBOOK", "/home/ada/cats.ipynb")  # has a name of at most 100 characters
    monkeypatch.setattr(provenance, "start_folder", lambda: repository)
    ask().wait(SHORT_S)
    (run,) = kie.runs()
    return run


def test_a_run_knows_its_origin(run_of_a_commit, repository, cat):
    """Versions, notebook, commit, and the picture by its hash and pixels; where nobody counts cells there is no number."""
    known = run_of_a_commit.origin

    assert set(known) == set(provenance.NAMES)
    assert (known["notebook"], known["execution_count"]) == ("cats.ipynb", None)
    assert (known["git_commit"], known["git_dirty"]) == (git(repository, "rev-parse", "HEAD"), False)
    assert (known["image_width"], known["image_height"]) == (451, 300)
    assert known["image_sha256"] == run_of_a_commit.request.image.sha256
    assert all(known[name] for name in ("kie_nb", "python", "os"))


def test_no_path_and_no_password_is_kept(run_of_a_commit, tmp_path):
    """Neither of the machine nor of the remote."""
    kept = json.dumps([run_of_a_commit.row.origin, run_of_a_commit.row.made_by])

    assert str(tmp_path) not in kept
    assert "ada" not in kept
    assert "hunter2" not in kept
    assert all(
        b"hunter2" not in file.read_bytes()
        for file in (tmp_path / "kie-runs").rglob("*.sqlite*")
        if file.is_file()
    )


def test_it_goes_along_with_an_export(run_of_a_commit, tmp_path, monkeypatch):
    """Another ledger has it after the import."""
    kie.export(tmp_path / "out", [run_of_a_commit])
    monkeypatch.setenv("KIE_NB_HOME", str(tmp_path / "theirs"))
    kie.import_runs(tmp_path / "out")

    assert kie.get(run_of_a_commit.id).origin == run_of_a_commit.origin


def test_an_export_of_an_older_kie_nb_is_taken_in(run_of_a_commit, tmp_path, monkeypatch):
    """What it does not say is not known."""
    kie.export(tmp_path / "out", [run_of_a_commit])
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    del manifest["runs"][0]["origin"]
    (tmp_path / "out" / "manifest.json").write_text(json.dumps(manifest))
    monkeypatch.setenv("KIE_NB_HOME", str(tmp_path / "theirs"))
    kie.import_runs(tmp_path / "out")

    assert kie.get(run_of_a_commit.id).origin["git_commit"] is None


@pytest.mark.parametrize(
    "lie",
    [{"notebook": "../cats.ipynb"}, {"git": {"commit": "<b>", "dirty": False}}, {"execution_count": -1}],
)
def test_an_export_that_lies_about_it_is_refused(run_of_a_commit, tmp_path, monkeypatch, lie):
    """As about anything else."""
    kie.export(tmp_path / "out", [run_of_a_commit])
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    manifest["runs"][0]["origin"] |= lie
    (tmp_path / "out" / "manifest.json").write_text(json.dumps(manifest))
    monkeypatch.setenv("KIE_NB_HOME", str(tmp_path / "theirs"))

    with pytest.raises(kie.LedgerError, match=r"origin"):
        kie.import_runs(tmp_path / "out")
