"""A stand-in for Kie.ai on this machine: the same wire, the same refusals, real MP4s.

You are in the front of the room. Everything heavy (the web server, the video encoder) loads when
`Simulator` is first asked for, so importing this package costs nothing. The rooms behind it:

`simulation` the public object · `server` the thread and its sockets · `world` what the routes share ·
`api`, `uploads`, `media`, `admin` the routes · `replies` envelopes and texts · `models` what may be asked ·
`door` who comes in · `reach` the way out · `loops` their event loops · `folder`, `tasks`, `store` what is kept · `studio` the drawing pool · `draw` and its neighbours the pictures ·
`drift` other pixels for the same request · `webhooks` the callbacks · `faults` trouble on purpose · `command` the command line.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .faults import Fault
    from .simulation import Simulator

__all__ = ["Fault", "Simulator"]


def __getattr__(name: str) -> Any:
    if name == "Fault":
        from .faults import Fault

        return Fault
    if name == "Simulator":
        from .simulation import Simulator

        return Simulator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
