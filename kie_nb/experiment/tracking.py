"""An experiment in an MLflow tracking store: each run is logged there once, as a run of MLflow below one of the study.

The study's run is the active one, where there is one in that store, else one of our own. It holds the definition, the counts, the
spread between seeds, and the verdicts of `Experiment.verify`. A run of two studies is logged below both. A run that is settled, with all its files, is marked as whole and left alone from then on. Any other is logged into the same run again.

MLflow's client is used as it is, and none of its global state is changed: no active run, no tracking address, no experiment.
"""

from __future__ import annotations

import datetime as dt
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import tables
from ..addresses import shareable_value
from ..errors import InvalidRequest, KieError
from ..handles import Run
from ..ledger import Files, Likenesses, Told
from ..ledger.states import OPEN, UNSETTLED, WORDS, State
from ..operations.integrity import troubles
from ..operations.manifest import plain_json, stored_request
from ..paths import Places, places_of, redacted
from ..stores import find_input
from ..text import in_markdown
from ..video import is_media, make_poster
from .data import Cells

RUN_TAG, FILES_TAG, WHOLE = "kie_nb.run", "kie_nb.files", "whole"
STUDY_TAG, NAME_TAG, PARENT_TAG = "kie_nb.study", "kie_nb.experiment", "mlflow.parentRunId"
ALTERED_TAG = "kie_nb.video_altered"
MOST_PARAM, MOST_TAG = 6000, 5000  # what MLflow's stores take, in characters; the whole is in request.json
_NAME_LENGTH = 200
_PAGE, _MOST_AT_ONCE = 1000, 100
_NOT_ENDED = OPEN | {State.INTENT, State.NOT_SENT}


@dataclass(frozen=True, kw_only=True, slots=True)
class Logged:
    """What came of logging; shows itself as a line."""

    experiment: str
    experiment_id: str  # of MLflow
    store: str
    runs: Mapping[str, str]  # MLflow's run ids by ours
    made: int  # how many of them are new

    def __repr__(self) -> str:
        counted, known = tables.counted(len(self.runs), "run"), len(self.runs) - self.made
        return f"{counted} in MLflow's experiment {self.experiment!r} ({self.made} new, {known} there before)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Study:
    """What is logged of the whole."""

    name: str
    definition: str  # as TOML
    metrics: Mapping[str, float]
    verdicts: Sequence[str]  # of `verify`, a line each


def log_cells(study: Study, cells: Cells, *, tracking_uri: str | None, experiment: str | None) -> Logged:
    """Log the runs that have ended; see `Experiment.log_to_mlflow`."""
    try:
        import mlflow
        from mlflow.exceptions import MlflowException
    except ImportError:
        raise KieError("MLflow is not installed here.", hint="pip install 'kie_nb[mlflow]'") from None
    chosen = [(place, run) for place, run in cells if run is not None and run.state not in _NOT_ENDED]
    if not chosen:
        raise InvalidRequest("No cell has ended yet: there is nothing to log.", charged="")
    name, there = study.name, dict[str, Any]()
    try:
        client = mlflow.MlflowClient(tracking_uri=tracking_uri)
        active = _active(mlflow, client, tracking_uri, experiment)
        store = active.info.experiment_id if active else _experiment(client, experiment or name)
        called, all_runs = str(client.get_experiment(store).name), _all_runs(client, store)
        whole = active or next((run for run in all_runs if run.data.tags.get(STUDY_TAG) == name), None)
        whole = whole or client.create_run(store, tags={STUDY_TAG: name}, run_name=name[:_NAME_LENGTH])
        _log_study(client, whole, study, is_ours=active is None)
        known = {
            tags[RUN_TAG]: run
            for run in all_runs
            if RUN_TAG in (tags := run.data.tags) and tags.get(NAME_TAG, name) == name
        }
        for place, run in chosen:
            found = there[run.id] = known.get(run.id) or _create(client, store, name, place, run)
            if found.data.tags.get(PARENT_TAG) != whole.info.run_id:
                client.set_tag(found.info.run_id, PARENT_TAG, whole.info.run_id)
            if found.data.tags.get(FILES_TAG) != WHOLE:
                _log(client, found, run, run.ledger.files, place=place, name=name)
    except ImportError as exc:
        words = f"This tracking store needs {exc.name}, which is not installed."
        raise KieError(words, hint="pip install 'kie_nb[mlflow]'") from exc
    except (MlflowException, OSError) as exc:
        hint = "what was logged so far stays; logging again goes on from there"
        raise KieError(f"MLflow did not take it: {exc}.", hint=hint, charged="") from exc
    runs, made = {ours: found.info.run_id for ours, found in there.items()}, len(there.keys() - known.keys())
    return Logged(experiment=called, experiment_id=store, store=tracking_uri or "", runs=runs, made=made)


