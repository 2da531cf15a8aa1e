"""What can be asked of the service: one pydantic model per Kie model, and its prices.

Validation, the magic's options, help, completion and estimates are all derived from these descriptions.
"""

from .building import build_request
from .describe import Field, describe, nearest, nearest_of
from .media import ROLES, ImageIdentity, Kind, MediaIdentity, Role, Slot, media_of, noun_of
from .models import SEED_MAX, USD_PER_CREDIT, Estimate, estimate, find, is_far, known_models, price_remarks
from .request import Request, read_image, read_request

__all__ = [
    "ROLES",
    "SEED_MAX",
    "USD_PER_CREDIT",
    "Estimate",
    "Field",
    "ImageIdentity",
    "Kind",
    "MediaIdentity",
    "Request",
    "Role",
    "Slot",
    "build_request",
    "describe",
    "estimate",
    "find",
    "is_far",
    "known_models",
    "media_of",
    "nearest",
    "nearest_of",
    "noun_of",
    "price_remarks",
    "read_image",
    "read_request",
]
