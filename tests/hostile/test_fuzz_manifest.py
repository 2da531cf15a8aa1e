"""An exported folder with any JSON value at any place of its manifest: refused with an error of ours, or harmless.

`KIE_FUZZ_EXAMPLES=5000` runs it for longer.
"""

import contextlib
import copy
import json
import os
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from madefolder import make_folder

import kie_nb as kie

EXAMPLES = int(os.environ.get("KIE_FUZZ_EXAMPLES", "60"))
TEXTS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        [
            "../secret.mp4",
            "/etc/passwd",
            "videos/../../secret.mp4",
            "inputs\\..\\x",
            "C:\\x",
            "fetched",
            "sending",
            "kie",
            "<img src=x onerror=alert(1)>",
            "\ud800",
            "\0",
            "\u202e",
            "a" * 20_000,
            "0" * 64,
            "2026-11-01T10:00:00+00:00",
            "9999-12-31T23:59:59-14:00",
            "http://127.0.0.1:1/x.mp4",
        ]
    ),
)
PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([2**63, -1, 10**30, 1e308]),
    st.floats(),
    TEXTS,
)
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=6
)


@pytest.fixture(scope="module")
def good(tmp_path_factory, cat):
    return make_folder(tmp_path_factory.mktemp("made") / "out", cat)


def places(value, path=()):
    """The path to every value inside *value*."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from places(one, (*path, key))


def put(value, path, new):
    """*value* with *new* at *path*."""
    if not path:
        return new
    made = copy.copy(value)
    made[path[0]] = put(value[path[0]], path[1:], new)
    return made


def outside(folder):
    """Every file below *folder* but those of the home, and what is in it."""
    return {
        path: path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "home" not in path.parts and path.name != "manifest.json"
    }


def test_any_value_anywhere_in_a_manifest(good, tmp_path, monkeypatch):
    """An import raises nothing but errors of ours, writes only into the home, and what came in can be shown."""
    folder = tmp_path / "out"
    shutil.copytree(good, folder)
    (tmp_path / "secret.mp4").write_bytes(b"not theirs")
    manifest = json.loads((folder / "manifest.json").read_text())
    spots = sorted(places(manifest), key=repr)
    before = outside(tmp_path)
    homes = iter(range(10**9))

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize="KIE_FUZZ_EXAMPLES" not in os.environ,
        suppress_health_check=list(HealthCheck),
    )
    @given(spot=st.sampled_from(spots), key=st.none() | TEXTS, value=VALUES)
    def check(spot, key, value):
        target = manifest
        for name in spot:
            target = target[name]
        new = {**target, key: value} if key is not None and isinstance(target, dict) else value
        monkeypatch.setenv("KIE_NB_HOME", str(tmp_path / "home" / str(next(homes))))
        (folder / "manifest.json").write_text(json.dumps(put(manifest, spot, new)), encoding="utf-8")

        with contextlib.suppress(kie.KieError):
            kie.import_runs(folder)
        found = kie.runs()
        page, text = found._repr_html_(), repr(found)

        assert "<img src=x onerror" not in page
        assert "not theirs" not in page + text
        for run in found:
            assert run.video is None or (run.video.parent.name == "videos" and "home" in run.video.parts)

    check()

    assert outside(tmp_path) == before
