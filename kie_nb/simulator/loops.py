"""Event loops of the simulator's own, whatever the host has done to asyncio."""

import asyncio


def new_loop() -> asyncio.AbstractEventLoop:
    """A loop that makes the C `Task`, so that a host that has patched asyncio for itself does not reach us."""
    loop = asyncio.new_event_loop()
    try:
        from _asyncio import Task  # the C one, whatever `asyncio.Task` has become
    except ImportError:
        return loop
    loop.set_task_factory(lambda owner, coro, **more: Task(coro, loop=owner, **more))
    return loop
