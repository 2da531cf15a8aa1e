"""A stand-in for Kie.ai on this machine: the same wire, the same refusals, real MP4s.

The web server and the video encoder load when `Simulator` is first used, so importing this package costs nothing.

`simulation` the public class · `server` its thread and sockets · `world` what the routes share · `door` access control ·
`api`, `uploads`, `media`, `admin` the routes · `replies`, `wire` replies and faults in them · `models` what may be asked ·
`tasks`, `store`, `folder` the state · `studio` the drawing pool · `draw`, `scene`, `caption`, `drift` the videos ·
`keeper` the background job · `webhooks` callbacks · `reach` outgoing requests · `faults` fault injection · `command` the command line.
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
