"""An experiment in an MLflow tracking store: each run is logged there once, as a run of MLflow.

A run that is settled, with all its files, is marked as whole and left alone from then on. Any other is logged into the same run again.

MLflow's client is used as it is, and none of its global state is touched: no active run, no tracking address, no experiment.
"""

from __future__ import annotations

import datetime as dt
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..addresses import shareable_value
from ..engine import tables
from ..engine.states import OPEN, UNSETTLED, WORDS, State
from ..errors import InvalidRequest, KieError
from ..handles import Run, Session
from ..ledger import Files
from ..ledger.schema import moment
from ..operations.integrity import Trouble, troubles
from ..operations.manifest import plain_json, stored_request
from ..redact import Places, places_of, redacted
from ..text import in_markdown
from ..video import is_media
from .data import Cells

RUN_TAG, FILES_TAG, WHOLE = "kie_nb.run", "kie_nb.files", "whole"
ALTERED_TAG = "kie_nb.video_altered"
MOST_PARAM, MOST_TAG = 6000, 5000  # what MLflow's stores take, in characters; the whole is in request.json
_NAME_LENGTH = 200
_PAGE, _MOST_AT_ONCE = 1000, 100
_WITHOUT_RUN = frozenset({State.INTENT, State.NOT_SENT})


@dataclass(frozen=True, kw_only=True, slots=True)
class Logged:
    """What came of logging; shows itself as a line.

    Attributes:
        experiment_id: Of MLflow.
        runs: MLflow's run ids by ours.
        made: How many of them are new.
    """

    experiment: str
    experiment_id: str
    store: str
    runs: Mapping[str, str]
    made: int

    def __repr__(self) -> str:
        known = len(self.runs) - self.made
        return f"{tables.counted(len(self.runs), 'run')} in MLflow's experiment {self.experiment!r} ({self.made} new, {known} there before)"


def log_cells(
    session: Session, name: str, cells: Cells, *, tracking_uri: str | None, experiment: str | None
) -> Logged:
    """Log the runs that have ended; see `Experiment.log_to_mlflow`."""
    try:
        import mlflow
        from mlflow.exceptions import MlflowException
    except ImportError:
        raise KieError("MLflow is not installed here.", hint="pip install 'kie_nb[mlflow]'") from None
    chosen = [
        (place, run) for place, run in cells if run is not None and run.state not in OPEN | _WITHOUT_RUN
    ]
    if not chosen:
        raise InvalidRequest("no cell has ended yet: there is nothing to log.", charged="")
    with _told(MlflowException):
        client = mlflow.MlflowClient(tracking_uri=tracking_uri)
        called = experiment or name
        store = _experiment(client, called)
        log = _Log(client=client, store=store, session=session, name=name)
        for place, run in chosen:
            log.add(place, run)
    return Logged(
        experiment=called, experiment_id=store, store=tracking_uri or "", runs=log.runs, made=log.made
    )


@contextmanager
def _told(error: type[Exception]) -> Iterator[None]:
    """What MLflow says, as an error of ours: nothing of it touches a run or what it cost."""
    try:
        yield
    except (error, ImportError, OSError) as exc:
        if isinstance(exc, ImportError):
            raise KieError(
                f"this tracking store needs {exc.name}, which is not installed.",
                hint="pip install 'kie_nb[mlflow]'",
            ) from exc
        raise KieError(
            f"MLflow did not take it: {exc}.",
            hint="what was logged so far stays; logging again goes on from there",
            charged="",
        ) from exc


def _experiment(client: Any, name: str) -> str:
    found = client.get_experiment_by_name(name)
    if found is None:
        return str(client.create_experiment(name))
    if found.lifecycle_stage != "active":
        raise InvalidRequest(
            f"MLflow's experiment {name!r} was deleted.",
            hint="restore it there, or name another: experiment='…'",
            charged="",
        )
    return str(found.experiment_id)


