"""What a picture's address or file holds of secrets is in nothing that is written, and a dead address costs nothing."""

import socket

import pytest
from picturefiles import SECRETS, corners, personal, written

import kie_nb as kie

SHORT_S = 60
SIGNED = "?width=480&X-Amz-Signature=hush-hush&token=hush-hush#hush-hush"


@pytest.fixture
def service(simulate, tmp_path):
    return simulate(state_dir=tmp_path / "service")


@pytest.fixture
def upload(service, tmp_path):
    """Put a picture at an address that the service takes; gives the address and its file."""

    def upload(colour=0):
        async def send():
            async with kie.AsyncKie() as client:
                content = written(corners().rotate(90 * colour), "PNG")
                return await client.upload(content, f"cat{colour}.png", mime="image/png")

        before = set((tmp_path / "service" / "uploads").glob("*"))
        url = kie.run(send()).url
        (file,) = set((tmp_path / "service" / "uploads").iterdir()) - before
        return url, file

    return upload


def found_in(folder, *secrets):
    """The files below *folder* that hold one of *secrets*."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return [path.name for path in files if any(secret in path.read_bytes() for secret in secrets)]


def test_no_signature_is_in_an_export(upload, tmp_path):
    """Manifest, page and the tags of the video name the address without; what asks no secret stays in it."""
    url, _ = upload()
    kie.generate("The cat smiles.", image=url + SIGNED, seed=7).wait(SHORT_S)

    kie.export(tmp_path / "out")

    assert found_in(tmp_path / "out", b"hush-hush") == []
    assert "manifest.json" in found_in(tmp_path / "out", b"?width=480")


def test_no_signature_is_in_what_an_experiment_writes(upload, tmp_path):
    """Report, crate, definition, table and wall; the plan shows none either."""
    addresses = [upload(number)[0] + SIGNED for number in range(2)]
    exp = kie.Experiment("smile", image=addresses, prompt="Smile", seed=[1])
    plan = exp.plan()
    exp.run().wait(SHORT_S)
    out = tmp_path / "out"
    out.mkdir()

    exp.save(out / "smile.toml")
    exp.report(out / "smile.html", compare=False)
    exp.export_crate(out / "crate")
    exp.export_data(out / "cells.csv")
    exp.export_data(out / "cells.jsonl")
    exp.wall().save(out / "wall.html")

    assert found_in(out, b"hush-hush") == []
    assert "hush-hush" not in f"{plan!r}{plan._repr_html_()}"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_no_place_or_name_of_a_picture_is_in_an_export(service, tmp_path, kind):
    """Neither is it uploaded."""
    kie.generate("The cat smiles.", image=personal(kind), seed=7).wait(SHORT_S)

    kie.export(tmp_path / "out")

    assert found_in(tmp_path / "out", *SECRETS) == []
    assert found_in(tmp_path / "service", *SECRETS) == []


def test_a_run_that_was_made_with_the_whole_file_stands(service):
    """A cell of before shows its video, and nothing is bought; without such a run the clean file is sent."""
    before = kie.generate("The cat smiles.", image=personal("JPEG"), seed=7, keep_metadata=True).wait(SHORT_S)

    again = kie.generate("The cat smiles.", image=personal("JPEG"), seed=7)
    other = kie.generate("The cat yawns.", image=personal("JPEG"), seed=7).wait(SHORT_S)

    assert again.id == before.id
    assert other.request.image.sha256 != before.request.image.sha256
    assert len(service.tasks) == 2


@pytest.mark.parametrize("how", ["dead", "unknown host"])
def test_an_address_that_nobody_can_read_is_refused_before_money(upload, service, monkeypatch, how):
    """And is sent where that is wanted."""
    url, file = upload()
    file.unlink()
    if how == "unknown host":

        def unknown(host, *_args, **_more):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        url = "https://no-such-host.kie-nb-tests.example/cat.png?token=hush-hush"

    with pytest.raises(kie.BadImage) as refused:
        kie.generate("The cat smiles.", image=url, seed=7)

    assert "--no-check-image" in refused.value.hint
    assert refused.value.charged == "nothing"
    assert "hush-hush" not in str(refused.value)
    assert not service.tasks
    if how == "dead":
        with pytest.warns(UserWarning, match="could not be fetched"):
            run = kie.generate("The cat smiles.", image=url, seed=7, check_image=False)
        with pytest.raises(kie.TaskFailed):
            run.wait(SHORT_S)


def test_runs_of_an_address_that_died_are_shown_for_nothing(upload, service):
    """A cell's and a grid's; also of one that was never read from here."""
    url, file = upload()
    grid = {"image": url, "prompt": "Smile", "seed": range(2)}
    run = kie.generate("The cat smiles.", image=url, seed=7).wait(SHORT_S)
    kie.Experiment("smile", **grid).run().wait(SHORT_S)
    file.unlink()

    again = kie.generate("The cat smiles.", image=url, seed=7)

    assert again.id == run.id
    assert kie.Experiment("smile", **grid).plan().missing == 0
    assert len(service.tasks) == 3
