"""A picture given by its address: known by its bytes, and told when the address serves others than before."""

import io

import pytest
from PIL import Image

import kie_nb as kie
from kie_nb import notice
from kie_nb.handles import get_session
from kie_nb.simulator import Fault

SHORT_S = 60


def png(colour):
    stream = io.BytesIO()
    Image.new("RGB", (480, 270), colour).save(stream, "PNG")
    return stream.getvalue()


CAT, DOG = png("orange"), png("brown")


class Site:
    """An upload of the simulator's: an address that it takes, whose file can be written anew or taken away."""

    def __init__(self, simulator, folder):
        self.simulator = simulator
        upload = kie.run(self._upload())
        self.url = upload.url
        (self._file,) = (folder / "uploads").iterdir()

    @staticmethod
    async def _upload():
        async with kie.AsyncKie() as client:
            return await client.upload(CAT, "cat.png", mime="image/png")

    def serve(self, content):
        """From now on; None for a server in trouble."""
        self.simulator.set_faults([Fault(call="download", kind="http_500")] if content is None else [])
        if content is not None:
            self._file.write_bytes(content)


@pytest.fixture
def site(simulate, tmp_path, monkeypatch):
    simulator = simulate(state_dir=tmp_path / "service")
    monkeypatch.setattr(notice, "_said", set())
    return Site(simulator, tmp_path / "service")


@pytest.fixture
def make(site):
    """Ask with the site's picture to the end; gives the run and what was warned of."""

    def make(prompt="The cat smiles.", **more):
        with pytest.MonkeyPatch.context() as patch:
            said = []
            patch.setattr("warnings.warn", lambda text, **_more: said.append(text))
            run = kie.generate(prompt, image=site.url, seed=7, **more)
        return run.wait(SHORT_S), said

    return make


def test_another_picture_is_told_with_both_hashes_and_what_it_costs(site, make):
    """A new request that was warned of."""
    first, said = make()
    assert said == []
    site.serve(DOG)
    second, (words,) = make("The cat yawns.")

    old, new = first.request.image.sha256, second.request.image.sha256
    assert old != new
    assert f"sha256 {new[:8]}…, before {old[:8]}…" in words
    assert "paid for again" in words


def test_it_is_told_once_for_each_content(site, make):
    """Not at every cell; but again when it changes again, also back."""
    make()
    site.serve(DOG)
    told = [len(make(prompt)[1]) for prompt in ("Two.", "Three.")]
    site.serve(png("white"))
    told += [len(make("Four.")[1])]

    assert told == [1, 0, 1]


def test_a_look_that_sends_nothing_does_not_make_it_the_one_before(site, make):
    """What counts is what runs were made with: another process is told when it sends."""
    first, _ = make()
    site.serve(DOG)
    look = get_session().dry_run("Two.", image=site.url, seed=7)
    assert any("another picture" in text for text in look.warnings)
    notice._said.clear()

    _, said = make("Two.")

    assert first.request.image.sha256[:8] in said[0]


def test_a_cell_shows_its_video_whatever_the_address_serves_now(site, make):
    """Also when another cell has used the new picture meanwhile: nothing is bought by running it again."""
    first, _ = make()
    site.serve(DOG)
    make("The cat yawns.")

    for content in (DOG, png("white"), None):
        site.serve(content)
        again, said = make()
        assert (again.id, said) == (first.id, [])


def test_what_cannot_be_fetched_now_is_not_told_as_changed(site, make):
    """It says that it could not be fetched, and what was known of the address stays known."""
    make()
    site.serve(None)
    look = get_session().dry_run("Two.", image=site.url, seed=7)
    assert "could not be fetched" in look.warnings[0]
    site.serve(DOG)

    _, (words,) = make("Three.")

    assert "another picture" in words


def test_a_grid_fetches_it_once(site):
    """For all of its cells, and takes the one before where the address is silent for now."""
    grid = {"image": site.url, "prompt": "Smile", "seed": range(20)}
    before = site.simulator.counts["download_bytes"]
    exp = kie.Experiment("smile", **grid)
    assert site.simulator.counts["download_bytes"] - before == len(CAT)
    exp.run(parallel=20).wait(SHORT_S)
    site.serve(None)

    plan = kie.Experiment("smile", **grid).plan()

    assert plan.missing == 0
    assert "it is taken to be the picture that it was before" in repr(plan)


def test_a_grid_whose_picture_has_changed_is_told_and_not_bought_anew(site):
    """By its plan; and `run` wants a word."""
    grid = {"image": site.url, "prompt": "Smile", "seed": range(2)}
    kie.Experiment("smile", **grid).run().wait(SHORT_S)
    site.serve(DOG)
    exp = kie.Experiment("smile", **grid)

    assert "paid for again" in repr(exp.plan())
    with pytest.raises(kie.InvalidRequest, match="a picture has other bytes than before"):
        exp.run()


def test_a_run_bought_while_the_address_was_silent_stands_when_it_speaks_again(site, make):
    """For a cell and for a grid, also where the bytes were known before: neither pays again."""
    make()
    site.serve(None)
    asked = get_session().prepare(
        "The cat yawns.", image=site.url, seed=7, enable_prompt_expansion=False
    )  # its address is silent for us, and speaks to the service
    site.serve(CAT)
    blind, _how = get_session().begin(asked)
    assert blind.wait(SHORT_S).request.image.by_url

    again, _ = make("The cat yawns.", enable_prompt_expansion=False)
    grid = kie.Experiment("yawn", image=site.url, prompt="The cat yawns.", seed=[7])

    assert again.id == blind.id
    assert grid.plan().missing == 0
    assert [run.id for run in grid.run().wait(SHORT_S)] == [blind.id]


@pytest.mark.usefixtures("paid")
def test_a_grid_begun_while_the_address_was_silent_goes_on_when_it_speaks_again(site):
    """It is the same experiment: nothing is refused, and only what is missing is bought."""
    grid = {"image": site.url, "prompt": "Smile", "seed": range(3)}
    site.serve(None)
    kie.budget(credits=150, per="experiment")
    first = kie.Experiment("smile", **grid)
    site.serve(CAT)
    assert first.run(parallel=1).wait(SHORT_S).status().missing == 1
    kie.budget(credits=None, per="experiment")

    exp = kie.Experiment("smile", **grid).run().wait(SHORT_S)

    assert exp.status().counts == {"fetched": 3}
    assert len(site.simulator.tasks) == 3


def test_the_same_request_is_refused_when_its_address_serves_another_picture(site, make):
    """Verifying would compare videos of two pictures; it is said with both hashes, and nothing is sent."""
    run, _ = make()
    exp = kie.Experiment("other", image=site.url, prompt="Another", seed=[1])
    site.serve(DOG)

    with pytest.raises(kie.BadImage, match="now serves another picture") as refusal:
        exp.verify(run, yes=True)

    assert refusal.value.charged == "nothing"
    assert len(site.simulator.tasks) == 1


def test_sending_again_is_refused_when_the_address_serves_another_picture(site):
    """It would be another request than the one whose outcome is unknown."""
    site.simulator.set_faults([Fault(call="create", kind="lost_reply", times=1)])
    with pytest.raises(kie.OutcomeUnknown):
        kie.generate("The cat smiles.", image=site.url, seed=7).wait(SHORT_S)
    site.serve(DOG)

    with pytest.raises(kie.BadImage, match="now serves another picture"):
        kie.runs()[0].resend(yes=True)

    assert len(site.simulator.tasks) == len(kie.runs()) == 1
