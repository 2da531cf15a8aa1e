"""What a saved or executed notebook shows instead of the panel."""

from __future__ import annotations

from ...markup import html
from ...wording import Panel
from .. import page

WORDS = f"{Panel.RUN_THIS_CELL} From code, kie.panel().fill(run) fills its form and kie.panel().generate() sends it."


def static_page(*, text: bool = False) -> str:
    """The same as HTML or as text."""
    if text:
        return f"kie_nb panel. {WORDS}"
    return page.boxed(html('<b>kie_nb panel</b><div style="margin-top:4px">{}</div>', WORDS))
