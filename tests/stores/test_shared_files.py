"""Videos and pictures in a store that machines share: put there before they count as fetched, read back by their hash."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import replace
from pathlib import Path

import fsspec
import pytest

import kie_nb as kie
from kie_nb import cli
from kie_nb.engine.downloading import Downloading
from kie_nb.engine.shelving import push_left
from kie_nb.handles import get_session
from kie_nb.ledger.states import State
from kie_nb.notebook.run_cell import cell_of
from kie_nb.notebook.video import make_assets
from kie_nb.operations.moving import move_files
from kie_nb.shared_files import Cache
from kie_nb.simulator import Fault
from kie_nb.stores import StoreError, WrongBytes, cache, find_input
from kie_nb.stores.store import Store

WAIT_S = 30


def stored(address):
    """The keys in a store, and their bytes."""
    files, root = fsspec.core.url_to_fs(
        address, **({"use_listings_cache": False} if "://" in address else {})
    )
    return {path.removeprefix(f"{root}/"): files.cat_file(path) for path in files.find(root)}


def spoil(address, key, content):
    """Put other bytes under *key*."""
    files, root = fsspec.core.url_to_fs(address)
    files.pipe_file(f"{root}/{key}", content)


def closed_port():
    """The address of nobody."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def only(report):
    assert len(report) == 1, report
    return report.findings[0]


def test_two_machines_share_a_store(simulate, s3, team, on, ask, cat):  # noqa: PLR0917
    """What one has fetched the other shows from the store: video, picture, preview; Kie's server gives each file once."""
    simulator = simulate()
    home = team(s3)
    first = ask().wait(WAIT_S)
    content = first.video.read_bytes()
    assert first.video.is_relative_to(home / "cache")
    assert not list((home / "videos").iterdir())
    make_assets(first.video, "preview")
    get_session().shelf(first.ledger)._threads.shutdown()  # what is put there in the background is there
    kept, image = first.row.files[0], first.request.image
    stem = kept.name.removeprefix("videos/").removesuffix(".mp4")
    keys = set(stored(s3))
    assert {
        f"videos/{stem}/{kept.sha256}.mp4",
        f"inputs/{image.sha256}/chelsea-{image.sha256[:8]}.png",
    } < keys
    assert sum(bool(re.search(r"\.(preview|poster)\.[0-9a-f]{64}\.", key)) for key in keys) == 2
    downloads = simulator.counts["downloads"]

    other = on("b")
    how = get_session().start("The cat smiles.", image=cat, seed=7).how
    second = ask()
    second.wait(WAIT_S)

    assert how == "fetched again"  # it is done: nothing is under way
    assert second.id == first.id
    assert second.video.is_relative_to(other / "cache")
    assert second.video.read_bytes() == content
    second.video.unlink()
    assets = make_assets(second.video, "preview")  # made on the other machine: the video itself is not needed
    assert assets.content is not None
    cell = cell_of(second)
    assert "chelsea-" in cell
    assert any((other / "inputs").iterdir())
    assert kie.doctor().is_well
    assert kie.wall([second]).tiles[0].video == second.video
    assert second.video.read_bytes() == content
    assert simulator.counts["downloads"] == downloads
    assert len(simulator.tasks) == 1


DIES = """
import os, sys
import kie_nb as kie
from kie_nb.stores import Shelf

push = Shelf.push

def push_and_die(self, *args):
    push(self, *args)
    os._exit(9)

Shelf.push = push_and_die
kie.generate("The cat smiles.", image=sys.argv[1], seed=7).wait(60)
"""


def test_a_machine_that_dies_after_the_upload_costs_no_second_fetch(simulate, s3, team, on, ask, cat):  # noqa: PLR0917
    """Another machine takes the run over and finds the file in the store, where the dead one has left it."""
    simulator = simulate()
    home = team(s3)
    command, environment = [sys.executable, "-c", DIES, cat], os.environ | {"KIE_NB_HOME": str(home)}
    dead = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=90, check=False)
    assert dead.returncode == 9, dead.stderr
    downloads = simulator.counts["downloads"]

    on("b")
    run = ask()
    run.wait(WAIT_S)

    assert run.state is State.FETCHED
    assert run.video.read_bytes()
    assert simulator.counts["downloads"] == downloads
    assert len(simulator.tasks) == 1


