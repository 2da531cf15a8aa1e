"""The panel's view of the runs of the folder: listens to changes, reports each end once, stops or cancels runs."""

from __future__ import annotations

from collections.abc import Callable
from weakref import WeakSet

from ...engine.intents import cancel_unsent
from ...engine.states import WORDS, State
from ...handles import Run, get_session
from ...handles.words import goes_on
from ..gallery import Gallery
from .callbacks import Callbacks
from .queue import Queue
from .run_view import RunView


class RunWatch:
    """Listens to runs, for a panel that is open.

    Args:
        desk: Runs what is called from elsewhere.
        queue: Looks again when something has moved.
        gallery: Gets what is finished.
        shown: Shows a finished run where nothing is shown yet.
        say: The message line.
        trouble: Is told the error of a run.
        billed: Called when the balance may be another one.
    """

    def __init__(
        self,
        desk: Callbacks,
        *,
        queue: Queue,
        gallery: Gallery,
        shown: RunView,
        say: Callable[..., None],
        trouble: Callable[..., None],
        billed: Callable[[], None],
    ) -> None:
        self._desk, self._queue, self._gallery, self._shown = desk, queue, gallery, shown
        self._say, self._trouble, self._billed = say, trouble, billed
        self.told: set[tuple[str, str]] = set()  # runs and the end that was told of each
        self._heard: WeakSet[Run] = WeakSet()
        self._listener, self._watcher = desk.guard(self._moved), desk.guard(self._taken)

    def start(self) -> None:
        """Listen to every run that is driven from now on."""
        get_session().watch(self._watcher)

    def stop_watching(self) -> None:
        """Listen to no further runs."""
        get_session().unwatch(self._watcher)

    def let_go(self) -> None:
        """Stop listening to the present runs; on the dispatcher's thread."""
        for run in list(self._heard):
            run.unlisten(self._listener)

    # --- on the dispatcher's thread ----------------------------------------------------------------------------------

    def _taken(self, run: Run) -> None:
        run.unlisten(self._listener)
        run.listen(self._listener)
        self._heard.add(run)
        self.told -= {told for told in self.told if told[0] == run.id}  # it goes on
        self._queue.look()

    def _moved(self, run: Run) -> None:
        self._queue.look()
        if run.state == State.FETCHED:
            self._gallery.refresh()
        if run.error is not None:  # it may have come and gone between two looks of the queue
            self.ended(run)

    def ended(self, run: Run) -> None:
        """Tell how *run* ended, once."""
        if (run.id, run.state) in self.told:
            return
        self.told.add((run.id, run.state))
        self._desk.work(self._tell_end, run)
        self._billed()

    # --- on a worker -------------------------------------------------------------------------------------------------

    def stop(self, run: Run) -> None:
        """Stop waiting for *run*; what was sent goes on and is billed."""
        run.stop_waiting()
        if run.state == State.NOT_SENT:
            self._say(f"Run {run.id[:8]} was not sent yet and will not be: nothing was charged.")
        else:
            self._say(f"You stopped waiting for run {run.id[:8]}. {goes_on(run)}")
        self._desk.soon(self._queue.look)

    def take_back(self, run: Run) -> None:
        """Cancel a run that was never sent."""
        self.told.add((run.id, State.NOT_SENT))
        if cancel_unsent(run):
            self._say(f"Run {run.id[:8]} was never sent and will not be: nothing was charged.")
        else:
            self._say(
                f"Run {run.id[:8]} could not be cancelled: another process is handling it ({WORDS[run.state]})."
            )
        self._desk.soon(self._queue.look)

    def _tell_end(self, run: Run) -> None:
        """Report how a run ended, in whichever process: its error is shown here too."""
        session = get_session()
        row = session.ledger_of(run).get(run.id)  # not `get`: the folder may be another one by now
        run = session.handle(session.home_of(run).home, row) if row is not None else run
        if run.state == State.FETCHED:
            self._gallery.refresh()
            self._say(f"Run {run.id[:8]} is done.", add=True)
            if self._shown.run is None:
                self._shown.show(run)
        elif run.error is not None and not (run.state == State.NOT_SENT and self._is_told_otherwise(run)):
            self._trouble(run.error, add=True)

    @staticmethod
    def _is_told_otherwise(run: Run) -> bool:
        """Of an unsent run: whether its cancellation was already reported, or its request was submitted again since."""
        session = get_session()
        with session.begin_lock:  # abandoned runs are cancelled and submitted again under it
            same = session.ledger_of(run).same_request(fingerprint=run.row.fingerprint)
        return run.is_stopped or any(other.created_at > run.row.created_at for other in same)
