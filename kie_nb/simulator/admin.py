"""The admin routes: faults, state and purse for tests, and a page that says what this is."""

import html
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from .api import world_of
from .faults import KINDS, parse_faults
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
    """The page at the base URL."""
    world = world_of(request)
    rows = "".join(_row(world, task) for task in reversed(world.store.all()[-_ROWS_SHOWN:]))
    return HTMLResponse(
        _PAGE.format(balance=world.store.balance(), rows=rows or '<tr><td colspan="5">no task yet</td></tr>'),
        headers={
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
        },
    )


async def faults(request: Request) -> Response:
    """The faults in force: shown, set by PUT or POST, cleared by DELETE."""
    world = world_of(request)
    if request.method in {"PUT", "POST"}:
        try:
            world.faults.replace(parse_faults(await json_body(request)))
        except ValueError as exc:
            return json_reply({"error": str(exc)}, 400)
    elif request.method == "DELETE":
        world.faults.replace([])
    kinds = {"kinds": {call: sorted(found) for call, found in KINDS.items()}}
    in_force = [asdict(fault) for fault in world.faults.faults]
    return json_reply({"faults": in_force} | (kinds if request.method == "GET" else {}))


async def state(request: Request) -> Response:
    """Tasks, counters and purse."""
    world = world_of(request)
    tasks = [_public(world, task) for task in world.store.all()]
    return json_reply({"tasks": tasks, "counts": dict(world.counts), "balance": world.store.balance()})


async def fill_purse(request: Request) -> Response:
    """Set the balance."""
    body = await json_body(request)
    number = body.get("credits") if isinstance(body, dict) else None
    if isinstance(number, bool) or not isinstance(number, int | float):
        return json_reply({"error": 'send {"credits": <a number, 0 or more>}'}, 400)
    try:
        world_of(request).store.set_balance(number)
    except ValueError as exc:
        return json_reply({"error": str(exc)}, 400)
    return json_reply({"balance": float(number)})


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
    cells = (task.model, task.shown_state(now_ms(), world.settings.states), str(task.seed), task.prompt)
    plain = "".join(f"<td>{html.escape(cell.encode('utf-8', 'replace').decode())}</td>" for cell in cells)
    return f"<tr><td><code>{name}</code></td>{plain}</tr>"