@pytest.mark.parametrize("step", ["before the upload", "after the upload", "after the move"])
def test_a_stop_at_each_step_loses_nothing(simulate, folder, ask, monkeypatch, step):
    """The next look goes on where it was; the file is fetched once."""
    monkeypatch.setenv("KIE_NB_FILES", folder)
    simulator = simulate()
    push = Downloading._push

    async def stopped(self, came):
        if step == "after the upload":
            await push(self, came)
        raise RuntimeError(step)

    with monkeypatch.context() as patch:
        if step == "after the move":
            patch.setattr(Downloading, "_settle", lambda *_args, **_more: None)
            ask().wait(WAIT_S)
        else:
            patch.setattr(Downloading, "_push", stopped)
            with pytest.raises(kie.KieError, match=step):
                ask().wait(WAIT_S)

    run = ask()
    run.wait(WAIT_S)
    kie.doctor()

    assert run.state is State.FETCHED
    assert run.video.read_bytes() == next(b for key, b in stored(folder).items() if key.startswith("videos/"))
    assert run.video.parent.name == run.row.video_sha256
    assert kie.doctor().is_well
    assert simulator.counts["downloads"] == 1
    assert len(simulator.tasks) == 1


@pytest.mark.parametrize("trouble", ["down", "slow", "unmounted"])
def test_a_store_that_fails_costs_no_video(simulate, s3, folder, ask, monkeypatch, trouble):  # noqa: PLR0917
    """The run is fetched, its file stays in the home; it is put into the store as soon as that answers."""
    simulate()
    server = os.environ["AWS_ENDPOINT_URL"]
    address = folder if trouble == "unmounted" else s3
    monkeypatch.setenv("KIE_NB_FILES", address)
    silent = socket.create_server(("127.0.0.1", 0))
    if trouble == "unmounted":
        shutil.rmtree(folder)
    else:
        elsewhere = f"http://127.0.0.1:{silent.getsockname()[1]}" if trouble == "slow" else closed_port()
        monkeypatch.setenv("AWS_ENDPOINT_URL", elsewhere)
    monkeypatch.setattr(get_session(), "timing", replace(get_session().timing, store_wait_s=0.3))

    run = ask()
    run.wait(WAIT_S)

    assert run.state is State.FETCHED
    assert run.video.parent.name == "videos"
    found = only(kie.doctor(mend=False)) if trouble == "unmounted" else None
    assert found is None or (found.kind == "not in the store" and "mounted" in found.what)
    assert found is None or "next:" not in found.what  # what follows is said once, and in its own column
    silent.close()
    shelf = get_session().shelf(run.ledger)
    while trouble != "unmounted" and not shelf.store._silent_until:  # the try that goes on ends
        time.sleep(0.05)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    if trouble == "unmounted":
        Path(folder).mkdir()
    shelf.store.__dict__.pop("_opened", None)  # as a new process: the address of the server was another
    shelf.store._silent_until = 0.0
    kie.doctor()
    assert kie.doctor().is_well
    assert run.video.parent.name == run.row.video_sha256
    assert any(key.endswith(f"{run.row.video_sha256}.mp4") for key in stored(address))


