"""The gallery in the kernel: answers the messages of its page.

Messages arrive on the main thread or on a subshell's. `_heard` looks at the message and hands it over; everything else
runs on the dispatcher's thread, the ledger on its executor and files in workers.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from ...errors import KieError
from ...handles import Run, get_session
from ...handles.registry import PAGE_SIZE, Found, browse
from ...text import visible
from ...video import mime_of
from ...wording import Gallery as Words
from ..card import widgets
from ..run_cell import cell_of
from . import media
from .question import Newest, parse
from .results import Results
from .tiles import tile
from .widget import GalleryWidget

T = TypeVar("T")
Asked = dict[str, Any]
Answer = Callable[[Asked], Coroutine[Any, Any, None]]
log = logging.getLogger("kie_nb")
REFRESH_S = 1.0  # several runs may end at once: one page for all of them
POSTERS_A_MESSAGE = 8
MOST_IDS = 100  # in one message


class Gallery:
    """Finished runs of the current folder, a page at a time.

    Args:
        use: Called with a run whose settings are wanted, on the dispatcher's thread.
        say: Called with a line for the user when something did not work, on the dispatcher's thread.
        use_with_seed: Like *use*, with the seed of the run; None offers no such button.

    Attributes:
        box: The widget to show; it can be shown in several places.
    """

    def __init__(
        self,
        use: Callable[[Run], object],
        say: Callable[[str], None],
        use_with_seed: Callable[[Run], object] | None = None,
    ) -> None:
        self._say = say
        self._newest = Newest()
        self._shown: dict[str, Run] = {}
        self._is_due = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._answers: dict[str, Answer] = {
            "page": self._page,
            "posters": self._posters,
            "video": self._video,
            "rate": self._rate,
            "tag": self._tag,
            "file": self._file,
            "use": lambda asked: self._handed(asked, use),
            "reuse": lambda asked: self._handed(asked, use_with_seed or use),
            "copy": self._copy,
            "compare": self._compare,
            "wall": lambda asked: self._show_below(asked, self._results.wall),
            "export": lambda asked: self._show_below(
                asked, functools.partial(self._results.export, folder=str(asked.get("folder")))
            ),
        }
        self._view = GalleryWidget(reuses_seed=use_with_seed is not None)
        self._view.on_msg(self._heard)
        self._results = Results()
        self.box = widgets().VBox([self._view, self._results.box])

    def refresh(self) -> None:
        """Something in the ledger has changed; callable from any thread. Several calls within a second become one."""
        get_session().dispatcher.call_soon(self._refresh_later)

    # --- what the browser says ------------------------------------------------------------------------------------

    def _heard(self, _widget: Any, content: Any, _buffers: Any) -> None:
        asked = content if isinstance(content, dict) else {}
        answer = self._answers.get(str(asked.get("kind")))
        if answer is None:
            return
        if asked["kind"] == "page":  # noted at once: of all that wait in line, only the newest is looked up
            self._newest.ask(*_asker(asked))
        get_session().dispatcher.call_soon(lambda: self._begin(answer(asked)))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(self._told(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _told(self, work: Coroutine[Any, Any, None]) -> None:
        """Do *work*; what goes wrong is told to the user."""
        try:
            await work
        except KieError as exc:
            self._say(" ".join(exc.lines()))
        except Exception as exc:
            log.exception("the gallery failed")
            self._say(Words.FAILED.format(why=repr(exc)))

    # --- pages ----------------------------------------------------------------------------------------------------

    async def _page(self, asked: Asked) -> None:
        who, number = _asker(asked)

        def look() -> tuple[Found, list[dict[str, Any]]] | None:
            return _look(asked.get("asked")) if self._newest.wants(who, number) else None

        found = await self._ledger(look)
        if found is not None and self._newest.wants(who, number):
            self._send_page(*found, who=who, number=number)

    def _send_page(self, found: Found, rows: list[dict[str, Any]], **to: Any) -> None:
        self._shown = {run.id: run for run in found.runs}
        choices = found.choices
        counts = {
            "count": found.count,
            "hasMore": found.has_more,
            "page": found.page,
            "pages": found.pages,
            "size": PAGE_SIZE,
        }
        named = {"models": choices.models, "experiments": choices.experiments, "tags": choices.tags}
        self._send({"kind": "page", "rows": rows, **counts, **named, **to})

    def _refresh_later(self) -> None:
        if not self._is_due:
            self._is_due = True
            get_session().dispatcher.loop.call_later(REFRESH_S, lambda: self._begin(self._push()))

    async def _push(self) -> None:
        """The page again, unasked: while a cell runs, the browser's own questions would wait for its end."""
        self._is_due = False
        asked, before = dict(self._view.asked), self._shown
        found, rows = await self._ledger(lambda: _look(asked))
        self._send_page(found, rows, who="", asked=asked)
        await self._send_posters([run for run in found.runs if run.id not in before])

    # --- pictures and videos ---------------------------------------------------------------------------------------

    async def _posters(self, asked: Asked) -> None:
        shown, ids = self._shown, _ids(asked)
        are_shown = all(each in shown for each in ids)  # the rule: the page has just been sent
        await self._send_posters([shown[each] for each in ids] if are_shown else await self._runs(asked))

    async def _send_posters(self, runs: list[Run]) -> None:
        for start in range(0, len(runs), POSTERS_A_MESSAGE):
            some = [run for run in runs[start : start + POSTERS_A_MESSAGE] if run.video]
            futures = [media.workers().submit(media.picture, run.video) for run in some]
            pictures = await asyncio.gather(*map(asyncio.wrap_future, futures))
            self._send(
                {"kind": "posters", "ids": [run.id for run in some]}, [each or b"" for each in pictures]
            )

    async def _video(self, asked: Asked) -> None:
        run = await self._run(asked)
        try:
            content, mime = await asyncio.wrap_future(media.workers().submit(media.moving, run.video))
        except (KieError, OSError) as exc:
            self._send({"kind": "no-video", "id": run.id, "why": visible(str(exc))})
        else:
            self._send({"kind": "video", "id": run.id, "mime": mime}, [content])

    async def _file(self, asked: Asked) -> None:
        """A part of the file itself; the browser asks for one after the other."""
        at = asked.get("at") if isinstance(asked.get("at"), int) else 0
        told = {"kind": "part", "who": asked.get("who"), "id": asked.get("id"), "at": at}
        try:
            run = await self._run(asked)
            size, content = await asyncio.wrap_future(media.workers().submit(media.part_of, run.video, at))
        except (KieError, OSError) as exc:
            self._send({**told, "why": visible(str(exc))}, [b""])
        else:
            name = visible(run.video.name) if run.video else ""
            self._send({**told, "size": size, "name": name, "mime": mime_of(name)}, [content])

    # --- what people say of a run ------------------------------------------------------------------------------------

    async def _tag(self, asked: Asked) -> None:
        tag = str(asked.get("tag"))
        for run in await self._runs(asked):
            await self._marked(run, lambda run: run.tag(tag) if asked.get("is_on") else run.untag(tag))

    async def _rate(self, asked: Asked) -> None:
        await self._marked(await self._run(asked), lambda run: run.rate(asked.get("stars") or None))

    async def _marked(self, run: Run, mark: Callable[[Run], Run]) -> None:
        try:
            await self._ledger(lambda: mark(run))
        finally:  # the tile says what is in the ledger, also when that is not what was clicked
            self._send({"kind": "tile", "tile": await self._ledger(lambda: tile(run))})

    # --- what is done with runs ----------------------------------------------------------------------------------------

    async def _handed(self, asked: Asked, use: Callable[[Run], object]) -> None:
        use(await self._run(asked))

    async def _copy(self, asked: Asked) -> None:
        run = await self._run(asked)
        text = await asyncio.wrap_future(media.workers().submit(cell_of, run))  # it reads the picture
        self._send({"kind": "cell", "who": asked.get("who"), "id": run.id, "text": text})

    async def _compare(self, asked: Asked) -> None:
        self._announce(Words.MEASURING)
        await self._show_below(asked, self._results.compare)

    async def _show_below(self, asked: Asked, show: Callable[[list[Run]], Coroutine[Any, Any, str]]) -> None:
        shown = asyncio.ensure_future(show(await self._runs(asked)))
        look_below = {"kind": "below", "who": asked.get("who")}
        await asyncio.sleep(0)  # the place is opened first, and filled when there is something
        self._send(look_below)
        self._announce(await shown)
        self._send(look_below)

    # --- helpers -----------------------------------------------------------------------------------------------------

    async def _run(self, asked: Asked) -> Run:
        return await self._ledger(lambda: get_session().get(str(asked.get("id"))))

    async def _runs(self, asked: Asked) -> list[Run]:
        """Those that are (still) in the folder, in the order that was asked."""
        ids = _ids(asked)
        return await self._ledger(lambda: [run for run in map(_find, ids) if run])

    async def _ledger(self, look: Callable[[], T]) -> T:
        return await get_session().dispatcher.ledger(look)

    def _announce(self, text: str) -> None:
        self._send({"kind": "announce", "text": text})

    def _send(self, content: dict[str, Any], buffers: list[bytes] | None = None) -> None:
        self._view.send(content, buffers)


def _asker(asked: Asked) -> tuple[str, int]:
    """Which page asks, and its number for the question."""
    number = asked.get("number")
    return str(asked.get("who")), number if isinstance(number, int) else 0


def _ids(asked: Asked) -> list[str]:
    """The runs that a message names."""
    ids = asked.get("ids")
    return [str(each) for each in ids[:MOST_IDS]] if isinstance(ids, list) else []


def _look(asked: Any) -> tuple[Found, list[dict[str, Any]]]:
    found = browse(get_session(), parse(asked))
    return found, [tile(run) for run in found.runs]


def _find(run_id: str) -> Run | None:
    try:
        return get_session().get(run_id)
    except KieError:  # the folder is another one by now
        return None
