"""What can be asked of the service: one pydantic model per Kie model, and its prices.

Validation, the magic's options, help, completion and estimates are all derived from these descriptions.
"""

from .building import build_request
from .describe import Field, describe, nearest, nearest_of, not_described
from .entries import SEED_MAX
from .media import ROLES, ImageIdentity, Kind, MediaIdentity, Role, Slot, media_of, noun_of
from .models import estimate, find, having, known_models, resolve, rows
from .prices import USD_PER_CREDIT, Estimate, credits_for, is_far, price_remarks
from .request import Request, read_image, read_request
from .rows import Row
from .words import (
    NO_SEED,
    NO_SEED_SHORT,
    field_of,
    has_no,
    in_turn,
    is_described,
    media_in,
    media_names,
    several_of,
)

__all__ = [
    "NO_SEED",
    "NO_SEED_SHORT",
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
    "Row",
    "Slot",
    "build_request",
    "credits_for",
    "describe",
    "estimate",
    "field_of",
    "find",
    "has_no",
    "having",
    "in_turn",
    "is_described",
    "is_far",
    "known_models",
    "media_in",
    "media_names",
    "media_of",
    "nearest",
    "nearest_of",
    "not_described",
    "noun_of",
    "price_remarks",
    "read_image",
    "read_request",
    "resolve",
    "rows",
    "several_of",
]
