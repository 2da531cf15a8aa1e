"""What to do next, in the words of the place where it is read. Hints are written for a cell; here is what they say elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping

LOGS = "https://kie.ai/logs"  # where people find their tasks
Words = Mapping[str, str]
_SHOW = re.compile(r"%kie show (\w+)")
PANEL: Words = {
    "run the cell with --fresh": "give its picture again and press Generate",
    "run the cell": "press Generate",
    "run its cell": "take its settings into the form and press Generate",
}
# In a script, where there is neither a cell nor a magic.
SCRIPT: Words = {
    "run the cell with --fresh": "make the same call with fresh=True",
    "run the cell": "make the same call",
    "run its cell": "make the same call",
    "make it again in its cell": "make it again",
    "exp.run(), or the %%kie_wan cell again,": "exp.run()",
    "or go back with %kie use": "or go back with kie_nb.configure(service=...)",
    ", or run %kie login; `%kie use simulator` needs none": "; KIE_NB_SERVICE=simulator needs none",
    "--fresh would buy": "fresh=True would buy",
    "%kie resume": "kie_nb.resume()",
    "%kie doctor": "kie_nb.doctor()",
    "%kie export": "kie_nb.export",
    "%kie import": "kie_nb.import_runs",
    "%kie settle": "kie_nb.settle",
    "%kie runs": "kie_nb.runs()",
    "%kie models": "notebooks/reference.md",
    "; %kie spend shows where it went": "",
}
# Of `kie-nb run`.
SHELL: Words = {
    "run the cell": "run the same command",
    "exp.run(retry_failed=True)": "--retry-failed",
    "run(retry_failed=True)": "--retry-failed",
    "retry_failed=True": "--retry-failed",
    "run(stop_after_failures=…)": "--stop-after-failures N",
    "exp.run(), or the %%kie_wan cell again,": "the same command",
    "exp.run()": "the same command",
    "run() would refuse it": "the run would be refused",
    "run() fetches": "it fetches",
    "exp.plan(), --dry-run in a cell, or --plan on the command line,": "--plan",
    "--partial, or partial=True in Python": "--partial",
    "--extend, or extend=True in Python,": "--extend",
    "allow_outside=True, or --allow-outside on the command line": "--allow-outside",
    "exp.to_frame()": "--json FILE",
    "into max_credits": "into --max-credits",
    "max_credits=": "--max-credits ",
    "partial=True": "--partial",
    "(%kie resume lists them)": f"(in Python: kie_nb.settle('TASK ID'), ids stand at {LOGS}; in a notebook: %kie resume)",
    ", or run %kie login; `%kie use simulator` needs none": "; KIE_NB_SERVICE=simulator needs none",
}


def said_in(words: Words, text: str) -> str:
    """*text* in the *words* of a place."""
    longest_first = sorted(words, key=len, reverse=True)
    said = re.sub("|".join(map(re.escape, longest_first)), lambda found: words[found[0]], text)
    return said if words is PANEL else _SHOW.sub(r"kie_nb.get('\1').evidence()", said)
