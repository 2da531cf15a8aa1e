"""New event loops that a patched asyncio of the host process does not affect."""

import asyncio


def new_loop() -> asyncio.AbstractEventLoop:
    """A loop whose tasks are the C `Task`, also after somebody's `nest_asyncio.apply()` has replaced it."""
    loop = asyncio.new_event_loop()
    try:
        from _asyncio import Task
    except ImportError:  # an interpreter without the C part
        return loop
    loop.set_task_factory(lambda owner, coro, **more: Task(coro, loop=owner, **more))
    return loop
