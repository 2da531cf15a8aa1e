"""The former name of `artifacts`, for importers that still use it."""

from .artifacts import numbers_of

__all__ = ["numbers_of"]
