"""Addresses of stores and caches: one spelling each; none that holds credentials is used or repeated."""

import subprocess
import sys
from pathlib import Path

import pytest

import kie_nb as kie
from kie_nb import settings
from kie_nb.shared_files import CACHE_BYTES, cache_in, store_address

BESIDE = Path("/home/ada/notebooks")


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("", ""),
        ("s3://bucket", "s3://bucket"),
        ("s3://bucket/a/b/", "s3://bucket/a/b"),
        ("S3://bucket//a", "s3://bucket/a"),
        ("gs://bucket/a", "gs://bucket/a"),
        ("az://container/a", "az://container/a"),
        ("file:///mnt/films", "/mnt/films"),
        ("/mnt/films", "/mnt/films"),
        ("films", "/home/ada/notebooks/films"),
        ("../films", "/home/ada/films"),
    ],
)
def test_an_address_has_one_spelling(given, address):
    """So that machines agree on it."""
    assert store_address(given, BESIDE) == address


@pytest.mark.parametrize(
    "given",
    [
        "s3://AKIA:hunter2@bucket/a",
        "s3://hunter2@bucket",
        "s3://bucket/a?secret=hunter2",
        "s3://bucket/a#hunter2",
        "az://container/a?sig=hunter2",
        "https://user:hunter2@host/a",
        "s3://bucket/../hunter2",
        "s3://",
        "s3://[hunter2",
        "memory://hunter2",
    ],
)
def test_what_is_no_address_or_holds_credentials_is_refused(given, monkeypatch):
    """The message does not repeat it."""
    for refuse in (
        lambda: store_address(given, BESIDE),
        lambda: kie.configure(files=given),
        lambda: monkeypatch.setenv("KIE_NB_FILES", given) or settings.current(),
    ):
        with pytest.raises(kie.InvalidRequest) as caught:
            refuse()
        assert "hunter2" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    ("given", "folder", "most"),
    [
        ("", "/home/kie-runs/cache", CACHE_BYTES),
        ("20 GB", "/home/kie-runs/cache", 20 * 10**9),
        ("1.5T", "/home/kie-runs/cache", 1500 * 10**9),
        ("/scratch", "/scratch", CACHE_BYTES),
        ("/scratch, 500 MB", "/scratch", 500 * 10**6),
        ("scratch,1GB", "/home/ada/notebooks/scratch", 10**9),
    ],
)
def test_a_cache_is_a_folder_a_size_or_both(given, folder, most):
    """A comma stands between them."""
    found = cache_in(given, Path("/home/kie-runs"), BESIDE)
    assert (str(found.folder), found.most) == (folder, most)


def test_a_size_that_is_none_is_refused():
    """It would limit nothing."""
    with pytest.raises(kie.InvalidRequest, match="no size"):
        cache_in("/scratch, plenty", Path("/home"), BESIDE)


def test_the_default_imports_no_file_system():
    """Files in the home cost what they did."""
    code = "import sys, kie_nb as kie; kie.runs(); sys.exit(bool({'fsspec', 's3fs'} & {*sys.modules}))"
    subprocess.run([sys.executable, "-c", code], check=True)
