"""The routes of the API host: create a task, look at a task, credits, a fresh link to a video."""

import json
import secrets
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .models import MEDIA_PREFIX, Order, check, is_public_url, parts_of, planned_seconds
from .replies import (
    PURSE,
    TOO_FAST,
    UNAUTHORIZED,
    UNKNOWN_TASK,
    WRONG_URL,
    Refusal,
    accepted,
    refused,
)
from .tasks import FATES, MOST_WAIT_S, Task, now_ms
from .wire import Refuse, json_body, json_reply, with_fault
from .world import World

_PRIVATE_CALLBACK = (
    "callBackUrl is required to be a public http(s) URL; with Simulator(private_callbacks=True) or "
    "`kie-nb simulator --private-callbacks` it may be on this machine"
)


Act = Callable[[World, Request], Awaitable[Response]]


def routes() -> list[Route]:
    """The routes of this file."""
    return [
        keyed("POST", "/api/v1/jobs/createTask", "create_requests", create_task),
        keyed("GET", "/api/v1/jobs/recordInfo", "record_requests", record_info),
        keyed("GET", "/api/v1/chat/credit", "credit_requests", credit),
        keyed("POST", "/api/v1/common/download-url", "download_url_requests", download_url),
    ]


def keyed(method: str, path: str, counter: str, act: Act, *, refuse: Refuse = refused) -> Route:
    """A route that counts its calls and turns away those without a good key: a refusal under HTTP 200."""

    async def endpoint(request: Request) -> Response:
        world = world_of(request)
        world.count(counter)
        if not world.opens(request.headers.get("authorization", "")):
            return json_reply(refuse(Refusal(401, UNAUTHORIZED)))
        return await act(world, request)

    return Route(path, endpoint, methods=[method])


def world_of(request: Request) -> World:
    """What the routes share."""
    world: World = request.app.state.world
    return world


def base_of(request: Request) -> str:
    """The base URL of this request: the port may have changed since a task was made."""
    return f"{request.url.scheme}://{request.url.netloc}"


def media_task_id(url: str) -> tuple[str, str] | None:
    """The task and the file name a media link is about."""
    path = parts_of(url).path
    name = path.removeprefix(MEDIA_PREFIX)
    task_id, _, rest = name.partition("_")
    return (task_id, name) if path.startswith(MEDIA_PREFIX) and rest.endswith(".mp4") else None


async def create_task(world: World, request: Request) -> Response:
    """`POST /api/v1/jobs/createTask`."""
    body = await json_body(request)
    fault = world.faults.strike("create", prompt=_prompt_of(body))

    async def work() -> Any:
        try:
            task = _create(world, body)
        except Refusal:
            world.count("create_refusals")
            raise
        world.count("creates_accepted")
        return accepted({"taskId": task.id, "recordId": task.id})

    return await with_fault(fault, work)


async def record_info(world: World, request: Request) -> Response:
    """`GET /api/v1/jobs/recordInfo`."""
    task_id = request.query_params.get("taskId", "").strip()
    if not task_id:
        return json_reply(refused(Refusal(400, "taskId parameter is required")))
    task = world.store.get(task_id)
    age_s = (now_ms() - task.created_ms) / 1000 if task else 0.0
    fault = world.faults.strike("record", prompt=task.prompt if task else "", age_s=age_s)
    if task is None or (fault and fault.kind == "null_record"):
        body: dict[str, Any] = refused(Refusal(422, UNKNOWN_TASK))
    else:
        body = accepted(_record(world, task, base_of(request), fault.kind if fault else ""))
    if task and fault and fault.kind == "broken_param":
        # One level of escaping goes missing, so the text as a whole is no JSON any more.
        text = json.dumps(body).replace(json.dumps(task.param), f'"{task.param}"')
        return Response(text, media_type="application/json")

    async def work() -> Any:
        return body

    return await with_fault(fault, work)


async def credit(world: World, _request: Request) -> Response:
    """`GET /api/v1/chat/credit`: the bare number is the data."""

    async def work() -> Any:
        return accepted(world.store.balance())

    return await with_fault(world.faults.strike("credits"), work)


async def download_url(world: World, request: Request) -> Response:
    """`POST /api/v1/common/download-url`: a link to one of our videos that is good for twenty minutes."""
    body = await json_body(request)
    url = body.get("url") if isinstance(body, dict) else None
    about = media_task_id(url) if isinstance(url, str) else None
    task = world.store.get(about[0]) if about else None

    async def work() -> Any:
        if about is None or task is None or task.state != "success":
            raise Refusal(422, WRONG_URL)
        return accepted(f"{base_of(request)}{MEDIA_PREFIX}{about[1]}?{world.fresh_query(about[1])}")

    asked = f"{task.prompt} {url}" if task else ""
    return await with_fault(world.faults.strike("download_url", prompt=asked), work)


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
    given = body["input"]
    seed = order.seed if order.seed is not None else secrets.randbelow(2**31)
    planned = world.settings.duration_s(body) if world.settings.duration_s else planned_seconds(body, seed)
    echo = {"callBackUrl": callback} if callback else {}
    created = now_ms()
    return Task(
        id=uuid.uuid4().hex,
        model=body["model"],
        prompt=order.prompt,
        input=given,
        # `input` is JSON text inside JSON text, as on the wire.
        param=json.dumps({**echo, "model": body["model"], "input": json.dumps(given)}),
        plan=order.shot,
        created_ms=created,
        due_ms=created + round(min(MOST_WAIT_S, max(0.0, planned / world.settings.speed)) * 1000),
        credits=order.credits,
        seed=seed,
        fate="",
        owner=world.owner,
    )


def _record(world: World, task: Task, base: str, fault: str) -> dict[str, Any]:
    code, msg = FATES[task.fate] if task.state == "fail" else (None, None)
    state = task.shown_state(now_ms(), world.settings.states)
    record: dict[str, Any] = {
        "taskId": task.id,
        "model": task.model,
        "state": "postprocessing" if fault == "unknown_state" else state,
        "param": None if fault == "no_param" else task.param,
        "resultJson": result_json(world, task, base, fault) if task.state == "success" else "",
        "failCode": code,
        "failMsg": msg,
        "costTime": cost_time(task),
        "createTime": task.created_ms,
        "completeTime": task.complete_ms,
    }
    if task.state != "open":
        record["creditsConsumed"] = task.credits if task.state == "success" else 0.0
    return record


def result_json(world: World, task: Task, base: str, fault: str = "") -> str:
    """The links to what was made, as JSON text."""
    numbers = {"no_urls": (), "two_urls": (0, 1)}.get(fault, (0,))
    return json.dumps({"resultUrls": [f"{base}{MEDIA_PREFIX}{world.media_name(task, n)}" for n in numbers]})


def cost_time(task: Task) -> int | None:
    """Whole seconds of work; 0 on failure, nothing before the end."""
    if task.complete_ms is None:
        return None
    return (task.complete_ms - task.created_ms) // 1000 if task.state == "success" else 0


def _prompt_of(body: Any) -> str:
    given = body.get("input") if isinstance(body, dict) else None
    prompt = given.get("prompt") if isinstance(given, dict) else None
    return prompt if isinstance(prompt, str) else ""
