"""The comparison of two videos as it is shown: the verdict, the figures, and a strip of frames of both."""

from __future__ import annotations

import math
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from pydantic import TypeAdapter

from .. import design, tables
from ..engine.waiting import wait_blocking
from ..engine.workers import Piece
from ..errors import InvalidRequest
from ..frontend import is_watched
from ..handles import Run, get_session
from ..home import is_plain_file
from ..markup import ROOT, Html, data_url, html, joined
from ..saved import SavedFile
from ..stores import bring
from ..text import visible
from ..video import Likeness, NotAVideo, Side, compare_videos, is_media, make_strip
from ..wording import Compare
from .verdict import Judgement, Verdict, judge
from .wall_media import Media, for_file, for_notebook
from .wall_page import Part, page_of, save_page, wall_part
from .wall_tiles import Pair

if TYPE_CHECKING:
    from tqdm import tqdm

T = TypeVar("T")
Row = tuple[str, str, str]
Compared = Run | str | os.PathLike[str]
_Measured = tuple[Likeness, bytes]  # and the strip


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """How alike two videos are; it shows itself as two players in lock step, a sentence, and the numbers below it.

    Attributes:
        likeness: The figures.
        judgement: What they mean.
        strip: A JPEG: the same moments of both above each other.
        pair: Both videos.
    """

    first: str
    second: str
    likeness: Likeness
    judgement: Judgement
    strip: bytes = field(repr=False)
    pair: Pair = field(repr=False)

    @property
    def verdict(self) -> Verdict:
        """Same bytes, same frames, same look, alike or different."""
        return self.judgement.verdict

    @property
    def sentence(self) -> str:
        """What the verdict means, plainly."""
        return self.judgement.sentence

    def __repr__(self) -> str:
        shown = [tables.as_text(heads, rows, caption=caption) for heads, rows, caption in self._tables]
        return "\n".join(
            [self.sentence, *shown, *(visible(f"- {reason}") for reason in self.judgement.reasons)]
        )

    def html(self) -> Html:
        """What a notebook keeps: it plays with no kernel and no network."""
        return _in_worker(self.part, for_notebook()).html

    _repr_html_ = html

    def save(self, path: str | os.PathLike[str], *, embed_mb: float = 20.0) -> SavedFile:
        """Write a page of it that plays in any browser; see `Wall.save`."""
        limit = int(embed_mb * 1e6)

        def text(folder: Path) -> str:
            return page_of(self.pair.title, _in_worker(self.part, for_file(folder, limit=limit)))

        return save_page(path, text)

    def said(self) -> Html:
        """The sentence, and below it, folded, the tables of both videos and of the figures, the reasons and a strip of frames."""
        sides, figures = (
            tables.as_html(heads, rows, caption=caption) for heads, rows, caption in self._tables
        )
        return html(
            '<div {} style="{}"><p role="status" style="font-size:15px;font-weight:600;margin:8px 0">{}</p>'
            '<details><summary style="cursor:pointer">{}</summary><div style="padding-top:8px;overflow-x:auto">{}'
            '<div style="padding-top:8px">{}</div><div style="padding:4px 0">{}</div>'
            '<img alt="{}" style="display:block;max-width:100%" src="{}"></div></details></div>',
            ROOT,
            design.FONT,
            self.sentence,
            Compare.NUMBERS,
            sides,
            figures,
            joined(tables.as_html((), (), caption=reason) for reason in self.judgement.reasons),
            f"Frames of {self.first}, above those of {self.second}",
            data_url(self.strip),
        )

    def part(self, media: Media) -> Part:
        """The players above what is said."""
        players = wall_part(self.pair, media)
        return replace(players, html=players.html + self.said())

    @property
    def _tables(self) -> Iterator[tuple[Row, Sequence[Row], str]]:
        """Headings, rows and caption: first of each video by itself, then of both together."""
        found, share = self.likeness, self.judgement.share
        seen = found.seen
        one, other = found.first, found.second
        if found.sound is not None:
            sound = (_loudness(found.sound.rms[0]), _loudness(found.sound.rms[1]))
        else:
            sound = ("yes" if one.has_sound else "none", "yes" if other.has_sound else "none")
        sides = [
            ("file", one.name, other.name),
            ("sha256", one.sha256[:12], other.sha256[:12]),
            ("picture", _picture(one), _picture(other)),
            ("sound", *sound),
        ]
        yield ("video", "first", "second"), sides, f"{self.verdict}: {self.first} and {self.second}"
        against = f"{share:.2f} of the {self.judgement.spread:.4f} between seeds" if share is not None else ""
        figures = [
            ("SSIM", f"{found.ssim:.4f}", f"at worst {found.ssim_min:.4f}"),
            ("distance (1 - SSIM)", f"{found.distance:.4f}", against),
            (
                Compare.COLOUR,
                f"{seen.colour:.1f}",
                Compare.LIGHTER.format(lightness=f"{seen.lightness:+.1f}"),
            ),
            (
                Compare.OUTLINE,
                f"{seen.outline:.4f}",
                Compare.AT_WORST.format(figure=f"{seen.outline_min:.4f}"),
            ),
            (Compare.MOMENT, *_moment(found)),
            ("compared", f"{tables.counted(found.pairs, 'pair')} of frames", f"{found.compared_s:g} s"),
        ]
        yield ("", "", ""), figures, "measured between the two"


