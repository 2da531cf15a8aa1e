"""A stand-in for Kie.ai on this machine: the same wire, the same refusals, real MP4s.

The web server and the video encoder load when `Simulator` is first used, so importing this package costs nothing.

`simulation` the public class · `server` its thread, sockets and access control · `routing` what the routes share · `api`, `files` the
routes · `faults` refusals and fault injection · `models` what may be asked · `store` tasks and balance · `studio` the drawing
pool and its files · `draw` the videos · `keeper` the background job with callbacks · `reach` outgoing requests ·
`command` the command line.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .faults import Fault
    from .simulation import Simulator

__all__ = ["Fault", "Simulator"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(".faults" if name == "Fault" else ".simulation", __name__), name)
