"""Bytes that were paid for are kept, whatever a look at them says: what it decides is what is said and shown."""

import base64
import hashlib
import re

import pytest
import videocorpus
from hurry import hurry
from kernelforks import script
from oneshop import Shop

import kie_nb as kie
from kie_nb.notebook.video import show_video
from kie_nb.video import inspect

WAIT_S = 60
CORPUS = videocorpus.Corpus()
GOOD = videocorpus.good()
HURT = videocorpus.spoilt(GOOD, 60)
SOURCE = re.compile(r'<(video|img|audio)[^>]* src="([^"]*)"')


@pytest.fixture(autouse=True)
def _quick():
    hurry(fetch_pauses_s=(0.01,), simulator_looks=(0.02, 1.0))


@pytest.fixture
def shop(monkeypatch):
    """A service that sends these files for its one task: ``shop(content, ...)``."""
    opened = []

    def open_(*contents, **headers):
        opened.append(Shop(*contents, **headers).__enter__())
        monkeypatch.setenv("KIE_BASE_URL", opened[-1].url)
        monkeypatch.setenv("KIE_NB_SERVICE", "simulator")
        return opened[-1]

    yield open_
    for each in opened:
        each.__exit__()


def ask():
    return kie.generate("Waves.", model="wan/2-5-text-to-video", seed=7, duration="5", resolution="720p")


def fails():
    run = ask()
    with pytest.raises(kie.DownloadFailed) as caught:
        run.wait(WAIT_S)
    return run, caught.value


def names(run):
    folder = run.ledger.files.videos
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def embedded(run, **how):
    """Element, MIME type and bytes of what a notebook shows of *run*; the address in place of bytes for a link."""
    found = SOURCE.search(show_video(run, **how)._repr_html_())
    if found is None:
        return "", "", b""
    element, source = found.groups()
    if not source.startswith("data:"):
        return element, "", source
    mime, data = source.removeprefix("data:").split(";base64,")
    return element, mime, base64.b64decode(data)


@pytest.mark.parametrize("name", CORPUS)
def test_what_came_is_kept_and_said(shop, name):
    """Byte by byte, under its true ending, with its hash; fetched once, and not again by a cell or by the doctor."""
    item = CORPUS[name]
    service = shop(item.content, ETag="v1")
    run = ask().wait(WAIT_S)

    assert (run.state, run.video.suffix) == ("fetched", f".{item.ending}")
    assert run.video.read_bytes() == item.content
    assert (run.row.video_sha256, run.row.files[0].bytes) == (
        hashlib.sha256(item.content).hexdigest(),
        len(item.content),
    )
    assert re.fullmatch(item.damage, " ".join(run.damage)), run.damage
    assert all(sentence in repr(run) for sentence in run.damage)
    assert ask() is run
    assert not list(kie.resume())
    assert service.downloads == {0: 1}
    report = kie.doctor()
    assert report.is_well == (not item.damage)
    kind = "not a video" if item.ending == "bin" else "damaged"
    assert report.counts == ({kind: 1} if item.damage else {})
    assert service.downloads[0] == (2 if item.damage else 1)  # a look at its headers
    assert (run.video.read_bytes(), service.creates) == (item.content, 1)
    check_shown(run, item)


def check_shown(run, item):
    """A preview of what can be decoded; no browser is given a container that it does not play."""
    element, mime, content = embedded(run)

    if item.ending in {"mp4", "webm"} and not item.shown:
        assert content == item.content  # a codec that we lack may be the browser's
    else:
        assert mime.startswith(item.shown)
        assert bool(mime) == bool(item.shown)
    if item.shown == "video/mp4":
        assert inspect_bytes(content, run).remark == ""
        linked = embedded(run, embed="link")[2]
        assert element == "video"
        assert linked.endswith((".mp4", ".webm"))
    if item.damage:
        assert run.damage[0].split(":")[0] in show_video(run)._repr_html_()
        assert run.damage[0] in repr(kie.runs())


def inspect_bytes(content, run):
    file = run.video.parent.parent / "looked-at"
    file.write_bytes(content)
    return inspect(file)


def test_a_phones_film_is_shown_upright(shop):
    """Its frames lie, and its header says how to turn them."""
    from kie_nb.video import probe

    shop(CORPUS["rotated"].content)
    run = ask().wait(WAIT_S)
    show_video(run)
    facts = probe(run.video.with_name(f"{run.video.stem}.preview.mp4"))

    assert (facts.width, facts.height) == (48, 64)