def compare(
    first: Compared,
    second: Compared,
    *,
    spread: float | None = None,
    remarks: Sequence[str] = (),
) -> Comparison:
    """Compare two videos, given as files or as runs; see `kie_nb.compare`. *remarks* are said beside the reasons."""
    return compare_all([(first, second)], spread=spread, remarks=remarks)[0]


def compare_all(
    pairs: Sequence[tuple[Compared, Compared]], *, spread: float | None = None, remarks: Sequence[str] = ()
) -> list[Comparison]:
    """The same of many pairs, which are measured beside each other."""
    paths = [(_file_of(first), _file_of(second)) for first, second in pairs]
    submit = get_session().measures.submit
    try:
        measured = results([submit(_MEASURE, *map(str, both)) for both in paths])
        judged = [judge(likeness, spread) for likeness, _ in measured]
    except NotAVideo as exc:
        raise InvalidRequest(f"{exc}.", charged="") from exc
    except OSError as exc:
        name = Path(exc.filename).name if exc.filename else "a file"
        raise InvalidRequest(f"{name} cannot be read: {exc.strerror or exc}.", charged="") from exc
    except ValueError as exc:  # a name that no file can have, or a spread that is none
        raise InvalidRequest(f"Nothing was compared: {exc}.", charged="") from exc
    return [_comparison(*each, remarks) for each in zip(pairs, paths, measured, judged, strict=True)]


def _comparison(
    pair: tuple[Compared, Compared],
    paths: Sequence[Path],
    measured: _Measured,
    judgement: Judgement,
    remarks: Sequence[str],
) -> Comparison:
    first, second = pair
    likeness, strip = measured
    altered = _altered((first, likeness.first), (second, likeness.second))
    names = [each.label if isinstance(each, Run) else Path(each).name for each in (first, second)]
    sides = [
        (_titled(each, name), each if isinstance(each, Run) else None, path)
        for each, name, path in zip((first, second), names, paths, strict=True)
    ]
    return Comparison(
        pair=Pair(sides, title=" · ".join(names)),
        first=names[0],
        second=names[1],
        likeness=likeness,
        judgement=replace(judgement, reasons=(*judgement.reasons, *remarks, *altered)),
        strip=strip,
    )


def _in_worker(make: Callable[[Media], Part], media: Media) -> Part:
    """Small copies of the videos are made where they are not there, which takes a moment."""
    (part,) = results([get_session().previews.submit(make, media)])
    return part