class _Log:
    """One pass over the cells."""

    def __init__(self, *, client: Any, store: str, session: Session, name: str) -> None:
        self.runs: dict[str, str] = {}
        self.made = 0
        self._client, self._store, self._session, self._name = client, store, session, name
        self._there = self._known()

    def _known(self) -> dict[str, Any]:
        """MLflow's runs by our ids."""
        found: dict[str, Any] = {}
        page = None
        while page is None or page.token:
            page = self._client.search_runs(
                [self._store], max_results=_PAGE, page_token=page.token if page is not None else None
            )
            found |= {run.data.tags[RUN_TAG]: run for run in page if RUN_TAG in run.data.tags}
        return found

    def add(self, place: Mapping[str, Any], run: Run) -> None:
        """Log *run*, unless all of it is there."""
        there = self._there.get(run.id)
        if there is None:
            name = ", ".join(f"{axis}={value}" for axis, value in place.items()) or self._name
            there = self._client.create_run(
                self._store,
                start_time=_millis(run.row.sent_at or run.row.created_at),
                tags={RUN_TAG: run.id},
                run_name=name[:_NAME_LENGTH],
            )
            self.made += 1
        self.runs[run.id] = there.info.run_id
        if there.data.tags.get(FILES_TAG) != WHOLE:
            self._log(there, place, run)

    def _log(self, there: Any, place: Mapping[str, Any], run: Run) -> None:
        from mlflow.entities import Metric, Param, RunTag

        run_id, known, harm, now = there.info.run_id, there.data, troubles(run), int(time.time() * 1000)
        tags = _tags(run, self._name, places_of(self._session.home_of(run).home))
        tags[ALTERED_TAG] = str("altered" in harm.values()).lower()
        metrics = {key: value for key, value in _metrics(run).items() if value is not None}
        self._client.log_batch(
            run_id,
            [Metric(key, value, now, 0) for key, value in metrics.items() if known.metrics.get(key) != value],
            [Param(key, value) for key, value in _params(place, run).items() if key not in known.params][
                :_MOST_AT_ONCE
            ],
            [RunTag(key, value) for key, value in tags.items()],
        )
        self._client.log_text(run_id, plain_json(stored_request(run.request), indent=2), "request.json")
        for folder, paths in self._files(run, harm).items():
            for path in paths:
                self._client.log_artifact(run_id, str(path), folder)
        if run.video is not None and run.video not in harm:
            self._poster(run.video, run_id)
        end = _millis(run.row.completed_at or run.row.sent_at or run.row.created_at)
        self._client.set_terminated(
            run_id, status="FINISHED" if run.state is State.FETCHED else "FAILED", end_time=end
        )
        if not harm and not run.missing and run.state not in UNSETTLED:
            self._client.set_tag(run_id, FILES_TAG, WHOLE)

    def _files(self, run: Run, harm: Mapping[Path, Trouble]) -> dict[str, list[Path]]:
        """The files to log, by folder; one that is gone from the disk, or was altered, is left out, and its hash is a tag."""
        image = run.request.image
        files = self._session.home_of(run)
        picture = files.find_input(image.sha256) if image and not image.by_url else None
        return {
            "video": [path for path in run.videos if path not in harm],
            "picture": [picture] if picture and is_media(picture) else [],
        }

    def _poster(self, video: Path, run_id: str) -> None:
        from .. import video as room

        poster = Files.of(video).poster(video)
        if room.is_media(poster):
            self._client.log_artifact(run_id, str(poster), "poster")
            return
        with tempfile.TemporaryDirectory(prefix="kie-nb-") as folder:
            try:
                made = room.make_poster(video, Path(folder) / poster.name)
            except (OSError, ValueError):  # a picture, or nothing that could be shown
                return
            self._client.log_artifact(run_id, str(made), "poster")


def _params(place: Mapping[str, Any], run: Run) -> dict[str, str]:
    """What was asked: the inputs, the picture's name, and the place on axes that are no inputs."""
    request = run.request
    found: dict[str, Any] = {"model": request.model, **shareable_value(request.inputs)}
    if run.seed is not None:
        found["seed"] = run.seed
    if request.image is not None:
        found |= {"image": request.image.label, "image_sha256": request.image.sha256}
    # An axis may be called as an input is, and hold the unfilled prompt.
    found |= {
        f"axis.{name}" if name in found and str(found[name]) != str(value) else name: value
        for name, value in place.items()
    }
    return {_key(name): str(value)[:MOST_PARAM] for name, value in found.items()}


def _metrics(run: Run) -> dict[str, float | None]:
    row = run.row
    return {
        "credits": run.credits,
        "estimate_credits": run.estimate.credits if run.estimate else None,
        "duration_s": run.duration_s,
        "video_seconds": row.video_seconds,
        "video_bytes": None if row.video_bytes is None else float(row.video_bytes),
        "rating": None if run.rating is None else float(run.rating),
    }


def _tags(run: Run, name: str, places: Places) -> dict[str, str]:
    error = redacted(run.row.error or {}, places)
    found = {
        RUN_TAG: run.id,
        "kie_nb.experiment": name,
        "kie_nb.service": run.service,
        "kie_nb.simulated": str(run.service == "simulator").lower(),
        "kie_nb.state": str(run.state),
        "kie_nb.task": run.task_id or "",
        "kie_nb.tags": "; ".join(run.tags),
        "kie_nb.remarks": " ".join(run.remarks),
        "kie_nb.video_sha256": run.row.video_sha256 or "",
        "kie_nb.error": str(error.get("message") or "") if run.state is not State.FETCHED else "",
        "mlflow.source.name": run.origin["notebook"] or "kie_nb",
        **{f"kie_nb.origin.{name}": str(value) for name, value in run.origin.items() if value is not None},
    }
    if run.origin["git_commit"]:
        found["mlflow.source.git.commit"] = run.origin["git_commit"]
    if run.row.note:  # none of ours is no reason to wipe one that was written there
        found["mlflow.note.content"] = in_markdown(run.row.note)  # its page reads Markdown
    if run.state is not State.FETCHED and not found["kie_nb.error"]:
        found["kie_nb.error"] = WORDS[run.state]
    return {key: value[:MOST_TAG] for key, value in found.items()}


def _key(name: str) -> str:
    """*name* as MLflow takes a key: letters, digits, and some signs, and nothing that could be a path."""
    plain = "".join(char if char.isalnum() or char in "_-. " else "_" for char in name[:_NAME_LENGTH])
    return f"_{plain}" if plain.startswith(".") else plain


def _millis(text: str) -> int:
    at = moment(text)
    assert at is not None  # noqa: S101 - a text was given
    return int(at.astimezone(dt.UTC).timestamp() * 1000)
