"""The variable of `-o`: set to the run of this cell, never left at an earlier cell's."""

from __future__ import annotations

from typing import Any

from ..errors import KieError
from ..handles import Run
from ..text import say


class Output:
    """One execution's variable, where it has one.

    Args:
        variables: The notebook's.
        name: What `-o` says.
    """

    def __init__(self, variables: dict[str, Any], name: str | None) -> None:
        self._variables, self._name = variables, name
        self._is_set = False

    def set(self, value: Any) -> None:
        """The run, or the experiment, is known."""
        if self._name:
            self._variables[self._name] = value
            self._is_set = True

    def clear(self, refusal: KieError) -> None:
        """The cell was refused before it had anything of its own: a later `clip.video` must not be an earlier request's.

        The run that the *refusal* is about stays, for it is the one to be settled; and so does what is not ours.
        """
        if self._is_set or not self._name:
            return
        value = self._variables.get(self._name)
        if is_ours(value) and (refusal.run_id is None or getattr(value, "id", None) != refusal.run_id):
            del self._variables[self._name]
            what = (
                f"run {value.id[:8]}"
                if isinstance(value, Run)
                else f"experiment {getattr(value, 'name', '')}"
            )
            say(
                f"kie_nb: {self._name} was cleared: this cell was refused, and it still held {what} of an earlier one."
            )


def is_ours(value: Any) -> bool:
    """Whether *value* is a run or an experiment."""
    from ..experiment.experiment import Experiment

    return isinstance(value, Run | Experiment)
