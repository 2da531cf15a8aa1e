"""What the games of `engine/test_model.py` share: the service, where kernels come from, and the trouble there may be."""

import hashlib

from kernelnursery import Nursery

from kie_nb.simulator import Simulator

LONG_REPLY_S = 1.0
# Trouble, and the state that it may bring a run to.
TROUBLE = {
    ("create", "lost_reply"): "unknown",
    ("create", "reset"): "unknown",
    ("create", "http_500"): "unknown",
    ("create", "http_502_done"): "unknown",
    ("create", "no_task_id"): "unknown",
    ("create", "402"): "refused",
    ("create", "429"): None,
    ("create", "slow_reply"): None,
    ("upload", "http_500"): None,
    ("task", "fail"): "fail",
    ("task", "slow"): None,
    ("record", "null_record"): "lost",
    ("record", "http_500"): None,
    ("record", "no_urls"): None,
    ("record", "reset"): None,
    ("download", "truncate"): None,
    ("download", "expired"): None,
    ("download", "html"): None,
    ("download", "slow"): None,
}
LASTS = {"null_record": 3}  # so many looks without a task make a run lost, see `kernelnursery`
LOSSES = [what for what, state in TROUBLE.items() if state == "unknown"]


class House:
    """What the games of one test share: the service, and where kernels come from."""

    def __init__(self, folder, cat):
        self.folder = folder
        self.simulator = Simulator(tiny=True, speed=50.0, creates_per_window=10_000, credits=1e9).start()
        self.nursery = Nursery(folder)
        self.requests = {
            "cat": {"prompt": "The cat smiles.", "seed": 1, "image": str(cat)},
            "waves": {"prompt": "Waves.", "seed": 1, "model": "wan/2-5-text-to-video"},
            "more waves": {"prompt": "Waves.", "seed": 2, "model": "wan/2-5-text-to-video"},
        }
        self._digests = {}

    def whole(self):
        """The hashes of all videos that the service has made."""
        for path in {task.video for task in self.simulator.tasks if task.video} - set(self._digests):
            self._digests[path] = hashlib.sha256(path.read_bytes()).hexdigest()
        return set(self._digests.values())

    def close(self):
        self.nursery.close()
        self.simulator.stop()
