"""The service's replies: envelopes, refusal texts, and Cloudflare's error pages.

No I/O. The texts are those seen on the wire, because clients tell errors apart by text: the service uses body
code 500 for a low balance and for a wrong field alike.
"""

from typing import Any


class Refusal(Exception):
    """A refused call. Nothing was made and nothing was charged."""

    def __init__(self, code: int, msg: str, http_status: int = 200) -> None:
        super().__init__(msg)
        self.code, self.msg = code, msg
        self.http_status = http_status  # the service refuses under HTTP 200, nearly always


PURSE = (
    "Credits insufficient : Your current balance isn’t enough to run this request. Please top up to continue."
)
UNAUTHORIZED = "Unauthorized – Authentication failed, please check your API key."
UNKNOWN_MODEL = "The model name you specified is not supported. Please verify the model name and try again."
TOO_FAST = "Your call frequency is too high. Please try again later."
UNKNOWN_TASK = "recordInfo is null"
WRONG_URL = "url is wrong"

REFUSALS: dict[str, Refusal] = {
    "400": Refusal(400, "taskId parameter is required"),
    "401": Refusal(401, UNAUTHORIZED),
    "401_old": Refusal(401, "You do not have access permissions"),
    "402": Refusal(402, PURSE),
    "404": Refusal(404, "The requested resource or endpoint does not exist"),
    "408": Refusal(408, "Upstream is currently experiencing service issues. No result for over 10 minutes."),
    "422": Refusal(422, "prompt cannot be empty"),
    "422_model": Refusal(422, UNKNOWN_MODEL),
    "422_url": Refusal(422, WRONG_URL),
    "429": Refusal(429, TOO_FAST),
    "http_429": Refusal(429, TOO_FAST, http_status=429),
    "430": Refusal(430, TOO_FAST),
    "433": Refusal(433, "The sub-key has exceeded its usage limit."),
    "451": Refusal(451, "Failed to fetch the image. Kindly verify any access limits set by you."),
    "455": Refusal(455, "Service unavailable: the system is currently undergoing maintenance."),
    "500": Refusal(500, "Server error, please try again later."),
    "500_credits": Refusal(500, PURSE),
    "500_invalid": Refusal(500, "resolution is not within the range of allowed options"),
    "500_required": Refusal(500, "resolution is required"),
    "paused": Refusal(500, "This interface is temporarily paused"),
    "not_provisioned": Refusal(500, "Operation not found: Market_wan_2-5-image-to-video_5"),
    "501": Refusal(501, "Playground task failed."),
    "505": Refusal(505, "This feature is currently disabled."),
    "531": Refusal(531, "Generation failed, the credits have been returned."),
    "550": Refusal(550, "Connection denied, please try again later."),
    "4030": Refusal(4030, "Not supported in the current region"),
}

NAMES_BLOCKED = "error code: 1010"  # all that Cloudflare says to a client whose name it does not like

_PAGE = """<!DOCTYPE html>
<html lang="en-US"><head><title>kie.ai | {code}: {text}</title></head>
<body><h1>{text}</h1><p>Error code {code}</p><p>Cloudflare Ray ID: <strong>8f0c5ad1e9b2c3d4</strong></p></body></html>
"""


def cloudflare_page(status: int) -> str:
    """The HTML that Cloudflare serves when the service behind it fails."""
    texts = {200: "Just a moment...", 500: "Internal server error", 502: "Bad gateway"}
    return _PAGE.format(code=status, text=texts.get(status, "Error"))


def accepted(data: Any, msg: str = "success") -> dict[str, Any]:
    """The envelope of an accepted call."""
    return {"code": 200, "msg": msg, "data": data}


def refused(refusal: Refusal) -> dict[str, Any]:
    """The envelope of a refused call."""
    return {"code": refusal.code, "msg": refusal.msg, "data": None}
