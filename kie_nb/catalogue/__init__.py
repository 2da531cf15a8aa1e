"""What can be asked of the service: one pydantic model per Kie model, and its prices.

Validation, the magic's options, help, completion and estimates are all derived from these descriptions.
"""

from .describe import Field, describe, find, known_models, nearest, nearest_of
from .prices import USD_PER_CREDIT, Estimate, estimate, is_far, price_remarks
from .request import ImageIdentity, Request, build_request
from .stored import read_image, read_request
from .wan import SEED_MAX

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