@pytest.mark.parametrize("name", videocorpus.PAGES)
def test_a_page_is_not_the_file(shop, name):
    """It is tried again, said by kind and size and never quoted, and kept once; the file comes when it is there."""
    content, ending, words = videocorpus.PAGES[name]
    service = shop(content)
    run, error = fails()

    assert run.state == "success"
    assert words in str(error)
    assert "secret" not in str(error)
    assert service.downloads[0] >= 2
    kept = [f"{name}.received.{ending}" for name in [run_stem(run)] if content]
    assert names(run) == kept
    told = [step["evidence"]["received"] for step in run.history() if "received" in (step["evidence"] or {})]
    assert told == (
        [
            [
                {
                    "number": 0,
                    "name": kept[0],
                    "sha256": hashlib.sha256(content).hexdigest(),
                    "bytes": len(content),
                }
            ]
        ]
        if kept
        else []
    )
    with pytest.raises(kie.DownloadFailed):
        run.wait(WAIT_S)
    kie.doctor()
    assert names(run) == kept

    service.serve(GOOD)
    assert kie.doctor().is_well
    assert run.video.read_bytes() == GOOD
    assert names(run) == [run.video.name]
    assert service.creates == 1


def run_stem(run):
    from kie_nb.ledger import Files

    return Files(run.ledger.home).video(prompt=run.prompt, seed=7, task_id=run.task_id).stem


# --- trying again --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ranges", [False, True], ids=["whole files", "ranges"])
def test_less_than_was_announced(shop, ranges):
    """Twice the same is what the service has: kept, and said as far as it plays."""
    cut = CORPUS["cut end"].content

    def short(request, _number):
        if ranges and request.headers["Range"]:
            request.answer(b"", 416)
        else:
            request.answer(cut, length=len(cut) + 999)

    service = shop(cut)
    service.reply = short
    run = ask().wait(WAIT_S)

    assert run.video.read_bytes() == cut
    assert "Plays to" in run.damage[0]
    assert service.downloads[0] == (3 if ranges else 2)
    assert names(run) == [run.video.name]


@pytest.mark.parametrize("second", ["the same", "whole", "worse", "gone"])
def test_a_length_that_nobody_told(shop, second):
    """The end of the connection may be its break: once more, and the better of both is kept."""
    contents = {"the same": HURT, "whole": GOOD, "worse": CORPUS["no frame"].content}
    service = shop(HURT)

    def untold(request, _number):
        if service.downloads[0] > 1 and second == "gone":
            request.answer(b"", 404)
        else:
            request.answer(contents.get(second, HURT) if service.downloads[0] > 1 else HURT, length="")

    service.reply = untold
    run = ask().wait(WAIT_S)

    assert run.video.read_bytes() == (GOOD if second == "whole" else HURT)
    assert service.downloads == {0: 2}
    assert names(run) == [run.video.name]


@pytest.mark.parametrize(
    ("content", "headers", "ends"),
    [
        pytest.param(HURT, {"ETag": "v1"}, "damaged", id="the same version"),
        pytest.param(GOOD, {"ETag": "v2"}, "", id="another version"),
        pytest.param(GOOD + b"\0\0\0\x08free", {"ETag": "v1"}, "", id="another length"),
        pytest.param(HURT, {"ETag": "v2"}, "damaged", id="the same bytes as another version"),
    ],
)
def test_the_doctor_fetches_what_has_changed(shop, content, headers, ends):
    """A damaged file is asked for again only where the service says that it has another; what was there is kept."""
    service = shop(HURT, ETag="v1")
    run = ask().wait(WAIT_S)
    service.serve(content, **headers)
    (found,) = kie.doctor().findings

    assert (found.kind, found.is_mended) == ("damaged", not ends)
    assert "left as it is" in found.done or not ends
    assert run.video.read_bytes() == content
    if not ends:
        assert run.video.with_name(f"{run.video.name}.altered").read_bytes() == HURT
        assert (kie.doctor().is_well, run.damage) == (True, ())


# --- breaks and deaths ---------------------------------------------------------------------------------------------


def test_what_came_before_a_break_becomes_the_file_when_the_link_dies(shop):
    """Until then it is tried again, and the half that there is has a name of its own."""
    half = CORPUS["cut end"].content
    sizes = iter([1000, 2000, len(half), 3000, 4000] * 9)

    def breaking(request, _number):
        request.answer(half[: next(sizes)], length=len(half) + 999)

    service = shop(half)
    service.reply = breaking
    run, error = fails()
    (kept,) = names(run)

    assert ".received." in kept
    assert kept in str(error)
    service.reply = lambda request, _number: request.answer(b"", 404)
    kie.resume()
    run.wait(WAIT_S)
    assert half.startswith(run.video.read_bytes())
    assert "The download broke off" in run.damage[0]
    assert names(run) == [run.video.name]


