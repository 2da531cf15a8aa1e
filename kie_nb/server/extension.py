"""The receiver as a route of a Jupyter Server: ``POST <base_url>/kie-nb/callback/<token>``, the only one, and the only method."""

from __future__ import annotations

from typing import Any

from jupyter_server.auth.decorator import allow_unauthenticated
from tornado import web
from tornado.ioloop import IOLoop
from tornado.log import app_log

from ..mailbox import PATH, Mailbox
from ..settings import state_home
from .receiver import MOST_BYTES, SLOWEST_S, Receiver


@web.stream_request_body
class CallbackHandler(web.RequestHandler):
    """Takes one callback. The token in its path stands in for a login.

    No handler of Jupyter's own: that one asks for a cookie against forged requests, and for a host that it knows.
    """

    def initialize(self, receiver: Receiver) -> None:
        """Called by tornado with what the route was made with."""
        self._receiver, self._body = receiver, bytearray()

    def set_default_headers(self) -> None:
        """Nothing about the server."""
        self.clear_header("Server")

    def check_xsrf_cookie(self) -> None:
        """None is needed: nothing here rests on a cookie."""

    def prepare(self) -> None:
        """Refuse what says that it is too large, and later what is too slow."""
        length = self.request.headers.get("Content-Length", "0")
        self._limit = IOLoop.current().call_later(SLOWEST_S, self._hang_up, 408)
        if not length.isdecimal() or int(length) > MOST_BYTES:
            self._hang_up(413)

    def data_received(self, chunk: bytes) -> None:
        """Keep the body, no further than a callback goes."""
        self._body += chunk
        if len(self._body) > MOST_BYTES:
            self._hang_up(413)

    def on_finish(self) -> None:
        """It was answered."""
        IOLoop.current().remove_timeout(self._limit)

    on_connection_close = on_finish

    @allow_unauthenticated
    def post(self, token: str) -> None:
        """Answer at once."""
        self._answer(self._receiver.answer(token, dict(self.request.headers.items()), bytes(self._body)))

    def write_error(self, status_code: int, **_kwargs: Any) -> None:
        """Without a page, and without a stack."""
        self._answer(status_code)

    def _log(self) -> None:
        """Without the path, which holds the token."""
        app_log.info("a callback was answered with %s", self.get_status())

    def log_exception(self, _type: Any, value: Any, _traceback: Any) -> None:
        """The same of an error of our own."""
        if not isinstance(value, web.HTTPError):
            app_log.error("a callback could not be taken", exc_info=value)

    def _hang_up(self, status: int) -> None:
        """Answer before the body has come, and read no more of it."""
        if not self._finished:
            self.set_header("Connection", "close")
            self._answer(status)

    def _answer(self, status: int) -> None:
        self.set_status(status)
        self.finish({"code": status, "msg": "success" if status == 200 else "refused"})  # noqa: PLR2004


def add_route(server: Any) -> None:
    """Add the receiver to a running `ServerApp`."""
    from jupyter_server.utils import url_path_join

    route = url_path_join(server.web_app.settings["base_url"], PATH) + r"([A-Za-z0-9_-]{1,100})"
    given = {"receiver": Receiver(Mailbox(state_home()))}
    server.web_app.add_handlers(".*$", [(route, CallbackHandler, given)])
    server.log.info("kie_nb takes callbacks of Kie.ai at %s", url_path_join(server.connection_url, PATH))
