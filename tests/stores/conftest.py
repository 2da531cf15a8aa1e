"""A real S3 server on loopback, a bucket of each test's own, and machines: homes that share a ledger and the store."""

import importlib.util
import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest

KEY, SECRET = "AKIAKIENBTESTS", "a-secret-of-the-tests-0123456789"
NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def s3_server():
    """The address of the one server of all tests."""
    if not all(map(importlib.util.find_spec, ("moto", "flask", "s3fs"))):
        pytest.skip("no S3 server: pip install 'kie_nb[test]'")
    command = [sys.executable, str(Path(__file__).with_name("s3server.py"))]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, text=True, **pipes) as server:
        yield server.stdout.readline().strip()
        server.stdin.close()


@pytest.fixture
def s3(s3_server, monkeypatch):
    """The address of an empty bucket; credentials are where the store's own tools read them."""
    import fsspec

    for name, value in {
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": s3_server,
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    for name in [
        name for name in os.environ if name.startswith("AWS_PROFILE") or name == "AWS_SESSION_TOKEN"
    ]:
        monkeypatch.delenv(name)
    address = f"s3://films-{os.getpid()}-{next(NUMBERS)}"
    fsspec.filesystem("s3", use_listings_cache=False).mkdir(address.removeprefix("s3://"))
    return f"{address}/team"


@pytest.fixture
def folder(tmp_path):
    """A mounted folder as a store."""
    (tmp_path / "mounted").mkdir()
    return str(tmp_path / "mounted")


@pytest.fixture
def on(monkeypatch, tmp_path):
    """Work on another machine: ``on("b")``. The same process, with another home and another host's name."""

    def go(name):
        monkeypatch.setenv("KIE_NB_HOME", str(tmp_path / name / "kie-runs"))
        monkeypatch.setattr("platform.node", lambda: f"host-{name}")
        return tmp_path / name / "kie-runs"

    return go


@pytest.fixture
def team(monkeypatch, postgres, on):
    """Machines with one ledger and the store at the address given."""

    def share(address):
        monkeypatch.setenv("KIE_NB_LEDGER", postgres.database())
        if address:
            monkeypatch.setenv("KIE_NB_FILES", address)
        return on("a")

    return share