def dead_process():
    """The mark of one, as the name of its download has it."""
    told = "from kie_nb.ledger import owner; print(owner.mark())"
    done = script("-c", told, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("name", ["good", "damaged middle", "avi"])
@pytest.mark.parametrize("by", ["resume", "doctor"])
def test_a_process_that_died_between_download_and_name(shop, name, by):
    """The bytes are there, and the link is dead by the time that somebody looks."""
    content = CORPUS[name].content
    service = shop(b"")
    run, _ = fails()
    service.reply = lambda request, _number: request.answer(b"", 404)
    folder = run.ledger.files.videos
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{run_stem(run)}.mp4.1.{dead_process()}.incoming").write_bytes(content)

    if by == "resume":
        kie.resume()
        run.wait(WAIT_S)
    else:
        kie.doctor()
    assert (run.state, run.video.read_bytes()) == ("fetched", content)
    assert names(run) == [run.video.name]


def test_a_process_that_died_before_it_was_written_down(shop):
    """The file has its name already, and the ledger knows nothing of it; its link is dead."""
    service = shop(b"")
    run, _ = fails()
    service.reply = lambda request, _number: request.answer(b"", 410)
    folder = run.ledger.files.videos
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{run_stem(run)}.mkv").write_bytes(CORPUS["mkv"].content)
    kie.resume()

    assert run.wait(WAIT_S).video.read_bytes() == CORPUS["mkv"].content


def test_the_client_keeps_what_came(shop, tmp_path):
    """`AsyncKie.download` has no ledger: what came of a file stays beside its place."""
    cut = CORPUS["cut end"].content
    service = shop(cut, length=len(cut) + 9)

    async def fetch():
        async with kie.AsyncKie("key", base_url=service.url) as client:
            await client.download(f"{service.url}/media/clip_0.mp4", tmp_path / "a.mp4")

    with pytest.raises(kie.DownloadFailed):
        kie.run(fetch())
    assert not (tmp_path / "a.mp4").exists()
    assert (tmp_path / "a.mp4.part").read_bytes() == cut


# --- where else such a file goes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["damaged middle", "cut end", "cut index", "avi", "odd sound", "wav", "gif", "no frame"]
)
def test_a_damaged_file_goes_where_others_go(shop, tmp_path, monkeypatch, name):
    """Exported and imported with its remark; on the wall, in the gallery and in a comparison it stops nobody."""
    from kie_nb.notebook.gallery.media import moving, picture
    from kie_nb.notebook.gallery.tiles import tile

    item = CORPUS[name]
    shop(item.content)
    run = ask().wait(WAIT_S)
    page = kie.wall([run]).save(tmp_path / "wall.html").read_text()
    assert f'src="{run.video.name}' not in page
    tile(run)
    picture(run.video)
    if item.shown:
        assert moving(run.video)[1].startswith(item.shown) or item.shown == "audio/"
    try:
        kie.compare(run, run)
    except kie.InvalidRequest:
        assert item.ending not in {"mp4", "avi"} or item.damage
    out = kie.export(tmp_path / "out")
    (copy,) = (tmp_path / "out" / "videos").iterdir()
    assert copy.suffix == f".{item.ending}"
    assert all(sentence.rstrip(".").lower() in repr(out).lower() for sentence in run.damage)
    album = (tmp_path / "out" / "index.html").read_text()
    assert ("<video" in album) == (item.ending in {"mp4", "webm"})

    monkeypatch.setenv("KIE_NB_HOME", str(tmp_path / "other"))
    kie.import_runs(tmp_path / "out")
    here = kie.get(run.id)
    assert here.video.read_bytes() == copy.read_bytes()
    assert (here.video.suffix, here.damage) == (copy.suffix, run.damage)


def test_what_is_no_medium_is_given_to_nobody(shop, tmp_path):
    """Unknown bytes stay here, and the export says so."""
    shop(CORPUS["unknown"].content)
    ask().wait(WAIT_S)

    assert "left out" in repr(kie.export(tmp_path / "out"))
    assert list((tmp_path / "out" / "videos").iterdir()) == []


def test_the_video_stands_first(shop):
    """Whatever else came with it, and wherever the service lists it."""
    contents = [CORPUS[name].content for name in ("unknown", "wav", "gif", "ts")]
    shop(*contents)
    run = ask().wait(WAIT_S)

    assert [path.suffix for path in run.videos] == [".ts", ".gif", ".wav", ".bin"]
    assert [path.read_bytes() for path in run.videos] == contents[::-1]
    assert any(sentence.startswith("File 1: not a video") for sentence in run.damage)


def test_an_experiment_counts_it_as_done_and_says_so(shop, tmp_path, capsys):
    """Nothing is bought or fetched again for it, and `kie-nb run` ends well."""
    from kie_nb.experiment import headless

    service = shop(HURT)
    exp = kie.Experiment(
        "e", model="wan/2-5-text-to-video", prompt="Waves.", seed=[7], duration="5", resolution="720p"
    )
    exp.run().wait()
    status = exp.status()
    exp.save(tmp_path / "e.toml")

    assert (status.done, status.damaged) == (1, 1)
    assert "1 of 1 cell done (1 with a damaged file)" in repr(status)
    assert headless.run(tmp_path / "e.toml") == headless.DONE
    assert "One frame of 120 cannot be decoded." in capsys.readouterr().out
    assert (service.creates, service.downloads[0]) == (1, 1)
    assert exp.report(tmp_path / "report.html").exists()
