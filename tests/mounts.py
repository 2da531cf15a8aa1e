"""Disks of a test's own, where this user may mount one."""

import functools
import os
import subprocess
import tempfile

# A disk that is mounted in a name space of its own is gone with its processes, however they end.
PRIVATE = ("unshare", "--mount", "sh", "-ec")
MOUNT = 'mount -t tmpfs -o size=3m tmpfs "$DISK"'


@functools.cache
def may_mount():
    """Whether this user may mount a disk here; most may not."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = subprocess.run(
                [*PRIVATE, MOUNT], env=os.environ | {"DISK": folder}, capture_output=True, check=False
            )
        except FileNotFoundError:
            return False
        return done.returncode == 0
