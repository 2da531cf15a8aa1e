"""The panel: a form, a queue and the finished runs in one widget; another face of the same session."""

from .panel import Panel, panel

__all__ = ["Panel", "panel"]
