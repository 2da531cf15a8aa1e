"""The public class: `Simulator`, a local Kie.ai on a loopback port."""

import atexit
import math
import os
import shutil
import tempfile
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from starlette.applications import Starlette

from ..home import make_folder
from . import api, files
from .faults import Fault, FaultBox
from .keeper import Keeper
from .routing import Settings, World
from .server import Door, ServerThread
from .store import Store, checked_credits
from .studio import Studio

DRIFT_VARIABLE = "KIE_SIM_DRIFT"
_DEFAULT_STATES = ("waiting", "generating")


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskView:
    """One task as the simulator knows it."""

    task_id: str
    model: str
    input: dict[str, Any]
    state: str
    created: float  # Unix seconds
    completed: float | None
    credits: float
    seed: int
    video: Path | None


class Simulator:
    """Kie.ai's API on 127.0.0.1, with real MP4s and faults on demand.

    Args:
        state_dir: Where tasks, balance, uploads and videos persist, to be shared by several processes. None: a
            private folder, removed on `stop`.
        port: 0 picks a free one.
        speed: How many times faster than the real service.
        credits: The balance when the state is new.
        keys: The bearer keys that are good; None takes any.
        creates_per_window: New tasks allowed per *window_s*.
        window_s: Length of the rate window in seconds, whatever the speed.
        tiny: Draw an eighth of the size at four frames per second, for load tests.
        link_life_s: How long a video's plain link works, in seconds.
        webhook_hmac_key: The secret that signs callbacks; None leaves them unsigned.
        faults: Injected faults; those of the environment are added.
        states: The states lived through before the end. Real Wan tasks show `("waiting",)` alone.
        duration_s: The planned service time of a create request, before *speed*.
        drift: From 0 to 1, a model that drifts: at 0 the same request gives the same bytes, at 1 pixels about as far apart as
            those of other seeds. The number of the task decides where to they drift. None: KIE_SIM_DRIFT, or 0.
        private_callbacks: Whether callbacks may go to this machine and to private networks, to rehearse a listener. Pictures and
            uploads by address are fetched from public addresses alone, as the service does.
    """

    def __init__(
        self,
        state_dir: Path | str | None = None,
        *,
        port: int = 0,
        speed: float = 1.0,
        credits: float = 10_000.0,  # noqa: A002 - the word of the service
        keys: Collection[str] | None = None,
        creates_per_window: int = 20,
        window_s: float = 10.0,
        tiny: bool = False,
        link_life_s: float = 86_400,
        webhook_hmac_key: str | None = None,
        faults: Sequence[Fault] = (),
        states: Sequence[str] = _DEFAULT_STATES,
        duration_s: Callable[[dict[str, Any]], float] | None = None,
        drift: float | None = None,
        private_callbacks: bool = False,
    ) -> None:
        if not math.isfinite(speed) or speed <= 0:
            raise ValueError(f"speed must be a number above 0, not {speed!r}")
        if not states:
            raise ValueError("at least one state comes before the end, for example ('waiting',)")
        self._state_dir, self._port = None if state_dir is None else Path(state_dir), port
        self._tiny, self._credits, self._drift = tiny, checked_credits(credits), checked_drift(drift)
        self._settings = Settings(
            speed=speed,
            keys=None if keys is None else frozenset(keys),
            creates_per_window=creates_per_window,
            window_s=window_s,
            link_life_s=link_life_s,
            webhook_hmac_key=webhook_hmac_key,
            states=tuple(states),
            duration_s=duration_s,
            private_callbacks=private_callbacks,
        )
        self._faults = FaultBox(faults)
        self._lock = threading.Lock()
        self._world: World | None = None
        self._server: ServerThread | None = None
        self._private_dir: Path | None = None
        self._last_counts: Counter[str] = Counter()

    def start(self) -> Self:
        """Serve, from a thread of its own, and return when the port answers. Starting twice is harmless."""
        with self._lock:
            if self._server is None:
                self._start()
        return self

    def stop(self) -> None:
        """End the server. The state stays if it has a folder of its own; stopping twice is harmless."""
        with self._lock:
            atexit.unregister(self.stop)
            server, self._server = self._server, None
            world, self._world = self._world, None
            if server is not None:
                server.stop()
            if world is not None:
                world.close()
                self._last_counts = world.counts
            if self._private_dir is not None:
                shutil.rmtree(self._private_dir, ignore_errors=True)
                self._private_dir = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<Simulator {self.base_url if self._server else 'not running'}>"

    @property
    def base_url(self) -> str:
        """Where the API answers."""
        if self._server is None:
            raise RuntimeError("the simulator is not running: call start() first")
        return f"http://127.0.0.1:{self._server.port}"

    @property
    def upload_url(self) -> str:
        """Where files are handed in: the same host, under the paths of the real one."""
        return self.base_url

    @property
    def faults(self) -> list[Fault]:
        """The faults in force."""
        return self._faults.faults

    def set_faults(self, faults: Sequence[Fault]) -> None:
        """Replace the faults by these."""
        self._faults.replace(faults)

    @property
    def drift(self) -> float:
        """How far the model drifts, from 0 to 1."""
        return self._drift

    def set_drift(self, drift: float) -> None:
        """Set the drift for what is drawn from now on."""
        self._drift = checked_drift(drift)
        if self._world is not None:
            self._world.studio.drift = self._drift

    @property
    def strikes(self) -> Counter[tuple[str, str]]:
        """How often each (call, kind) of fault was applied; 0 for those that never were."""
        return self._faults.strikes

    @property
    def tasks(self) -> list[TaskView]:
        """Every task, oldest first."""
        world = self._running()
        return [
            TaskView(
                task_id=task.id,
                model=task.model,
                input=task.input,
                state=task.shown_state(self._settings.states),
                created=task.created_ms / 1000,
                completed=task.complete_ms / 1000 if task.complete_ms is not None else None,
                credits=task.credits,
                seed=task.seed,
                video=world.studio.videos / task.video if task.video else None,
            )
            for task in world.store.all()
        ]

    @property
    def counts(self) -> Counter[str]:
        """How often each call came to this process; 0 for those that never did."""
        return Counter(self._world.counts if self._world else self._last_counts)

    @property
    def balance(self) -> float:
        """The account's balance, in credits."""
        return self._running().store.balance()

    def set_balance(self, credits_now: float) -> None:
        """Set the account's balance."""
        self._running().store.set_balance(float(credits_now))

    def _running(self) -> World:
        if self._world is None:
            raise RuntimeError("the simulator is not running: call start() first")
        return self._world

    def _start(self) -> None:
        folder = self._state_dir
        if folder is None:
            folder = self._private_dir = Path(tempfile.mkdtemp(prefix="kie-simulator-"))
        for place in (folder, folder / "videos", folder / "uploads", folder / "alive"):
            make_folder(place)  # OSError where one of them is a link
        store = Store(folder / "simulator.sqlite", credits_at_first=self._credits)
        world = World(
            settings=self._settings,
            store=store,
            studio=Studio(store, folder, tiny=self._tiny, drift=self._drift),
            faults=self._faults,
            owner=uuid.uuid4().hex,
        )
        try:
            app = Starlette(routes=[*api.routes(), *files.routes()])
            app.state.world = world
            keeper = Keeper(world, folder / "alive", lambda: f"http://127.0.0.1:{server.port}")
            server = ServerThread(Door(app, world), self._port, keeper.run)
            server.start()
        except BaseException:
            world.close()
            raise
        self._world, self._server = world, server
        atexit.register(self.stop)  # a private folder must not outlive its process


def checked_drift(drift: float | None, environ: Mapping[str, str] | None = None) -> float:
    """A drift from 0 to 1, by default that of the environment; ValueError for anything else."""
    if drift is None:
        text = (os.environ if environ is None else environ).get(DRIFT_VARIABLE, "").strip()
        try:
            drift = float(text or 0)
        except ValueError:
            raise ValueError(f"{DRIFT_VARIABLE} must be a number from 0 to 1, not {text!r}") from None
    if isinstance(drift, bool) or not isinstance(drift, int | float) or not 0 <= drift <= 1:
        raise ValueError(f"drift must be a number from 0 to 1, not {drift!r}")
    return float(drift)
