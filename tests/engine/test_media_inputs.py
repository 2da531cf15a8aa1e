"""Videos and sounds in a request: known by their bytes, kept, uploaded once, and told apart as pictures are."""

import contextlib
import hashlib
import json
from pathlib import Path

import pytest
import videocorpus

import kie_nb as kie
from kie_nb.handles import get_session

SHORT_S = 60
LIPS = "volcengine/video-to-video-lip-sync"
TEXT = "wan/2-5-text-to-video"


@pytest.fixture(scope="session")
def recordings():
    """A film, a tone, and one of twenty seconds."""
    with videocorpus.Making("wav") as out:
        videocorpus.play(out, out.add_stream("pcm_s16le", rate=videocorpus.RATE, layout="mono"), 20)
    return videocorpus.draw(frames=24, sound="aac"), videocorpus.tone("wav", "pcm_s16le"), out.content


@pytest.fixture
def files(recordings, tmp_path):
    """The same as files beside the notebook."""
    names = ("clip.mp4", "voice.wav", "long.wav")
    for name, content in zip(names, recordings, strict=True):
        (tmp_path / name).write_bytes(content)
    return names


@pytest.fixture
def service(simulate):
    return simulate()


def test_a_video_and_a_sound_are_sent_kept_and_known(service, files):
    """Each is uploaded once, under its hash and true ending; the same bytes by another way are the same request."""
    run = kie.generate(model=LIPS, mode="lite", video="clip.mp4", audio="voice.wav").wait(SHORT_S)

    sent = service.tasks[-1].input
    media = {role: given[0] for role, given in run.request.media.items()}
    for role, ending in (("video", "mp4"), ("audio", "wav")):
        assert sent[f"{role}_url"].endswith(f"{media[role].sha256[:32]}.{ending}")
        kept = run.ledger.files.find_input(media[role].sha256)
        assert hashlib.sha256(kept.read_bytes()).hexdigest() == media[role].sha256
        assert kept.suffix == f".{ending}"
    assert (media["video"].seconds, media["video"].width, media["audio"].mime) == (1.0, 64, "audio/wav")
    assert service.counts["uploads_accepted"] == 2
    with open("clip.mp4", "rb") as film:  # noqa: PTH123 - as users do
        again = kie.generate(model=LIPS, mode="lite", video=film, audio=Path("voice.wav").read_bytes())
    assert again is run
    other = kie.generate(model=LIPS, mode="basic", video="clip.mp4", audio="voice.wav").wait(SHORT_S)
    assert other.row.fingerprint != run.row.fingerprint
    assert service.counts["uploads_accepted"] == 2


def test_a_run_is_given_as_a_video(service, files):
    """It is waited for; both runs record the link. As a picture, or as a sound, it is refused with the way out."""
    first = kie.generate("A hill.", model=TEXT, seed=7)

    second = kie.generate(model=LIPS, mode="lite", video=first, audio="voice.wav").wait(SHORT_S)

    sha256 = second.request.media["video"][0].sha256
    assert second.row.origin["sources"] == [{"run": first.id, "role": "video", "sha256": sha256}]
    assert second.origin["made_of"] == f"run {first.id[:8]}"
    told = first.history()[-1]["evidence"]["continued by"]
    assert (told["run"], told["role"]) == (second.id, "video")
    with pytest.raises(kie.InvalidRequest) as refused:
        kie.generate("p", image=first)
    assert "run.frame(-1)" in refused.value.hint
    with pytest.raises(kie.InvalidRequest, match="is no sound"):
        kie.generate(model=LIPS, mode="lite", video=first, audio=first)
    prepared = get_session().prepare("p", model="wan/3-0-video", reference=first)
    assert prepared.request.media["video"][0].sha256 == sha256


def test_a_seed_that_is_drawn_is_one_that_the_model_takes(service, files, cat):
    """For a run, for another of it, and for an experiment: InfiniTalk's seeds are 10000 to 1000000."""
    asked = {"model": "infinitalk", "image": cat, "audio": "voice.wav"}
    taken = range(10_000, 1_000_001)

    run = kie.generate("p", **asked).wait(SHORT_S)
    other = get_session().another(run).wait(SHORT_S)
    experiment = kie.Experiment("speech", prompt=["a", "b"], **asked)

    assert run.seed in taken
    assert other.seed in taken
    assert {*experiment.to_frame()["seed"]} <= {*taken}


