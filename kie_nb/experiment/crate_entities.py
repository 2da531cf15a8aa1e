"""What a crate says of a run, as the entities of its graph: the action, the tool, the picture and the parameters. No I/O.

By Process Run Crate each run is a `CreateAction`: its instrument is the model, its objects are the picture and the parameters, its
results are the videos. Who ran it is not known here, so there is no agent.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote, urlsplit

from ..addresses import shareable, shareable_value
from ..catalogue import find
from ..handles import Run
from ..ledger.states import OPEN, WORDS, State
from ..operations.embedded_request import call_of
from ..paths import Places, redacted

SIMULATED = "SIMULATED: drawn by kie_nb's simulator, not made by the model"
_DOCS = "https://docs.kie.ai"
_NAME_LENGTH = 160

Entity = dict[str, Any]


def at(entity: Entity) -> Entity:
    """A reference to *entity*."""
    return {"@id": entity["@id"]}


def known(entity: Entity) -> Entity:
    """*entity* without what is not known; one value stands alone, as RO-Crate recommends."""
    return {
        name: value[0] if isinstance(value, list) and len(value) == 1 else value
        for name, value in entity.items()
        if value not in (None, "", [])
    }


def action_of(
    run: Run,
    place: str,
    *,
    objects: Sequence[Entity],
    results: Sequence[Entity],
    picture: str | None,
    places: Places,
) -> Entity:
    """The run itself: *place* is its cell in words, *picture* a path in the crate, *places* of this machine are redacted."""
    is_done, is_open = run.state is State.FETCHED, run.state in OPEN
    status = "Completed" if is_done else "Active" if is_open else "Failed"
    message = redacted(run.row.error or {}, places).get("message")
    error = f"{WORDS[run.state]}: {message}" if message else WORDS[run.state]
    name = place if len(place) <= _NAME_LENGTH else f"{place[: _NAME_LENGTH - 1]}…"
    return {
        "@id": f"#run-{run.id}",
        "@type": "CreateAction",
        "name": f"{name} (SIMULATED)" if run.service == "simulator" else name,
        "description": call_of(run.request, picture=picture),
        "startTime": _time(run.row.sent_at),
        "endTime": _time(run.row.completed_at),
        "instrument": at(tool_of(run)),
        "object": list(map(at, objects)),
        "result": list(map(at, results)),
        "actionStatus": f"http://schema.org/{status}ActionStatus",
        "error": "" if is_done or is_open else error,
        "identifier": run.task_id,
        "subjectOf": [at(source) for source in sources_of(run)[:1]],
    }


def sources_of(run: Run) -> list[Entity]:
    """The notebook that has asked for it, and the commit that it was of; the one alone where the other is not known."""
    notebook, commit = run.origin["notebook"], run.origin["git_commit"]
    dirty = " with changes that were not committed" if run.origin["git_dirty"] else ""
    of_commit: Entity = {
        "@id": f"#commit-{quote(str(commit), safe='')}{'-changed' if dirty else ''}",
        "@type": "CreativeWork",
        "name": f"Git commit {str(commit)[:12]}{dirty}",
        "identifier": commit,
    }
    name = str(notebook)
    of_notebook: Entity = {
        "@id": f"#notebook-{quote(name, safe='')}{of_commit['@id'].replace('#', '-') if commit else ''}",
        "@type": "SoftwareSourceCode",
        "name": name,
        "programmingLanguage": "Jupyter Notebook" if name.endswith(".ipynb") else "Python",
        "version": commit,
        "isPartOf": [at(of_commit)] if commit else [],
    }
    return [*([of_notebook] if notebook else []), *([of_commit] if commit else [])]


def tool_of(run: Run) -> Entity:
    """The model; or what played it, which must never pass for it."""
    if run.service == "simulator":
        version = (run.row.made_by or {}).get("kie_nb")
        return {
            "@id": f"#simulator-of-{quote(run.model, safe='')}",
            "@type": "SoftwareApplication",
            "name": f"kie_nb's simulator, in the place of {run.model}",
            "description": SIMULATED,
            "softwareVersion": version if version != "source" else None,
        }
    page = f"{_DOCS}/market/{quote(run.model)}" if find(run.model) is not None else ""
    return {
        "@id": page or f"#model-{quote(run.model, safe='')}",
        "@type": "SoftwareApplication",
        "name": run.model,
        "description": "A model for making video, asked at Kie.ai; its makers give no version besides its name.",
        "url": page or _DOCS,
    }


def picture_of(run: Run) -> Iterator[Entity]:
    """The picture of a run that has none in the crate: by its address, or by its hash."""
    image = run.request.image
    if image is None:
        return
    address = quote(shareable(image.url or ""), safe=":/?#[]@!$&'()*+,;=%~")
    yield {
        "@id": address if _is_address(address) else f"#picture-{image.sha256}",
        "@type": "File" if _is_address(address) else "CreativeWork",
        "name": image.label,
        "sha256": None if image.by_url else image.sha256,
        "encodingFormat": None if image.by_url else image.mime,
        "contentSize": str(image.bytes or "") if not image.by_url else None,
    }


def parameters_of(run: Run) -> Iterator[Entity]:
    """What else the request says, a value each."""
    given = shareable_value(run.request.inputs)
    if run.seed is not None:
        given["seed"] = run.seed
    if run.request.replicate:
        given["repeat"] = run.request.replicate + 1
    for name, value in given.items():
        is_plain = isinstance(value, str | int | float | bool)
        kept = value if is_plain else json.dumps(value, ensure_ascii=False, sort_keys=True)
        digest = hashlib.sha256(json.dumps([name, kept]).encode()).hexdigest()[:12]
        yield {
            "@id": f"#{quote(name, safe='')}-{digest}",
            "@type": "PropertyValue",
            "name": name,
            "value": kept,
        }


def _is_address(text: str) -> bool:
    try:
        return bool(urlsplit(text).scheme)
    except ValueError:  # an imported request may hold anything behind "http://"
        return False


def _time(moment: str | None) -> str | None:
    """A moment of the ledger to the millisecond, as validators of the profile want it."""
    return f"{moment[:23]}+00:00" if moment else None