def _titled(given: Compared, name: str) -> str:
    return f"{name}, seed {given.seed}" if isinstance(given, Run) and given.seed is not None else name


def _altered(*sides: tuple[object, Side]) -> list[str]:
    """What limits the verdict: a file is damaged, or is not the one that the run fetched."""
    runs = [(given, side) for given, side in sides if isinstance(given, Run)]
    damaged = [f"{run.label}: {text}" for run, _ in runs for text in run.damage]
    return damaged + [
        f"the video of {run.label} was altered since it was fetched: this is said of the file as it is now"
        for run, side in runs
        if run.row.video_sha256 not in {None, side.sha256}
    ]


def _measure(first: str, second: str) -> _Measured:
    """The figures and the strip; runs in a worker."""
    likeness = compare_videos(first, second)
    with tempfile.TemporaryDirectory(prefix="kie-nb-") as folder:
        strip = make_strip([Path(first), Path(second)], Path(folder) / "strip.jpg").read_bytes()
    return likeness, strip


def _as_measured(answer: Any, first: str, second: str) -> _Measured:
    """What a worker elsewhere has measured, if it is of these files; ValueError for what cannot be."""
    found, strip = answer
    likeness = TypeAdapter(Likeness).validate_python(asdict(found))
    for path, side in ((first, likeness.first), (second, likeness.second)):
        if Path(path).stat().st_size != side.bytes:
            raise ValueError("its workers see other files")
    if not -1 <= likeness.ssim_min <= likeness.ssim <= 1 or not bytes(strip).startswith(b"\xff\xd8"):
        raise ValueError("its workers measure otherwise")
    return likeness, bytes(strip)


_MEASURE = Piece(_measure, _as_measured)


def results(
    jobs: Sequence[Future[T]], *, goes_on: str = "nothing was bought for it.", hint: str = ""
) -> list[T]:
    """What workers have measured; a bar where many take long.

    Raises:
        WaitInterrupted: you pressed ■; what has not begun is dropped.
        Exception: what went wrong in a worker.
    """
    found = []
    try:
        with progress(len(jobs), "comparison") as bar:
            for job in jobs:
                wait_blocking(job, timeout_s=None, goes_on=f"the measuring was dropped; {goes_on}", hint=hint)
                found.append(job.result())
                bar.update()
    finally:
        for job in jobs[len(found) :]:
            job.cancel()
    return found


def progress(total: int, unit: str) -> tqdm[NoReturn]:
    """A bar on stderr, after two seconds, where a person watches."""
    from tqdm import tqdm

    tqdm.set_lock(threading.RLock())  # its own is for several processes, and may start one
    is_seen = is_watched() or sys.stderr.isatty()
    return tqdm(total=total, unit=f" {unit}", delay=2.0, leave=False, disable=not is_seen, ascii=".#")


def _file_of(given: Compared) -> Path:
    if not isinstance(given, Run):
        return Path(given)
    if given.video is None:
        raise InvalidRequest(
            f"{given.label} has no video on disk: its state is {given.state}.",
            hint="" if given.is_final else "wait for it with run.wait()",
            charged="",
        )
    bring(given.video)
    if is_plain_file(given.video) and not is_media(given.video):
        raise InvalidRequest(f"The file of {given.label} is neither a video nor a picture.", charged="")
    return given.video


def _picture(side: Side) -> str:
    return f"{side.width} × {side.height}, {tables.counted(side.frames, 'frame')}, {side.duration_s:g} s"


def _moment(found: Likeness) -> tuple[str, str]:
    words = Compare.EARLIER if found.shift_s > 0 else Compare.LATER
    return (words.format(seconds=f"{abs(found.shift_s):g}") if found.shift_s else Compare.IN_STEP), ""


def _loudness(rms: float) -> str:
    return f"{20 * math.log10(rms):.1f} dBFS" if rms > 0 else "silence"