def test_a_picture_for_a_sound_is_not_to_be_saved_again(cat):
    """Another file is wanted: this one is whole."""
    with pytest.raises(kie.InvalidRequest, match="seems to be a PNG picture") as refused:
        get_session().prepare("p", model="infinitalk", image=cat, audio=cat)

    assert refused.value.hint == "use a file of a sound"


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (
            {"model": "infinitalk/from-audio", "prompt": "p", "audio": "long.wav"},
            r"lasts 20\.0\d* s; the model takes at most 15 s",
        ),
        ({"model": LIPS, "mode": "lite", "video": "voice.wav", "audio": "voice.wav"}, "is not a video"),
        ({"model": LIPS, "mode": "lite", "video": "clip.mp4", "audio": "clip.mp4"}, "seems to be a video"),
        ({"model": LIPS, "mode": "lite", "video": "no.mp4", "audio": "voice.wav"}, "There is no file"),
        ({"model": "topaz/video-upscale", "video": "http://127.0.0.1:9/a.mp4"}, "from your network only"),
        (
            {"model": "topaz/video-upscale", "video": "data:video/mp4;base64,AAAA"},
            "cannot be fetched by the service",
        ),
    ],
)
def test_what_a_model_does_not_take_is_refused_before_it_costs(service, files, cat, asked, words):
    """Nothing is sent, uploaded or kept."""
    picture = {"image": cat} if asked["model"].startswith("infinitalk") else {}

    with pytest.raises(kie.InvalidRequest, match=words):
        kie.generate(**asked, **picture)

    assert service.counts["create"] == service.counts["uploads_accepted"] == 0
    assert list(kie.runs()) == []


def test_media_go_through_an_export(service, files, monkeypatch, tmp_path):
    """With their run; the file gives the call back that names the copies, and the doctor misses one that is gone."""
    run = kie.generate(model=LIPS, mode="lite", video="clip.mp4", audio="voice.wav").wait(SHORT_S)
    exported = kie.export("out")
    recalled = kie.read_request(f"out/videos/{run.video.name}")
    monkeypatch.setenv("KIE_NB_HOME", str(tmp_path / "elsewhere"))
    kie.import_runs("out")

    there = kie.get(run.id)
    names = sorted(path.name for path in (tmp_path / "elsewhere" / "inputs").iterdir())
    assert exported.remarks == ()
    assert [name.partition("-")[0] for name in names] == ["clip", "voice"]
    assert 'video="out/inputs/clip-' in recalled.call
    asked = eval(recalled.call, {"kie": Asked})  # noqa: S307 - what a user would do with it
    assert asked.fingerprint == run.row.fingerprint == there.row.fingerprint
    there.ledger.files.find_input(run.request.media["audio"][0].sha256).unlink()
    (finding,) = kie.doctor().findings
    assert "the sound voice.wav of this run is missing" in finding.what


class Asked:
    """In the place of the package: what a call would ask for."""

    generate = staticmethod(lambda prompt=None, **fields: get_session().prepare(prompt, **fields))


def test_a_video_by_its_address_is_known_by_its_bytes(service, recordings):
    """It is fetched once to know it, and named as it is; where the address is silent it is known by that, and says so."""

    async def uploaded():
        async with kie.AsyncKie() as client:
            return await client.upload(recordings[0], "clip.mp4", mime="video/mp4")

    url = kie.run(uploaded()).url
    run = kie.generate(model="topaz/video-upscale", video=url).wait(SHORT_S)

    (video,) = run.request.media["video"]
    assert (video.url, video.by_url, video.seconds) == (url, False, 1.0)
    assert video.sha256 == hashlib.sha256(recordings[0]).hexdigest()
    assert service.tasks[-1].input["video_url"] == url
    assert service.counts["uploads_accepted"] == 1
    assert kie.generate(model="topaz/video-upscale", video=url) is run
    with pytest.raises(kie.BadImage, match=r"The video at .* cannot be read"):
        kie.generate(model="topaz/video-upscale", video=url.replace("clip", "other"))


def test_no_secret_of_an_address_is_given_away(service, tmp_path):
    """As of a picture's: an export holds neither password nor signature of a video's address."""
    url = "https://jane:hunter2@files.example.com/clip.mp4?X-Amz-Signature=s3cr3t"
    with pytest.warns(UserWarning, match="known by the address of its video"):
        kie.generate(model="topaz/video-upscale", video=url, check_image=False)
    for run in kie.runs():
        with contextlib.suppress(kie.KieError):  # nobody can fetch it
            run.wait(SHORT_S)

    kie.export("out", kie.runs())

    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["runs"][0]["request"]["media"]["video"][0]["url"].endswith("files.example.com/clip.mp4")
    for file in (tmp_path / "out").iterdir():
        if file.is_file():
            assert not {"hunter2", "s3cr3t"} & set(file.read_text().replace("&", " ").split())
            assert "hunter2" not in file.read_text()
            assert "s3cr3t" not in file.read_text()
