"""The former name of `context`, for importers that still use it."""

from .context import place

__all__ = ["place"]
