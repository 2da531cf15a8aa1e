"""What can be asked of the service: one pydantic model per Kie model, and its prices.

Validation, the magic's options, help, completion and estimates are all derived from these descriptions.
"""

from .describe import Field, describe, nearest, nearest_of
from .models import SEED_MAX, USD_PER_CREDIT, Estimate, estimate, find, is_far, known_models, price_remarks
from .request import ImageIdentity, Request, build_request, read_image, read_request

__all__ = [
    "SEED_MAX",
    "USD_PER_CREDIT",
    "Estimate",
    "Field",
    "ImageIdentity",
    "Request",
    "build_request",
    "describe",
    "estimate",
    "find",
    "is_far",
    "known_models",
    "nearest",
    "nearest_of",
    "price_remarks",
    "read_image",
    "read_request",
]
