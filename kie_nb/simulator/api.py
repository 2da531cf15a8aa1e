"""The routes of the API host (create a task, look at a task, credits, a fresh link to a video) and of the admin."""

import html
import json
import secrets
import uuid
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from . import routing
from .faults import KINDS, PURSE, TOO_FAST, UNKNOWN_TASK, WRONG_URL, Refusal, parse_faults
from .models import MEDIA_PREFIX, Order, check, is_public_url, planned_seconds
from .routing import World, accepted, json_reply, world_of
from .store import FATES, MOST_WAIT_S, Task, now_ms

_PRIVATE_CALLBACK = (
    "callBackUrl is required to be a public http(s) URL; with Simulator(private_callbacks=True) or "
    "`kie-nb simulator --private-callbacks` it may be on this machine"
)
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>kie_nb simulator</title>
<style>body{{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:64rem;padding:0 1rem}}
td,th{{text-align:left;padding:.3rem .8rem .3rem 0;border-bottom:1px solid #8884}}code{{font-size:.9em}}</style></head>
<body><h1>kie_nb simulator</h1>
<p>This is <strong>not Kie.ai</strong>. It speaks the same wire on this machine and draws its videos itself;
nothing here costs money. Credits left in play: {balance:g}.</p>
<table><thead><tr><th>task</th><th>model</th><th>state</th><th>seed</th><th>prompt</th></tr></thead>
<tbody>{rows}</tbody></table></body></html>
"""
_PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
_ROWS_SHOWN = 200


def routes() -> list[Route]:
    """The routes of this file."""
    return [
        routing.keyed("POST", "/api/v1/jobs/createTask", "create_requests", _create_task),
        routing.keyed("GET", "/api/v1/jobs/recordInfo", "record_requests", _record_info),
        routing.keyed("GET", "/api/v1/chat/credit", "credit_requests", _credit),
        routing.keyed("POST", "/api/v1/common/download-url", "download_url_requests", _download_url),
        Route("/", _page, methods=["GET"]),
        Route("/_sim/faults", _faults, methods=["GET", "PUT", "POST", "DELETE"]),
        Route("/_sim/state", _state, methods=["GET"]),
        Route("/_sim/credits", _set_balance, methods=["POST"]),
    ]


async def _create_task(world: World, request: Request) -> Response:
    body = await routing.json_body(request)
    given = body.get("input") if isinstance(body, dict) else None
    prompt = given.get("prompt") if isinstance(given, dict) else None
    fault = world.faults.strike("create", prompt=prompt if isinstance(prompt, str) else "")

    def work() -> Any:
        try:
            task = _create(world, body)
        except Refusal:
            world.count("create_refusals")
            raise
        world.count("creates_accepted")
        return accepted({"taskId": task.id, "recordId": task.id})

    return await routing.with_fault(fault, work)


def _create(world: World, body: Any) -> Task:
    settings = world.settings
    if not isinstance(body, dict):
        raise Refusal(400, "The request body is required to be a JSON object")
    order, callback = check(body.get("model"), body.get("input")), body.get("callBackUrl") or None
    if callback and not (isinstance(callback, str) and callback.startswith(("http://", "https://"))):
        raise Refusal(422, "callBackUrl is required to be a public http(s) URL")
    if callback and not settings.private_callbacks and not is_public_url(callback):
        raise Refusal(422, _PRIVATE_CALLBACK)
    task = _new_task(world, body, order, callback)
    outcome = world.store.add(task, limit=settings.creates_per_window, window_s=settings.window_s)
    if outcome == "too_fast":
        world.count("rate_limited")
        raise Refusal(429, TOO_FAST, http_status=429)
    if outcome == "too_poor":
        raise Refusal(402, PURSE)
    world.made.add(task.id)
    if callback:
        world.callbacks[task.id] = callback
    fault = world.faults.strike("task", prompt=task.prompt)
    if fault and fault.kind in FATES:
        world.store.doom(task.id, fault.kind)
        return task
    if fault and fault.kind == "slow":
        world.store.delay(task.id, fault.seconds)
    world.studio.draw(task, may_fetch=True)
    return task


def _new_task(world: World, body: dict[str, Any], order: Order, callback: str | None) -> Task:
    model, given, settings = body["model"], body["input"], world.settings
    seed = order.seed if order.seed is not None else secrets.randbelow(2**31)
    planned = settings.duration_s(body) if settings.duration_s else planned_seconds(body, seed)
    echo = {"callBackUrl": callback} if callback else {}
    created = now_ms()
    return Task(
        id=uuid.uuid4().hex,
        model=model,
        prompt=order.prompt,
        input=given,
        param=json.dumps(
            {**echo, "model": model, "input": json.dumps(given)}
        ),  # JSON inside JSON, as on the wire
        plan=order.shot,
        created_ms=created,
        due_ms=created + round(min(MOST_WAIT_S, max(0.0, planned / settings.speed)) * 1000),
        credits=order.credits,
        seed=seed,
        owner=world.owner,
    )


async def _record_info(world: World, request: Request) -> Response:
    task_id = request.query_params.get("taskId", "").strip()
    if not task_id:
        return json_reply(routing.refused(Refusal(400, "taskId parameter is required")))
    task = world.store.get(task_id)
    age_s = (now_ms() - task.created_ms) / 1000 if task else 0.0
    fault = world.faults.strike("record", prompt=task.prompt if task else "", age_s=age_s)
    kind = fault.kind if fault else ""
    if task is None or kind == "null_record":
        body: dict[str, Any] = routing.refused(Refusal(422, UNKNOWN_TASK))
    else:
        body = accepted(_record(world, task, routing.base_of(request), kind))
    if task and kind == "broken_param":
        # One level of escaping goes missing, so the text as a whole is not JSON any more.
        text = json.dumps(body).replace(json.dumps(task.param), f'"{task.param}"')
        return Response(text, media_type="application/json")
    return await routing.with_fault(fault, lambda: body)


def _record(world: World, task: Task, base: str, fault: str) -> dict[str, Any]:
    code, msg = FATES[task.fate] if task.state == "fail" else (None, None)
    record: dict[str, Any] = {
        "taskId": task.id,
        "model": task.model,
        "state": "postprocessing" if fault == "unknown_state" else task.shown_state(world.settings.states),
        "param": None if fault == "no_param" else task.param,
        "resultJson": result_json(task, base, fault) if task.state == "success" else "",
        "failCode": code,
        "failMsg": msg,
        "costTime": cost_time(task),
        "createTime": task.created_ms,
        "completeTime": task.complete_ms,
    }
    if task.state != "open":
        record["creditsConsumed"] = task.credits if task.state == "success" else 0.0
    return record


def result_json(task: Task, base: str, fault: str = "") -> str:
    """The links to what was made, as JSON text."""
    ending = (task.video or "").rpartition(".")[2] or "mp4"
    several = task.input.get("n") if ending == "png" else None
    usual = tuple(range(several)) if isinstance(several, int) and 0 < several <= MOST_PICTURES else (0,)
    numbers = {"no_urls": (), "two_urls": (0, 1)}.get(fault, usual)
    return json.dumps({"resultUrls": [f"{base}{MEDIA_PREFIX}{task.id}_{n}.{ending}" for n in numbers]})


MOST_PICTURES = 12  # of one task (kie-api §11.8)


def cost_time(task: Task) -> int | None:
    """Whole seconds of work; 0 on failure, nothing before the end."""
    if task.complete_ms is None:
        return None
    return (task.complete_ms - task.created_ms) // 1000 if task.state == "success" else 0


async def _credit(world: World, _request: Request) -> Response:
    # The bare number is the data.
    return await routing.with_fault(world.faults.strike("credits"), lambda: accepted(world.store.balance()))


async def _download_url(world: World, request: Request) -> Response:
    body = await routing.json_body(request)
    url = body.get("url") if isinstance(body, dict) else None
    about = routing.media_task_id(url) if isinstance(url, str) else None
    task = world.store.get(about[0]) if about else None

    def work() -> Any:
        if about is None or task is None or task.state != "success":
            raise Refusal(422, WRONG_URL)
        return accepted(f"{routing.base_of(request)}{MEDIA_PREFIX}{about[1]}?{world.fresh_query(about[1])}")

    asked = f"{task.prompt} {url}" if task else ""
    return await routing.with_fault(world.faults.strike("download_url", prompt=asked), work)


async def _page(request: Request) -> Response:
    world = world_of(request)
    rows = "".join(_row(world, task) for task in reversed(world.store.all()[-_ROWS_SHOWN:]))
    page = _PAGE.format(
        balance=world.store.balance(), rows=rows or '<tr><td colspan="5">no task yet</td></tr>'
    )
    return HTMLResponse(page, headers={"Content-Security-Policy": _PAGE_POLICY})


def _row(world: World, task: Task) -> str:
    name = html.escape(task.id)
    if task.state == "success":
        name = f'<a href="/media/{name}_0.mp4">{name}</a>'
    cells = (task.model, task.shown_state(world.settings.states), str(task.seed), task.prompt)
    plain = "".join(f"<td>{html.escape(cell.encode('utf-8', 'replace').decode())}</td>" for cell in cells)
    return f"<tr><td><code>{name}</code></td>{plain}</tr>"


async def _faults(request: Request) -> Response:
    """The faults in force: shown, set by PUT or POST, cleared by DELETE."""
    box = world_of(request).faults
    if request.method in {"PUT", "POST"}:
        try:
            box.replace(parse_faults(await routing.json_body(request)))
        except ValueError as exc:
            return json_reply({"error": str(exc)}, 400)
    elif request.method == "DELETE":
        box.replace([])
    kinds = {"kinds": {call: sorted(found) for call, found in KINDS.items()}}
    in_force = [asdict(fault) for fault in box.faults]
    return json_reply({"faults": in_force} | (kinds if request.method == "GET" else {}))


async def _state(request: Request) -> Response:
    world = world_of(request)
    tasks = [
        {
            "taskId": task.id,
            "model": task.model,
            "input": task.input,
            "state": task.shown_state(world.settings.states),
            "seed": task.seed,
            "credits": task.credits,
            "createTime": task.created_ms,
            "completeTime": task.complete_ms,
        }
        for task in world.store.all()
    ]
    return json_reply({"tasks": tasks, "counts": dict(world.counts), "balance": world.store.balance()})


async def _set_balance(request: Request) -> Response:
    body = await routing.json_body(request)
    number = body.get("credits") if isinstance(body, dict) else None
    if isinstance(number, bool) or not isinstance(number, int | float):
        return json_reply({"error": 'send {"credits": <a number, 0 or more>}'}, 400)
    try:
        world_of(request).store.set_balance(number)
    except ValueError as exc:
        return json_reply({"error": str(exc)}, 400)
    return json_reply({"balance": float(number)})
