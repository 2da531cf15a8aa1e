"""Where the callbacks of the service arrive: a Jupyter Server extension, and the same receiver alone as `kie-nb listen`.

receiver.py    what becomes of a POST
extension.py   the route in a Jupyter Server; imports jupyter_server, which this package can be without
listen.py      `kie-nb listen`
"""

from __future__ import annotations

from typing import Any


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "kie_nb.server"}]


def _load_jupyter_server_extension(server: Any) -> None:
    from .extension import add_route

    add_route(server)