def _experiment(client: Any, name: str) -> str:
    found = client.get_experiment_by_name(name)
    if found is None:
        return str(client.create_experiment(name))
    if found.lifecycle_stage != "active":
        hint = "restore it there, or name another: experiment='…'"
        raise InvalidRequest(f"MLflow's experiment {name!r} was deleted.", hint=hint, charged="")
    return str(found.experiment_id)


def _active(mlflow: Any, client: Any, tracking_uri: str | None, experiment: str | None) -> Any:
    """The run that is active in this store, if there is one: ours are nested below it."""
    active = mlflow.active_run()
    if active is None or tracking_uri not in {None, mlflow.get_tracking_uri()}:
        return None
    found = client.get_run(active.info.run_id)
    name = client.get_experiment(found.info.experiment_id).name
    return found if experiment in {None, name} else None


def _log_study(client: Any, whole: Any, study: Study, *, is_ours: bool) -> None:
    """What there is of the whole; below the study's name in a run that is not ours."""
    run_id, inside = whole.info.run_id, "" if is_ours else f"{_key(study.name)}/"
    client.log_text(run_id, study.definition, f"{inside}definition.toml")
    if study.verdicts:
        client.log_text(run_id, "".join(f"{line}\n" for line in study.verdicts), f"{inside}verify.txt")
    for name, value in study.metrics.items():
        if whole.data.metrics.get(f"{inside}{name}") != value:
            client.log_metric(run_id, f"{inside}{name}", value)
    if is_ours:
        client.set_terminated(run_id, status="FINISHED")


def _all_runs(client: Any, store: str) -> list[Any]:
    pages = [client.search_runs([store], max_results=_PAGE)]
    while pages[-1].token:
        pages.append(client.search_runs([store], max_results=_PAGE, page_token=pages[-1].token))
    return [run for page in pages for run in page]


def _create(client: Any, store: str, name: str, place: Mapping[str, Any], run: Run) -> Any:
    called = ", ".join(f"{axis}={value}" for axis, value in place.items()) or name
    start = _millis(run.row.sent_at or run.row.created_at)
    tags = {RUN_TAG: run.id, NAME_TAG: name}
    return client.create_run(store, start_time=start, tags=tags, run_name=called[:_NAME_LENGTH])


def _log(client: Any, there: Any, run: Run, home: Files, *, place: Mapping[str, Any], name: str) -> None:
    """Log all of *run*; what is there already of its params and figures stays."""
    from mlflow.entities import Metric, Param, RunTag

    run_id, known, harm, now = there.info.run_id, there.data, troubles(run), int(time.time() * 1000)
    tags = _tags(run, name, places_of(home.home))
    tags[ALTERED_TAG] = str("altered" in harm.values()).lower()
    metrics = {key: value for key, value in _metrics(run).items() if known.metrics.get(key) != value}
    params = {key: value for key, value in _params(place, run).items() if key not in known.params}
    client.log_batch(
        run_id,
        [Metric(key, value, now, 0) for key, value in metrics.items()],
        [Param(key, value) for key, value in params.items()][:_MOST_AT_ONCE],
        [RunTag(key, value) for key, value in tags.items()],
    )
    client.log_text(run_id, plain_json(stored_request(run.request), indent=2), "request.json")
    for path in run.videos:
        if path not in harm:  # its hash is a tag
            client.log_artifact(run_id, str(path), "video")
    image = run.request.image
    picture = find_input(home, image) if image and not image.by_url else None
    if picture and is_media(picture):
        client.log_artifact(run_id, str(picture), "picture")
    if run.video is not None and run.video not in harm:
        _log_poster(client, run_id, run.video)
    end = _millis(run.row.completed_at or run.row.sent_at or run.row.created_at)
    client.set_terminated(run_id, status="FINISHED" if run.state is State.FETCHED else "FAILED", end_time=end)
    if not harm and not run.missing and run.state not in UNSETTLED:
        client.set_tag(run_id, FILES_TAG, WHOLE)


