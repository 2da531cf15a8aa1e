"""Data must never name a program: what lies in a folder from somebody else runs nothing, and no child process has the key."""

import ast
import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import kie_nb as kie
from kie_nb.requests import provenance
from kie_nb.requests.provenance import ask_git

KEY = "sk-fake-0123456789abcdef"
PACKAGE = Path(kie.__file__).parent
ME = ("-c", "user.name=me", "-c", "user.email=me@example.com", "-c", "protocol.file.allow=always")


def git(folder, *words):
    done = subprocess.run(["git", *ME, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def marks(tmp_path):
    """A program that a repository names; each call of it leaves its words and its environment in a file."""

    class Marks:
        folder = tmp_path / "marks"

        def program(self, name="program"):
            self.folder.mkdir(exist_ok=True)
            program = self.folder / name
            program.write_text(
                f'#!/bin/sh\n{{ echo "$0 $*"; env; }} >> {self.folder}/{name}.ran\n[ -t 0 ] || cat\n'
            )
            program.chmod(0o755)
            return program

        @property
        def ran(self):
            return [file.read_text() for file in self.folder.glob("*.ran")] if self.folder.exists() else []

    return Marks()


@pytest.fixture
def stranger(tmp_path, monkeypatch):
    """A repository of somebody else's with one commit, a file whose time is new, and a notebook's folder in it."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KIE_API_KEY", KEY)
    monkeypatch.setenv("KIE_NB_SERVICE", "simulator")
    folder = tmp_path / "project" / "notebooks"
    folder.mkdir(parents=True)
    git(folder.parent, "init", "-q")
    (folder / "cats.ipynb").write_text("{}")
    (folder / "data.csv").write_text("1,2\n")
    git(folder.parent, "add", ".")
    git(folder.parent, "commit", "-q", "-m", "First")
    os.utime(folder / "data.csv", (1, 1))  # so that git wants to look into it
    return folder


@pytest.fixture
def lure(marks, stranger):
    return marks, stranger


def config(folder, *pairs):
    for name, value in pairs:
        git(folder, "config", name, str(value))


def clean(folder, marks):
    (folder / ".gitattributes").write_text("* filter=evil diff=evil\n")
    (folder / "data.csv").write_text("1,3\n")
    program = marks.program()
    config(folder, ("filter.evil.clean", program), ("filter.evil.smudge", program), ("diff.evil.textconv", program), ("diff.evil.command", program))  # fmt: skip


def named_oddly(folder, marks):
    (folder / ".gitattributes").write_text("* filter=e=vil\n")
    (folder / "data.csv").write_text("1,3\n")
    config(folder, ("filter.e=vil.clean", marks.program()))


def process(folder, marks):
    (folder / ".gitattributes").write_text("* filter=evil\n")
    (folder / "data.csv").write_text("1,3\n")
    config(folder, ("filter.evil.process", marks.program()), ("filter.evil.required", "true"))


def included(folder, marks):
    (folder / ".gitattributes").write_text("* filter=evil\n")
    (folder / "data.csv").write_text("1,3\n")
    (folder / "more.txt").write_text(f'[filter "evil"]\n  clean = {marks.program()}\n')
    config(folder, ("include.path", folder / "more.txt"))


def monitor(folder, marks):
    config(folder, ("core.fsmonitor", marks.program()), ("core.untrackedCache", "true"))


def hooks(folder, marks):
    for name in ("post-index-change", "reference-transaction", "fsmonitor-watchman", "post-checkout"):
        marks.program(name).rename(folder.parent / ".git" / "hooks" / name)
    config(folder, ("core.hooksPath", ".git/hooks"))


def everyday(folder, marks):
    program = marks.program()
    names = ("core.pager", "pager.rev-parse", "pager.diff-index", "pager.ls-files", "diff.external", "core.editor", "core.askPass", "core.sshCommand", "core.gitProxy", "credential.helper", "gpg.program", "core.alternateRefsCommand", "trace2.eventTarget")  # fmt: skip
    config(folder, *((name, program) for name in names))
    config(folder, *((f"alias.{name}", f"!{program}") for name in ("rev-parse", "diff-index", "ls-files")))


def submodule(folder, marks):
    other = folder.parent.parent / "other"
    other.mkdir()
    git(other, "init", "-q")
    (other / "text").write_text("1\n")
    git(other, "add", ".")
    git(other, "commit", "-q", "-m", "First")
    git(folder.parent, "submodule", "--quiet", "add", str(other), "notebooks/sub")
    git(folder.parent, "commit", "-q", "-m", "Second")
    sub = folder / "sub"
    (sub / ".gitattributes").write_text("* filter=evil\n")
    (sub / "text").write_text("2\n")
    program = marks.program()
    config(sub, ("filter.evil.clean", program), ("core.fsmonitor", program))
    config(folder, ("diff.ignoreSubmodules", "none"), ("submodule.notebooks/sub.ignore", "none"))


def embedded(folder, marks):
    """A bare repository as plain files of a clone, in the notebook's folder: git takes it for the nearest one."""
    git(folder, "init", "-q", "--bare", ".")
    config(folder, ("core.bare", "false"), ("core.worktree", folder))
    git(folder, "add", "data.csv", "cats.ipynb")
    git(folder, "commit", "-q", "-m", "Theirs")
    config(folder, ("core.fsmonitor", marks.program()))
    clean(folder, marks)


def pointed(folder, marks):
    """`.git` as a file that leads elsewhere."""
    elsewhere = folder.parent / "not-git"
    (folder.parent / ".git").rename(elsewhere)
    (folder.parent / ".git").write_text(f"gitdir: {elsewhere}\n")
    clean(folder, marks)


def partial(folder, marks):
    """A partial clone without its trees: what is missing would be fetched, by a program that the remote names."""
    tree = git(folder, "rev-parse", "HEAD^{tree}")
    program = marks.program()
    config(
        folder,
        ("core.repositoryFormatVersion", "1"),
        ("extensions.partialClone", "origin"),
        ("remote.origin.url", f"ext::{program} %S"),
        ("remote.origin.promisor", "true"),
        ("remote.origin.uploadpack", program),
        ("protocol.ext.allow", "always"),
        ("protocol.allow", "always"),
        ("core.sshCommand", program),
    )
    (folder.parent / ".git" / "objects" / tree[:2] / tree[2:]).unlink()


@pytest.mark.parametrize(
    "trap",
    [clean, named_oddly, process, included, monitor, hooks, everyday, submodule, embedded, pointed, partial],
    ids=lambda trap: trap.__name__,
)
def test_a_cell_in_a_repository_from_a_stranger_runs_nothing_of_it(lure, simulate, cat, monkeypatch, trap):  # fmt: skip
    """Whatever its configuration, attributes and hooks name, for a paid cell or a free one; the run is made as ever."""
    marks, stranger = lure
    trap(stranger, marks)
    for file in marks.folder.glob("*.ran"):
        file.unlink()  # of making the trap
    simulate()
    monkeypatch.chdir(stranger)
    monkeypatch.setattr(provenance, "start_folder", lambda: stranger)

    run = kie.generate("The cat smiles.", image=cat, seed=7)
    ended = time.monotonic() + 60
    while "git" not in (kie.get(run.id).row.origin or {}):
        assert time.monotonic() < ended
        time.sleep(0.02)

    assert marks.ran == []
    assert run.wait(60).state == "fetched"


def test_traps_in_plain_git_do_spring(stranger, marks):
    """The programs above are such as a plain `git status` would have run: the test is no empty one."""
    clean(stranger, marks)

    git(stranger, "status")

    assert marks.ran


@pytest.mark.parametrize("where", ["current folder", "folder of the repository", "relative"])
def test_git_itself_is_not_taken_from_the_folder(stranger, marks, monkeypatch, where):
    """Neither `./git`, nor one in a folder of the project that is on the path, nor by a relative entry."""
    place = {"current folder": stranger, "folder of the repository": stranger.parent / "tools"}.get(
        where, stranger
    )
    place.mkdir(exist_ok=True)
    program = marks.program("git")
    program.rename(place / "git")
    entry = {"current folder": str(stranger), "folder of the repository": str(place)}.get(where, "")
    monkeypatch.chdir(stranger)
    monkeypatch.setenv("PATH", f"{entry}{os.pathsep}.{os.pathsep}{os.environ['PATH']}")

    said = ask_git(stranger, "cats.ipynb")

    assert marks.ran == []
    assert said["commit"] == subprocess.run(["/usr/bin/git", "rev-parse", "HEAD"], cwd=stranger, capture_output=True, text=True, check=True).stdout.strip()  # fmt: skip


def test_a_program_that_is_started_has_no_variable_of_ours(stranger, marks, tmp_path, monkeypatch):
    """Git itself, from the user's own path."""
    tools = marks.program("git").parent
    monkeypatch.chdir(stranger)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")

    ask_git(stranger)

    (said,) = marks.ran
    assert "HOME=" in said
    assert "KIE_" not in said


LISTED = """
import subprocess, sys
sys.addaudithook(lambda event, given: print("child:", given[0], given[1]) if event == "subprocess.Popen" else None)
import kie_nb as kie
kie.generate("A river at dawn.", model="wan/2-5-text-to-video", seed=1).wait(60)
repr(kie.runs()), kie.doctor()
"""


def test_a_run_starts_no_program_but_git(stranger, marks, simulate, monkeypatch):
    """Not by a library either: Python asks `uname -p` for the platform's name, by the user's path and with the key."""
    simulate()
    programs = [
        marks.program(name) for name in ("uname", "git", "file", "ldconfig", "gcc", "cc", "lsb_release")
    ]
    monkeypatch.setenv("PATH", f"{programs[0].parent}{os.pathsep}{os.environ['PATH']}")

    done = subprocess.run([sys.executable, "-c", LISTED], cwd=stranger, capture_output=True, text=True, check=True, timeout=100)  # fmt: skip

    children = [line for line in done.stdout.splitlines() if line.startswith("child:")]
    assert all(line.split()[1].endswith("/git") for line in children), children
    assert all("KIE_" not in said for said in marks.ran)


def test_a_file_with_a_new_time_is_no_change(stranger):
    """A folder that was copied has new times: whether a file has changed is told by its content, and by no filter."""
    commit = git(stranger, "rev-parse", "HEAD")
    assert ask_git(stranger, "cats.ipynb") == {"commit": commit, "dirty": False}

    (stranger / "data.csv").write_text("1,3\n")

    assert ask_git(stranger, "cats.ipynb") == {"commit": commit, "dirty": True}


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n%%EOF\n"


def made(simulate, cat):
    simulate()
    run = kie.generate("The cat smiles.", image=cat, seed=7).wait(60)
    return run.video


def look_at_a_swapped_video(video):
    video.write_bytes(EPS)
    kie.doctor(mend=False)


def look_at_a_swapped_poster(video):
    from kie_nb.notebook.video import thumbnail

    for poster in (video.with_suffix(".poster.jpg"), *video.parent.glob("*.jpg")):
        poster.write_bytes(EPS)
    with contextlib.suppress(Exception):
        thumbnail(video, make=True)


@pytest.mark.parametrize("look", [look_at_a_swapped_video, look_at_a_swapped_poster])
def test_a_picture_runs_no_ghostscript(simulate, marks, cat, monkeypatch, look):
    """Pillow starts it for an EPS, whatever the file's name says."""
    from PIL import EpsImagePlugin

    video = made(simulate, cat)
    monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)
    monkeypatch.setenv("PATH", f"{marks.program('gs').parent}{os.pathsep}{os.environ['PATH']}")

    look(video)

    assert marks.ran == []


TEMPLATE = "{{% if cycler.__init__.__globals__.os.system('touch {mark}') %}}{{% endif %}}"
MODULE = "open({mark!r}, 'w').close()\n"


@pytest.mark.slow
def test_the_demo_runs_nothing_of_its_folder(tmp_path):
    """Neither a module nor a template of the page that lies there; the kernel has no key."""
    mark, folder = tmp_path / "mark", tmp_path / "theirs"
    (folder / "lab").mkdir(parents=True)
    (folder / "lab" / "index.html.j2").write_text(TEMPLATE.format(mark=mark))
    (folder / "lab" / "conf.json").write_text('{"base_template": "base"}')
    for name in ("ipykernel_launcher", "nbconvert", "jupyterlab", "tornado"):
        (folder / f"{name}.py").write_text(MODULE.format(mark=str(mark)))
    environment = os.environ | {"KIE_API_KEY": KEY, "KIE_NB_STATE": str(tmp_path / "state")}
    script = Path(sys.executable).with_name("kie-nb")

    done = subprocess.run([script, "demo", "--dir", "."], cwd=folder, env=environment, capture_output=True, text=True, timeout=170, check=False)  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert not mark.exists()
    assert KEY not in (folder / "quickstart-executed.ipynb").read_text()


def test_jupyterlab_is_started_from_no_folder_of_a_stranger(tmp_path):
    """A module of that name in the folder is not what runs."""
    mark, folder = tmp_path / "mark", tmp_path / "theirs"
    folder.mkdir()
    (folder / "jupyterlab.py").write_text(MODULE.format(mark=str(mark)))
    script = Path(sys.executable).with_name("kie-nb")

    done = subprocess.run([script, "demo", "--lab", "--dir", ".", "--", "--version"], cwd=folder, env=os.environ | {"KIE_NB_STATE": str(tmp_path / "state")}, capture_output=True, text=True, timeout=100, check=False)  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert not mark.exists()


def _starts(path):
    """Names that start programs, wherever they stand in a file."""
    forbidden = {"subprocess", "multiprocessing", "pty", "webbrowser"}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.partition(".")[0] in forbidden)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in forbidden:
            yield node.module
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os":
            if node.attr in {"system", "popen", "startfile", "fork"} or node.attr.startswith(
                ("exec", "spawn", "posix_spawn")
            ):
                yield f"os.{node.attr}"
        elif isinstance(node, ast.Attribute) and node.attr in {
            "create_subprocess_exec",
            "create_subprocess_shell",
            "ProcessPoolExecutor",
        }:
            yield node.attr


def test_programs_are_started_in_one_place():
    """Whoever starts one asks `programs` to."""
    found = {path.relative_to(PACKAGE).as_posix(): names for path in sorted(PACKAGE.rglob("*.py")) if (names := list(_starts(path)))}  # fmt: skip

    assert found == {"programs.py": ["subprocess"]}
