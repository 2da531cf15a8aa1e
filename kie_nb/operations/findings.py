"""What a look at the files found: rows that show themselves as a table."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from .. import tables


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that is not as it should be.

    Attributes:
        kind: "missing", "altered", "damaged", "not a video", "unreferenced", "left over", "not fetched", "link expires", "not as asked",
            "open" or "no picture".
        what: The finding in words.
        done: What was done about it, or why nothing can be.
        is_mended: Whether it is in order now.
    """

    run: str
    file: str
    kind: str
    what: str
    done: str
    is_mended: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What `doctor` found, a row each; it shows itself as a table."""

    findings: tuple[Finding, ...]
    runs: int
    files: int

    @property
    def counts(self) -> dict[str, int]:
        """How many findings there are of each kind."""
        return dict(Counter(found.kind for found in self.findings))

    @property
    def is_well(self) -> bool:
        """Whether every file is in order now; a video of another length is what the service made, and whole."""
        return all(found.is_mended or found.kind == "not as asked" for found in self.findings)

    @property
    def _caption(self) -> str:
        checked = f"{tables.counted(self.runs, 'run')} and {tables.counted(self.files, 'file')} looked at"
        if not self.findings:
            return f"{checked}: all are there, whole and unchanged"
        mended = sum(found.is_mended for found in self.findings)
        kinds = ", ".join(f"{count} {kind}" for kind, count in self.counts.items())
        return f"{checked}: {kinds}; {mended} mended, {len(self.findings) - mended} not"

    @property
    def _rows(self) -> list[tuple[str, str, str, str]]:
        return [(found.run[:8], found.file, found.what, found.done) for found in self.findings]

    def __len__(self) -> int:
        return len(self.findings)

    def __repr__(self) -> str:
        return tables.as_text(("run", "file", "finding", "done"), self._rows, caption=self._caption)

    def _repr_html_(self) -> str:
        return tables.as_html(("run", "file", "finding", "done"), self._rows, caption=self._caption)