def _log_poster(client: Any, run_id: str, video: Path) -> None:
    poster = Files.of(video).poster(video)
    with tempfile.TemporaryDirectory(prefix="kie-nb-") as folder:
        try:
            made = poster if is_media(poster) else make_poster(video, Path(folder) / poster.name)
        except (OSError, ValueError):  # a picture, or nothing that could be shown
            return
        client.log_artifact(run_id, str(made), "poster")


def _params(place: Mapping[str, Any], run: Run) -> dict[str, str]:
    """What was asked: the inputs, the picture's name, and the place on axes that are not inputs."""
    request = run.request
    found: dict[str, Any] = {"model": request.model, **shareable_value(request.inputs)}
    if run.seed is not None:
        found["seed"] = run.seed
    if request.image is not None:
        found |= {"image": request.image.label, "image_sha256": request.image.sha256}
    found |= request.other_media
    # An axis may be called as an input is, and hold the unfilled prompt.
    found |= {
        f"axis.{name}" if name in found and str(found[name]) != str(value) else name: value
        for name, value in place.items()
    }
    return {_key(name): str(value)[:MOST_PARAM] for name, value in found.items()}


def _metrics(run: Run) -> dict[str, float]:
    first, told = next(iter(run.row.files), None), _likeness(run)
    found = {
        "credits": run.credits,
        "estimate_credits": run.estimate.credits if run.estimate else None,
        "duration_s": run.duration_s,
        "video_seconds": first.seconds if first else None,
        "video_bytes": first.bytes if first else None,
        "rating": run.rating,
        "score": run.score,
        "seed_distance": told.seed_distance,
        "repeat_distance": told.repeat_distance,
    }
    return {name: float(value) for name, value in found.items() if value is not None}


def _likeness(run: Run) -> Told:
    if run.row.video_sha256 is None:
        return Told()
    return next(iter(Likenesses(run.ledger.database).of([run.row.video_sha256]).values()), Told())


def _tags(run: Run, name: str, places: Places) -> dict[str, str]:
    error = redacted(run.row.error or {}, places)
    found = {
        RUN_TAG: run.id,
        NAME_TAG: name,
        "kie_nb.service": run.service,
        "kie_nb.simulated": str(run.service == "simulator").lower(),
        "kie_nb.state": str(run.state),
        "kie_nb.task": run.task_id or "",
        "kie_nb.tags": "; ".join(run.tags),
        "kie_nb.remarks": " ".join(run.remarks),
        "kie_nb.repeat_verdict": _likeness(run).repeat_verdict or "",
        "kie_nb.video_sha256": run.row.video_sha256 or "",
        "kie_nb.error": "" if run.state is State.FETCHED else str(error.get("message") or WORDS[run.state]),
        "mlflow.source.name": run.origin["notebook"] or "kie_nb",
        **{f"kie_nb.origin.{name}": str(value) for name, value in run.origin.items() if value is not None},
    }
    if run.origin["git_commit"]:
        found["mlflow.source.git.commit"] = run.origin["git_commit"]
    if run.row.note:  # none of ours is no reason to wipe one that was written there
        found["mlflow.note.content"] = in_markdown(run.row.note)  # its page reads Markdown
    return {key: value[:MOST_TAG] for key, value in found.items()}


def _key(name: str) -> str:
    """*name* as MLflow takes a key: letters, digits, and some signs, and nothing that could be a path."""
    plain = "".join(char if char.isalnum() or char in "_-. " else "_" for char in name[:_NAME_LENGTH])
    return f"_{plain}" if plain.startswith(".") else plain


def _millis(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).timestamp() * 1000)
