"""Paths as a saved notebook may show them."""

from pathlib import Path

import pytest

import kie_nb as kie
from kie_nb import settings
from kie_nb.handles import get_session
from kie_nb.handles.begin import again
from kie_nb.notebook import run_page
from kie_nb.paths import shown_path


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A user's own folder, with a notebook's folder in it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "work" / "cats").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work" / "cats")
    settings.start_folder.cache_clear()
    return tmp_path


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("work/cats/kie-runs/videos/a.mp4", "kie-runs/videos/a.mp4"),
        ("work/cats", "."),
        ("videos/a.mp4", "~/videos/a.mp4"),
        ("../elsewhere/a.mp4", "../../../elsewhere/a.mp4"),
    ],
)
def test_a_path_is_shown_from_here(home, path, shown):
    """Below the notebook, below the user's own folder, or elsewhere: never by the names above them."""
    assert shown_path((home / path).resolve()) == shown


def test_no_message_or_card_names_the_folders_above_the_notebook(simulate, cat, tmp_path):
    """Neither of a finished run nor of one whose picture is gone, nor of a ledger that is damaged."""
    simulate()
    run = kie.generate("The cat smiles.", image=cat.read_bytes(), seed=7).wait(60)
    session = get_session()
    kept = run.ledger.files
    kept.find_input(run.request.image.sha256).unlink()
    run.ledger.forget_upload(run.row.account, run.request.image.sha256)  # it would come from there
    with pytest.raises(kie.BadImage) as lost:
        again(session, run, session.channel_of(run))
    (tmp_path / "out").write_text("a file")
    with pytest.raises(kie.LedgerError) as refused:
        kie.export(tmp_path / "out")
    words = [str(lost.value), str(refused.value), repr(run), run_page.card(run), session.here.database.name]

    assert "kie-runs/inputs" in words[0]
    assert words[-1] == "kie-runs/ledger.sqlite"
    assert [text for text in words if str(Path(tmp_path)) in text] == []
