"""The gallery: finished runs a page at a time, their previews playing under the pointer."""

from .gallery import Gallery

__all__ = ["Gallery"]
