"""Imported by a process that is forked: what the first call of kie_nb reckons for its process is reckoned before, once."""

import tempfile
from pathlib import Path

from kie_nb import settings
from kie_nb.catalogue import rows
from kie_nb.ledger import GrantStore, Ledger

rows()
with tempfile.TemporaryDirectory() as folder:
    for _ in range(2):  # a new ledger, and one that is there
        Ledger(Path(folder)).close()
        GrantStore(Path(folder)).close()
settings.start_folder.cache_clear()  # each fork begins in its own
