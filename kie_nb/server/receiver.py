"""What becomes of a POST to the receiver, whichever server took it: limits, token, signature, and a note in the mailbox. No framework.

What the body says is not believed: the note wakes the process that waits for the run, and that one asks the service.
"""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping

from ..mailbox import TOKEN, Mailbox

MOST_BYTES = 64 * 1024  # the service sends some kilobytes
SLOWEST_S = 15.0  # for a body to come: the service waits no longer for the answer
MOST_TAKEN, WINDOW_S = 20, 60.0  # of one token: the service calls once, and again after a failure
_MOST_TOKENS = 1000  # that are counted
SECRET = "KIE_NB_WEBHOOK_SECRET"  # noqa: S105 - the name of a variable


class Receiver:
    """Takes callbacks for one mailbox; the answer is a status of HTTP."""

    def __init__(self, mailbox: Mailbox, *, clock: Callable[[], float] = time.time) -> None:
        self._mailbox, self._clock = mailbox, clock
        self._taken: OrderedDict[str, list[float]] = OrderedDict()
        self._lock = threading.Lock()

    def answer(self, token: str, headers: Mapping[str, str], body: bytes) -> int:
        """200 for a callback that is expected, 404 for any other token; 400, 401, 413, 429 and 503 say what is wrong.

        Args:
            headers: One that came several times as one, its values with commas between them: such a signature is none.
        """
        if len(body) > MOST_BYTES:
            return 413
        if not TOKEN.fullmatch(token) or not self._mailbox.knows(token):
            return 404
        return self._taken_in(token, headers, body) if self._is_within_rate(token) else 429

    def _taken_in(self, token: str, headers: Mapping[str, str], body: bytes) -> int:
        from ..service.records import body_of, is_signed, task_id_of  # not before a callback comes

        found = body_of(body)
        task_id = task_id_of(found)
        if task_id is None:
            return 400
        secret = os.environ.get(SECRET, "").strip()
        if secret and not is_signed(headers, found, secret, now=self._clock()):
            return 401
        try:
            return 200 if self._mailbox.take(token, task_id) else 404
        except OSError:  # a full disk: the service calls again
            return 503

    def _is_within_rate(self, token: str) -> bool:
        now = self._clock()
        with self._lock:
            lately = [at for at in self._taken.pop(token, ()) if abs(now - at) < WINDOW_S]
            is_within = len(lately) < MOST_TAKEN
            self._taken[token] = [*lately, now] if is_within else lately
            if len(self._taken) > _MOST_TOKENS:
                self._taken.popitem(last=False)
        return is_within
