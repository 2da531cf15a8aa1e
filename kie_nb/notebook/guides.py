"""The guides that are shipped, and their text for `%kie help TOPIC`."""

from __future__ import annotations

import json
from pathlib import Path

from ..catalogue import nearest
from ..errors import InvalidRequest

TOPICS = (
    "quickstart",
    "panel",
    "models",
    "experiments",
    "study",
    "ledger",
    "trouble",
    "headless",
    "simulator",
    "callbacks",
    "python",
    "security",
    "reference",
)


def shipped() -> Path:
    """The folder with the notebooks: inside the wheel, or beside the package in a checkout."""
    package = Path(__file__).parents[1]
    return package / "notebooks" if (package / "notebooks").is_dir() else package.parent / "notebooks"


def words_of(topic: str) -> str:
    """A guide, as Markdown: its text and its code."""
    if topic not in TOPICS:
        raise InvalidRequest(
            f"There is no guide {topic!r}{nearest(topic, TOPICS)}",
            hint=f"guides are: {', '.join(TOPICS)}",
            charged="",
        )
    if topic == "reference":
        return (shipped() / "reference.md").read_text(encoding="utf-8")
    notebook = json.loads((shipped() / f"{topic}.ipynb").read_text(encoding="utf-8"))
    parts = [_part(cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"]]
    installed = shipped().parent == Path(__file__).parents[1]
    place = f"the folder `notebooks`{' of the installed package' * installed}"
    return "\n\n".join([*filter(None, parts), f"*To run it: `{topic}.ipynb` in {place}.*"])


def _part(kind: str, text: str) -> str:
    if kind == "markdown":
        return text
    if "KIE_NB_HOME" in text:  # pasted, it would move the reader's videos to a temporary folder
        return ""
    return f"```python\n{text}\n```"