def test_wrong_bytes_and_deleted_objects_are_found_by_hash(simulate, folder, ask, monkeypatch, tmp_path):
    """What the store serves is taken by its hash alone; doctor puts it there again from a machine that has it."""
    simulate()
    monkeypatch.setenv("KIE_NB_FILES", folder)
    run = ask()
    run.wait(WAIT_S)
    content, cached = run.video.read_bytes(), run.video
    (key,) = (key for key in stored(folder) if key.endswith(".mp4"))
    spoil(folder, key, content[:-1] + bytes([content[-1] ^ 1]))

    found = only(kie.doctor(mend=False))
    assert (found.kind, found.is_mended) == ("not in the store", False)
    assert "other bytes" in found.what
    assert only(kie.doctor()).is_mended
    assert stored(folder)[key] == content
    spoil(folder, key, b"x" * len(content))
    shutil.rmtree(cached.parent)
    with pytest.raises(StoreError, match="other bytes"):
        get_session().shelf(run.ledger).pull(run.row.files[0])
    assert not cached.exists()
    fsspec.filesystem("file").rm_file(f"{folder}/{key}")
    assert only(kie.doctor()).is_mended  # by its link at the service, which lives
    assert kie.doctor().is_well
    assert stored(folder)[key] == content


def test_an_altered_film_never_takes_the_place_of_the_right_one(simulate, folder, ask, monkeypatch):
    """A cut copy lies in the home, and the cache has lost its own: it is never put into the store."""
    simulate()
    monkeypatch.setenv("KIE_NB_FILES", folder)
    run = ask().wait(WAIT_S)
    content, (kept,) = run.video.read_bytes(), run.row.files
    shelf, (key,) = get_session().shelf(run.ledger), (key for key in stored(folder) if key.endswith(".mp4"))
    altered = run.ledger.files.videos / run.video.name
    altered.write_bytes(content[:-1000])
    run.video.unlink()

    with pytest.raises(StoreError, match="altered"):
        shelf.push(altered, kept.sha256)
    assert altered.read_bytes() == content[:-1000]
    assert "kept as" in only(kie.doctor()).done

    assert stored(folder)[key] == content
    assert run.video.read_bytes() == content


def test_the_cache_is_bounded_and_safe_to_delete(simulate, folder, ask, monkeypatch, tmp_path):
    """What was used least recently goes first; whatever is gone is read back when it is looked at."""
    simulator = simulate()
    monkeypatch.setenv("KIE_NB_FILES", folder)
    monkeypatch.setenv("KIE_NB_CACHE", f"{tmp_path / 'quick'}, 0.000001 TB")
    monkeypatch.setattr("kie_nb.stores.cache.JUST_USED_S", -1.0)
    runs = [ask(seed=seed) for seed in range(3)]
    for run in runs:
        run.wait(WAIT_S)
    size = sum(path.stat().st_size for path in (tmp_path / "quick").rglob("*.mp4"))
    assert size <= 10**6
    shutil.rmtree(tmp_path / "quick")
    downloads = simulator.counts["downloads"]

    films = {key.rpartition("/")[2].removesuffix(".mp4"): content for key, content in stored(folder).items()}
    for run in runs:
        assert make_assets(run.video, "full").content == films[run.row.video_sha256]
    assert simulator.counts["downloads"] == downloads


def test_a_file_that_the_store_does_not_keep_holds_up_no_other(simulate, folder, ask, monkeypatch):
    """Of two that are left in the home, the first is refused each time."""
    simulate()
    runs = [ask(seed=seed).wait(WAIT_S) for seed in range(2)]
    monkeypatch.setenv("KIE_NB_FILES", folder)
    ledger = get_session().here
    put = Store.put
    seen = []

    def refusing(self, source, key, sha256, **more):
        if key.startswith("videos/") and not seen:
            seen.append(sha256)
            raise WrongBytes("not kept")
        return put(self, source, key, sha256, **more)

    monkeypatch.setattr(Store, "put", refusing)
    with pytest.raises(WrongBytes):
        push_left(get_session().shelf(ledger), ledger)

    assert {key.rpartition("/")[2][:64] for key in stored(folder) if key.startswith("videos/")} == (
        {run.row.video_sha256 for run in runs} - {*seen}
    )


def test_two_homes_with_one_cache_keep_their_own_pictures(simulate, folder, ask, monkeypatch, tmp_path):
    """What one brings from the store is not put into the home of the other."""
    simulate()
    monkeypatch.setenv("KIE_NB_FILES", folder)
    monkeypatch.setenv("KIE_NB_CACHE", str(tmp_path / "quick"))
    homes = [tmp_path / name for name in ("one", "other")]
    runs = []
    for home in homes:
        monkeypatch.setenv("KIE_NB_HOME", str(home))
        runs.append(ask().wait(WAIT_S))
        shutil.rmtree(home / "inputs")

    found = find_input(runs[0].ledger.files, runs[0].request.image)

    assert found.parent == homes[0] / "inputs"


