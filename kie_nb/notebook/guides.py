"""The guides that are shipped, and their words for `%kie help TOPIC`."""

from __future__ import annotations

import json
from pathlib import Path

from ..catalogue import nearest
from ..errors import InvalidRequest

TOPICS = (
    "quickstart",
    "panel",
    "experiments",
    "ledger",
    "trouble",
    "headless",
    "simulator",
    "python",
    "security",
    "reference",
)


def shipped() -> Path:
    """The folder with the notebooks: inside the wheel, or beside the package in a checkout."""
    package = Path(__file__).parents[1]
    return package / "notebooks" if (package / "notebooks").is_dir() else package.parent / "notebooks"


def words_of(topic: str) -> str:
    """The text of a guide, as Markdown."""
    if topic not in TOPICS:
        raise InvalidRequest(
            f"There is no guide {topic!r}{nearest(topic, TOPICS)}",
            hint=f"guides are: {', '.join(TOPICS)}",
            charged="",
        )
    if topic == "reference":
        return (shipped() / "reference.md").read_text(encoding="utf-8")
    notebook = json.loads((shipped() / f"{topic}.ipynb").read_text(encoding="utf-8"))
    parts = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown"]
    return "\n\n".join([*parts, f"*The guide with its cells: `{topic}.ipynb` in {shipped().name}.*"])
