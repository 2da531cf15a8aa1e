"""The back door: faults, state and purse for tests and for the curious, and a page that says what this is."""

import collections
import html
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from .api import world_of
from .faults import KINDS, parse_faults
from .store import checked_credits
from .tasks import Task, now_ms
from .wire import json_body, json_reply
from .world import World

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
_ROWS_SHOWN = 200


def routes() -> list[Route]:
    """The routes of this file."""
    return [
        Route("/", page, methods=["GET"]),
        Route("/_sim/faults", faults, methods=["GET", "PUT", "POST", "DELETE"]),
        Route("/_sim/state", state, methods=["GET"]),
        Route("/_sim/credits", fill_purse, methods=["POST"]),
    ]


async def page(request: Request) -> Response:
    """What a person sees who opens the base URL."""
    world = world_of(request)
    tasks = world.store.all()
    balance = world.store.balance()
    rows = "".join(_row(world, task) for task in reversed(tasks[-_ROWS_SHOWN:]))
    return HTMLResponse(
        _PAGE.format(balance=balance, rows=rows or '<tr><td colspan="5">no task yet</td></tr>'),
        headers={
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
        },
    )


async def faults(request: Request) -> Response:
    """See which there are, set or clear them; who POSTs means what PUT does."""
    world = world_of(request)
    if request.method in {"PUT", "POST"}:
        try:
            world.faults.replace(parse_faults(await json_body(request)))
        except ValueError as exc:
            return JSONResponse({"error": str(exc)}, status_code=400)
    elif request.method == "DELETE":
        world.faults.replace([])
    kinds = {"kinds": {call: sorted(found) for call, found in KINDS.items()}}
    return json_reply({"faults": world.faults.as_json()} | (kinds if request.method == "GET" else {}))


async def state(request: Request) -> Response:
    """Tasks, counters and purse."""
    world = world_of(request)
    tasks = world.store.all()
    balance = world.store.balance()
    shown = [_public(world, task) for task in tasks]
    return json_reply({"tasks": shown, "counts": dict(collections.Counter(world.counts)), "balance": balance})


async def fill_purse(request: Request) -> Response:
    """Set the balance."""
    world = world_of(request)
    body = await json_body(request)
    number = body.get("credits") if isinstance(body, dict) else None
    if isinstance(number, bool) or not isinstance(number, int | float):
        return JSONResponse({"error": 'send {"credits": <a number, 0 or more>}'}, status_code=400)
    try:
        balance = checked_credits(number)
    except ValueError as exc:
        return JSONResponse({"error": str(exc)}, status_code=400)
    world.store.set_balance(balance)
    return json_reply({"balance": balance})


def _public(world: World, task: Task) -> dict[str, Any]:
    return {
        "taskId": task.id,
        "model": task.model,
        "input": task.input,
        "state": task.shown_state(now_ms(), world.settings.states),
        "seed": task.seed,
        "credits": task.credits,
        "createTime": task.created_ms,
        "completeTime": task.complete_ms,
    }


def _row(world: World, task: Task) -> str:
    name = html.escape(task.id)
    if task.state == "success":
        name = f'<a href="/media/{name}_0.mp4">{name}</a>'
    state_now = task.shown_state(now_ms(), world.settings.states)
    cells = (task.model, state_now, str(task.seed), task.prompt)
    plain = "".join(f"<td>{html.escape(cell.encode('utf-8', 'replace').decode())}</td>" for cell in cells)
    return f"<tr><td><code>{name}</code></td>{plain}</tr>"