def test_a_new_store_takes_what_was_fetched_before(simulate, folder, ask, monkeypatch):
    """It has nothing yet, and was asked for what it has not."""
    simulate()
    run = ask().wait(WAIT_S)
    monkeypatch.setenv("KIE_NB_FILES", folder)
    home_copy, content = run.video, run.video.read_bytes()
    home_copy.rename(home_copy.with_suffix(".away"))
    assert make_assets(kie.get(run.id).video, "full").content is None
    home_copy.with_suffix(".away").rename(home_copy)

    kie.doctor()

    assert content in stored(folder).values()


def test_nothing_is_put_into_the_place_of_a_mount_that_is_not_there(simulate, folder, ask, monkeypatch):
    """The mount would hide it: the film stays in the home until the store is back."""
    simulate()
    monkeypatch.setenv("KIE_NB_FILES", folder)
    ask().wait(WAIT_S)
    Path(folder).rename(f"{folder}-away")
    Path(folder).mkdir()

    run = ask(seed=8).wait(WAIT_S)

    assert run.video.is_relative_to(run.ledger.files.videos)
    assert not any(Path(folder).iterdir())
    Path(folder).rmdir()
    Path(f"{folder}-away").rename(folder)
    kie.doctor()
    assert any(key.endswith(f"{run.row.video_sha256}.mp4") for key in stored(folder))


def test_a_film_that_is_in_the_store_alone_is_not_bought_again(simulate, folder, ask, monkeypatch):
    """The cache was emptied, and the ledger removed while this process lives: what it has paid for goes along."""
    simulator = simulate()
    monkeypatch.setenv("KIE_NB_FILES", folder)
    run = ask().wait(WAIT_S)
    content, home = run.video.read_bytes(), run.ledger.home
    shutil.rmtree(home / "cache")
    for file in home.glob("ledger.sqlite*"):
        file.unlink()

    again = ask().wait(WAIT_S)

    assert again.id == run.id
    assert make_assets(again.video, "full").content == content
    assert len(simulator.tasks) == 1


def test_a_run_whose_file_is_elsewhere_says_so_at_once(paid, simulate, team, on, ask):
    """Without a store, when the link is dead: which machine has it, and that nothing is charged; not tried for a minute."""
    simulator = simulate()
    home = team("")
    first = ask()
    first.wait(WAIT_S)
    simulator.set_faults([Fault(call="download", kind="expired", times=None)])
    looks = simulator.counts["downloads"]

    on("b")
    second = ask()
    with pytest.raises(kie.KieError) as caught:
        second.wait(WAIT_S)

    said = f"{caught.value} {caught.value.hint} {caught.value.charged}"
    assert "on machine host-a" in said
    assert str(home) in said
    assert "export" in said
    assert caught.value.charged == "nothing now"
    assert simulator.counts["downloads"] - looks <= 4  # one pass over its links
    found = [one for one in kie.doctor().findings if one.file.endswith(".mp4")]
    assert [one.kind for one in found] == ["elsewhere"]
    assert kie.doctor().is_well
    on("a")
    first.video.unlink()
    assert {one.kind for one in kie.doctor(mend=False).findings if one.file.endswith(".mp4")} == {"missing"}


def test_a_picture_elsewhere_is_fetched_or_its_machine_is_named(simulate, team, on, ask, tmp_path):
    """By its upload while that lives; else Copy as cell and export say whose machine has it."""
    simulate()
    team("")
    first = ask()
    first.wait(WAIT_S)
    other = on("b")
    second = ask()
    second.wait(WAIT_S)
    shutil.rmtree(other / "inputs", ignore_errors=True)

    assert "chelsea-" in cell_of(second)
    assert any((other / "inputs").iterdir())
    shutil.rmtree(other / "inputs")
    second.ledger.forget_upload(second.row.account, second.request.image.sha256)
    with pytest.raises(kie.BadImage, match="on machine host-a"):
        cell_of(second)
    assert any("host-a" in remark for _, remark in kie.export(tmp_path / "album", [second]).remarks)
    found = only(kie.doctor())
    assert found.kind == "elsewhere"
    assert "host-a" in found.what


