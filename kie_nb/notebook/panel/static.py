"""What a saved or executed notebook shows in the panel's place."""

from __future__ import annotations

from ...markup import html
from .. import page

WORDS = (
    "A form for requests, the queue of what is open and the finished runs. It lives while its kernel runs: run this cell to "
    "use it. From code, kie.panel().fill(run) fills the form and kie.panel().generate() sends it."
)


def static_page(*, text: bool = False) -> str:
    """The same as HTML or as text."""
    if text:
        return f"kie_nb panel. {WORDS}"
    return page.boxed(html('<b>kie_nb panel</b><div style="margin-top:4px">{}</div>', WORDS))
