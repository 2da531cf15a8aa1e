"""What a crate says of an experiment: a Process Run Crate as JSON-LD, worked out with no I/O.

Profile: https://w3id.org/ro/wfrun/process/0.5, on RO-Crate 1.1. Each run is a `CreateAction`: its instrument is the model, its
objects are the picture and the parameters, its result is the video. Who ran it is not known here, so there is no agent.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from ..catalogue import find
from ..engine.states import OPEN, WORDS, State
from ..handles import Run
from ..operations.embedded_request import call_of
from ..redact import Places, redacted

METADATA = "ro-crate-metadata.json"
PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
SPECIFICATION = "https://w3id.org/ro/crate/1.1"
CONTEXT = [f"{SPECIFICATION}/context", "https://w3id.org/ro/terms/workflow-run/context"]
EXPERIMENT = "#experiment"
SIMULATED = "SIMULATED: drawn by kie_nb's simulator, not made by the model"
_DOCS = "https://docs.kie.ai"
_NAME_LENGTH = 160

Entity = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class CrateFile:
    """A file of the crate, as it was copied.

    Attributes:
        path: From the crate's folder.
        seconds: How long it plays, for videos.
    """

    path: str
    name: str
    mime: str
    sha256: str
    bytes: int
    description: str = ""
    seconds: float | None = None
    keywords: tuple[str, ...] = ()

    def entity(self) -> Entity:
        """As the graph names it."""
        return _without_nothing(
            {
                "@id": quote(self.path),
                "@type": "File",
                "name": self.name,
                "description": self.description,
                "encodingFormat": self.mime,
                "contentSize": str(self.bytes),
                "sha256": self.sha256,
                "duration": f"PT{self.seconds:g}S" if self.seconds else "",
                "keywords": ", ".join(self.keywords),
            }
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Act:
    """A run with its files in the crate.

    Attributes:
        place: Where its cell stands, in words.
        picture: The picture that was sent, where there is one in the crate.
    """

    run: Run
    place: str
    videos: tuple[CrateFile, ...] = ()
    picture: CrateFile | None = None
    places: Places = field(default=())


def graph(
    *,
    experiment: str,
    published: str,
    license_url: str | None,
    files: Sequence[CrateFile],
    acts: Sequence[Act],
) -> Entity:
    """The whole of `ro-crate-metadata.json`.

    Args:
        experiment: Its name.
        published: The day, as YYYY-MM-DD.
        license_url: Under which the data may be used, if that is said.
        files: The files that belong to no single run.
        acts: The runs.
    """
    entities: dict[str, Entity] = {}
    parts = [file.entity() for file in files]
    actions = []
    for act in acts:
        parts += [file.entity() for file in act.videos]
        objects = [*_picture(act), *_parameters(act.run)]
        parts += [found for found in objects if found["@type"] == "File"]
        tool = _instrument(act.run)
        action = _action(act, tool["@id"], [found["@id"] for found in objects])
        actions.append(action)
        entities |= {found["@id"]: found for found in (*objects, tool, action)}
    entities |= {part["@id"]: part for part in parts}
    root = _without_nothing(
        {
            "@id": "./",
            "@type": "Dataset",
            "name": f"Experiment {experiment}",
            "description": _description(experiment, acts),
            "datePublished": published,
            "license": _at(license_url) if license_url else None,
            "conformsTo": _at(PROFILE),
            "identifier": _at(EXPERIMENT),
            "hasPart": [_at(name) for name in dict.fromkeys(part["@id"] for part in parts)],
            "mentions": [_at(action["@id"]) for action in actions],
        }
    )
    head = [
        {"@id": METADATA, "@type": "CreativeWork", "conformsTo": _at(SPECIFICATION), "about": _at("./")},
        root,
        {"@id": PROFILE, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"},
        {
            "@id": EXPERIMENT,
            "@type": "PropertyValue",
            "propertyID": "kie_nb experiment",
            "name": "experiment",
            "value": experiment,
        },
    ]
    if license_url:
        head.append({"@id": license_url, "@type": "CreativeWork", "name": license_url, "url": license_url})
    return {"@context": CONTEXT, "@graph": [*head, *entities.values()]}


def _description(experiment: str, acts: Sequence[Act]) -> str:
    simulated = any(act.run.service == "simulator" for act in acts)
    marked = f" {SIMULATED}." if simulated else ""
    return f"The runs of the experiment {experiment}, with their videos; written by kie_nb. definition.toml asks for them again, cells.csv lists its cells.{marked}"


def _action(act: Act, tool: str, objects: Sequence[str]) -> Entity:
    run, row = act.run, act.run.row
    mark = " (SIMULATED)" if run.service == "simulator" else ""
    name = act.place if len(act.place) <= _NAME_LENGTH else f"{act.place[: _NAME_LENGTH - 1]}…"
    is_done, is_open = run.state is State.FETCHED, run.state in OPEN
    status = "Completed" if is_done else "Active" if is_open else "Failed"
    return _without_nothing(
        {
            "@id": f"#run-{run.id}",
            "@type": "CreateAction",
            "name": f"{name}{mark}",
            "description": call_of(run.request, picture=act.picture.path if act.picture else None),
            "startTime": _time(row.sent_at),
            "endTime": _time(row.completed_at),
            "instrument": _at(tool),
            "object": [_at(name) for name in objects],
            "result": [_at(file.entity()["@id"]) for file in act.videos],
            "actionStatus": f"http://schema.org/{status}ActionStatus",
            "error": "" if is_done or is_open else _error(act),
            "identifier": run.task_id,
        }
    )


def _error(act: Act) -> str:
    told = redacted(act.run.row.error or {}, act.places)
    message = str(told.get("message") or "")
    return f"{WORDS[act.run.state]}: {message}" if message else WORDS[act.run.state]


def _instrument(run: Run) -> Entity:
    """The model; or what played it, which must never pass for it."""
    if run.service == "simulator":
        version = (run.row.made_by or {}).get("kie_nb")
        return _without_nothing(
            {
                "@id": f"#simulator-of-{quote(run.model, safe='')}",
                "@type": "SoftwareApplication",
                "name": f"kie_nb's simulator, in the place of {run.model}",
                "description": SIMULATED,
                "softwareVersion": version if version != "source" else None,
            }
        )
    page = f"{_DOCS}/market/{quote(run.model)}" if find(run.model) is not None else ""
    return {
        "@id": page or f"#model-{quote(run.model, safe='')}",
        "@type": "SoftwareApplication",
        "name": run.model,
        "description": "A model for making video, asked at Kie.ai; its makers give no version besides its name.",
        "url": page or _DOCS,
    }


def _picture(act: Act) -> list[Entity]:
    image = act.run.request.image
    if act.picture is not None:
        return [act.picture.entity()]
    if image is None:
        return []
    if image.url is not None:
        found = {"@id": quote(image.url, safe=":/?#[]@!$&'()*+,;=%~"), "@type": "File", "name": image.label}
    else:  # it is not on disk here any more: its hash still tells it
        found = {"@id": f"#picture-{image.sha256}", "@type": "CreativeWork", "name": image.label}
    known = (
        {}
        if image.by_url
        else {"sha256": image.sha256, "encodingFormat": image.mime, "contentSize": str(image.bytes or "")}
    )
    return [_without_nothing(found | known)]


def _parameters(run: Run) -> list[Entity]:
    given = dict(run.request.inputs)
    if run.seed is not None:
        given["seed"] = run.seed
    if run.request.replicate:
        given["repeat"] = run.request.replicate + 1
    return [_parameter(name, value) for name, value in given.items()]


def _parameter(name: str, value: Any) -> Entity:
    kept = (
        value
        if isinstance(value, str | int | float | bool)
        else json.dumps(value, ensure_ascii=False, sort_keys=True)
    )
    digest = hashlib.sha256(json.dumps([name, kept]).encode()).hexdigest()[:12]
    return {"@id": f"#{quote(name, safe='')}-{digest}", "@type": "PropertyValue", "name": name, "value": kept}


def _time(moment: str | None) -> str | None:
    """A moment of the ledger to the millisecond, as validators of the profile want it."""
    return f"{moment[:23]}+00:00" if moment else None


def _at(name: str) -> Entity:
    return {"@id": name}


def _without_nothing(entity: Entity) -> Entity:
    """Without what is not known; one value stands alone, as RO-Crate recommends."""
    return {
        name: value[0] if isinstance(value, list) and len(value) == 1 else value
        for name, value in entity.items()
        if value not in (None, "", [])
    }