def test_files_move_there_and_back(simulate, s3, folder, ask, monkeypatch, capsys):  # noqa: PLR0917
    """Interrupted and called again; each copy is read back before anything is removed."""
    simulate()
    runs = [ask(seed=seed) for seed in range(2)]
    contents = [run.wait(WAIT_S).video.read_bytes() for run in runs]
    home = runs[0].ledger.home
    put = Store.put
    seen = []

    def failing(self, source, key, sha256, **more):
        seen.append(key)
        if len(seen) == 3:
            raise StoreError("cut off")
        return put(self, source, key, sha256, **more)

    monkeypatch.setattr(Store, "put", failing)
    with pytest.raises(StoreError, match="cut off"):
        move_files(get_session(), s3)
    assert all(run.row.video_sha256 for run in runs)
    monkeypatch.setattr(Store, "put", put)

    assert move_files(get_session(), s3).files == 3
    assert not list((home / "videos").glob("*.mp4"))
    there = stored(s3)
    assert {*contents} <= set(there.values())
    monkeypatch.setenv("KIE_NB_FILES", s3)
    shutil.rmtree(home / "cache")
    moved = [kie.get(run.id) for run in runs]
    assert [run.wait(WAIT_S).video.read_bytes() for run in moved] == contents
    shutil.rmtree(home / "inputs")

    assert move_files(get_session(), str(folder)).files == 3  # on to another
    assert not stored(s3)
    monkeypatch.setenv("KIE_NB_FILES", folder)

    assert cli.main(["files", "move", "--to", str(home)]) == 0

    assert "3 files are in kie-runs" in capsys.readouterr().out
    assert not stored(folder)
    monkeypatch.setenv("KIE_NB_FILES", str(home))
    with pytest.raises(kie.InvalidRequest, match="itself"):
        kie.runs()
    monkeypatch.delenv("KIE_NB_FILES")
    assert [kie.get(run.id).video.read_bytes() for run in runs] == contents
    assert kie.doctor().is_well


def test_a_store_under_another_name_is_not_emptied(simulate, folder, ask, monkeypatch, tmp_path):
    """To move there what is there already would remove the only copies."""
    simulate()
    monkeypatch.setenv("KIE_NB_FILES", folder)
    ask().wait(WAIT_S)
    before = stored(folder)
    (tmp_path / "alias").symlink_to(folder)

    for other in (tmp_path / "alias", f"{folder}/../mounted"):
        with pytest.raises(kie.InvalidRequest, match="there already"):
            move_files(get_session(), str(other))

    assert stored(folder) == before


def test_a_linked_cache_leads_nowhere(simulate, folder, ask, monkeypatch, tmp_path):
    """A folder that came with one: the place it leads to is neither written nor swept; another's folders of like names stay."""
    simulate()
    monkeypatch.setenv("KIE_NB_FILES", folder)
    there, home = tmp_path / "docker" / "overlay2" / ("a" * 64), Path(os.environ["KIE_NB_HOME"])
    there.mkdir(parents=True)
    (there / "layer").write_bytes(b"x" * 100)
    os.utime(there / "layer", (1, 1))
    os.utime(there, (1, 1))
    cache.shrink(Cache(tmp_path / "docker", 10))
    home.mkdir(exist_ok=True)
    (home / "cache").symlink_to(tmp_path / "docker")

    with pytest.raises(kie.InvalidRequest, match="is a link"):
        ask()

    assert [path.name for path in (tmp_path / "docker").rglob("*")] == ["overlay2", "a" * 64, "layer"]


