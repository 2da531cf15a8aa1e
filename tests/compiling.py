"""What the workers of a run in a fresh clone would each do for themselves is done once: compiling tests, and listing letters."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path


def compile_share(config):
    """What pytest compiles itself, with assertions that tell their values; nothing where there is one process alone."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")[2:]
    # Names of pytest's own: under others each worker compiles all, which only takes longer.
    with contextlib.suppress(ImportError, AttributeError, TypeError, OSError):
        from _pytest.assertion import rewrite

        files = sorted(Path(__file__).parent.rglob("test_*.py")) if worker else []
        for file in files[int(worker or 0) :: int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))]:
            compiled = rewrite.get_cache_dir(file) / (file.stem + rewrite.PYC_TAIL)
            if not compiled.exists():
                compiled.parent.mkdir(exist_ok=True)
                source, code = rewrite._rewrite_test(file, config)
                rewrite._write_pyc(config.stash[rewrite.assertstate_key], code, source, compiled)


def find_letters():
    """A process in which Hypothesis looks once, for all workers, which letters there are; None where it has done so."""
    if list(Path(".hypothesis").glob("unicode_data/*/codec*")):
        return None
    code = "import hypothesis; hypothesis.find(hypothesis.strategies.text(), lambda _: True)"
    return subprocess.Popen([sys.executable, "-c", code])