def test_what_is_being_brought_is_not_swept(tmp_path):
    """A slow download is older than what may be swept, by its folder's time; what is written to it is not."""
    place = tmp_path / "01234567" / ("a" * 64)
    place.mkdir(parents=True)
    (place / ".film.mp4.part").write_bytes(b"x" * 100)
    os.utime(place, (1, 1))
    cache.shrink(Cache(tmp_path, 10))
    assert any(place.iterdir())
    os.utime(place / ".film.mp4.part", (1, 1))
    os.utime(place, (1, 1))
    cache.shrink(Cache(tmp_path, 10))
    assert not place.exists()


def test_a_link_is_signed_by_the_store(simulate, s3, ask, monkeypatch, tmp_path):
    """It serves the bytes, is neither Kie's nor holds a secret, and dies; a folder cannot sign, and says so."""
    simulate()
    plain = ask(seed=1).wait(WAIT_S)
    with pytest.raises(kie.InvalidRequest, match="cannot sign"):
        plain.share()
    monkeypatch.setenv("KIE_NB_FILES", s3)
    run = ask().wait(WAIT_S)

    link = run.share(expires=60)

    with urllib.request.urlopen(link) as reply:
        assert reply.read() == run.video.read_bytes()
        assert run.video.name in reply.headers["Content-Disposition"]
    assert link.startswith(os.environ["AWS_ENDPOINT_URL"])
    assert "X-Amz-Expires=60" in link
    assert "a-secret-of-the-tests" not in link
    for wrong in (0, True, "1 h", 8 * 24 * 3600):
        with pytest.raises(kie.InvalidRequest, match="expires"):
            run.share(expires=wrong)
    monkeypatch.setenv("KIE_NB_FILES", str(tmp_path))
    with pytest.raises(StoreError, match="cannot sign"):
        ask(seed=2).wait(WAIT_S).share()


def test_the_secret_is_nowhere(simulate, s3, ask, monkeypatch, tmp_path, caplog):  # noqa: PLR0917
    """Not in the ledger, the store, an export, a message, where the store refuses it and where all is well."""
    simulate()
    monkeypatch.setenv("KIE_NB_FILES", s3)
    run = ask().wait(WAIT_S)
    kie.export(tmp_path / "album", [run])
    shelf = get_session().shelf(run.ledger)
    shelf.store.__dict__.pop("_opened")
    monkeypatch.setenv("AWS_ENDPOINT_URL", closed_port())
    shelf.drop(run.video)

    told = f"{kie.doctor(mend=False)!r} {make_assets(run.video, 'full').remark} {caplog.text}"

    assert "does not answer" in told
    everything = told.encode() + b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"a-secret-of-the-tests" not in everything
    assert b"AKIAKIENBTESTS" not in everything


def test_what_strangers_put_into_store_ledger_and_cache_leads_nowhere(
    simulate, folder, ask, monkeypatch, tmp_path
):
    """Names that are not ours are no files; a link in the cache is not followed; a planted film is not taken for what was paid."""
    simulate()
    monkeypatch.setenv("KIE_NB_FILES", folder)
    run = ask().wait(WAIT_S)
    files, kept = run.ledger.files, run.row.files[0]
    content, (film, *_) = run.video.read_bytes(), run.row.files
    for name in ("videos/../../evil.mp4", "/etc/passwd", "videos/a/b.mp4", "inputs/a.mp4", "videos/.mp4"):
        assert files.place_of(replace(kept, name=name)) is None
    for path in (
        f"{folder}/videos/{run.video.stem}/{'0' * 64}.poster.{'1' * 64}.jpg",
        f"{folder}/videos/{run.video.stem}/...mp4",
    ):
        Path(path).write_bytes(b"planted")
    (tmp_path / "secret").write_bytes(b"a file of the user's")
    cached = run.video
    cached.unlink()
    cached.symlink_to(tmp_path / "secret")

    assets = make_assets(run.video, "full")

    assert assets.content == content
    assert not cached.is_symlink()
    assert (tmp_path / "secret").read_bytes() == b"a file of the user's"
    assert kie.doctor().is_well
    assert film == kie.get(run.id).row.files[0]
