"""Any value that holds a picture (path, URL, bytes, array, figure) → an address, a file's bytes, or a Pillow image.

A matplotlib layout (`tight`, `constrained`) moves the axes each time it is drawn, so that one figure would give another picture
each time. So a copy is drawn, whose axes start where a new figure's do.
"""

from __future__ import annotations

import contextlib
import copyreg
import io
import os
import pickle
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from ..errors import BadImage
from ..frontend import notebook_folder
from ..home import open_file
from .frames import frame_in
from .pixels import from_array

_SHOWN = {"picture": "Image", "video": "Video", "sound": "Audio"}  # displays and widgets
_NESTED = 5  # figures in figures
MOST_READ = 100_000_000  # bytes; what is above what the service takes may be scaled
_LONG, _IN_BASE64 = 100, ("iVBORw0KGgo", "/9j/", "UklGR")  # how PNG, JPEG and WebP begin there
_NEEDED = "pass a path, a URL, bytes, an open file, a PIL.Image, an array or a matplotlib figure"


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """A picture at hand: a file's bytes, or a picture of Pillow."""

    content: bytes | None = None
    image: Any = None
    name: str | None = None  # the file's
    what: str = "bytes"  # what it was held in
    link: dict[str, Any] | None = None  # the run that it is of


def is_url(source: Any) -> bool:
    """Whether *source* is an address rather than a path; a `file:` URL is a path."""
    schemes = ("http:", "https:", "data:", "ftp:")
    return isinstance(source, str) and source.lstrip().lower().startswith(schemes)


def unwrapped(source: Any) -> Any:
    """The address or the path where *source* is a text of one or a display that shows one; else *source* itself."""
    for name in _SHOWN.values():
        if _is(source, "IPython.display", name) and source.data is None:
            return source.url or source.filename
        if _is(source, "ipywidgets", name) and source.format == "url":
            return bytes(source.value).decode(errors="replace")
    if isinstance(source, str) and source.strip().lower().startswith("file:"):
        parts = urlsplit(source.strip())
        if parts.netloc.lower() not in {"", "localhost"}:
            raise BadImage(f"{source[:80]!r} is a file of another machine.", hint=_NEEDED)
        return url2pathname(parts.path)
    return source


def held_in(source: Any) -> Held:
    """The picture that *source* holds: everything but a URL; BadImage if it holds none."""
    source = unwrapped(source)
    if (frame := frame_in(source)) is not None:
        return Held(content=frame.content, name=frame.name, what="frame", link=frame.link)
    if _is(source, "PIL.Image", "Image"):
        return Held(image=source, what="PIL")
    for find in (_in_figure, file_in, _in_array):
        if (held := find(source)) is not None:
            return held
    if source is ...:
        words = "`...` stands in for the picture: this call was written without it."
        hint = "put the picture in its place: a path or a URL; the sha256 beside it tells which one it was"
        raise BadImage(words, hint=hint)
    raise BadImage(f"A value of type {type(source).__name__} is not a picture.", hint=_NEEDED)


def file_in(source: Any, *, noun: str = "picture", most: int = MOST_READ) -> Held | None:
    """The file that *source* holds or names, read no further than just beyond *most* bytes; None where it holds none."""
    source = unwrapped(source)
    if isinstance(source, bytes | bytearray | memoryview):
        return Held(content=bytes(source))
    if isinstance(source, str | os.PathLike):
        return _in_file(source, noun, most)
    return _in_widget(source, noun) or _in_stream(source, most)


def _is(source: Any, module: str, name: str) -> bool:
    """Whether *source* is of a class that can only exist if its module was imported already."""
    found = getattr(sys.modules.get(module), name, None)
    return found is not None and isinstance(source, found)


def _in_widget(source: Any, noun: str) -> Held | None:
    """Displays and widgets that keep a file's bytes."""
    shown = _SHOWN[noun]
    if _is(source, "IPython.display", shown):
        if not isinstance(source.data, bytes):
            raise BadImage(f"This {shown} display holds a text, not a {noun}.", hint=_NEEDED)
        name = Path(source.filename).name if source.filename else None
        return Held(content=source.data, name=name, what="display")
    if _is(source, "ipywidgets", shown):
        return Held(content=bytes(source.value), what="widget")
    is_widget = _is(source, "ipywidgets", "FileUpload")
    source = source.value if is_widget else source
    uploads = _uploads(source)
    if uploads is None and not is_widget:
        return None
    if uploads is None or len(uploads) != 1:
        found = f"holds no {noun} yet" if not uploads else f"holds {len(uploads)} {noun}s"
        one = "list(upload.value.values())[0]" if isinstance(source, Mapping) else "upload.value[0]"
        raise BadImage(f"The upload {found}.", hint=f"upload one; of several pass one: {one}")
    name, content = uploads[0]
    return Held(content=bytes(content), name=Path(name).name or None, what="upload")


def _uploads(value: Any) -> list[tuple[str, Any]] | None:
    """The uploads in a `FileUpload`'s value: of ipywidgets 8 a tuple of dicts, of 7 a dict of dicts, or one of them."""
    if isinstance(value, Mapping):
        if "content" in value:
            return [
                (str(value.get("name") or (value.get("metadata") or {}).get("name") or ""), value["content"])
            ]
        return [(str(name), one["content"]) for name, one in value.items() if _is_upload(one)] or None
    is_list = isinstance(value, tuple) or (isinstance(value, list) and value)
    if not is_list or not all(map(_is_upload, value)):
        return None
    return [upload for one in value for upload in _uploads(one) or ()]


def _is_upload(one: Any) -> bool:
    return isinstance(one, Mapping) and "content" in one


def _in_figure(source: Any) -> Held | None:
    """matplotlib's, and what is drawn in one: axes, an array of them, a line, a grid of seaborn."""
    if "matplotlib.figure" not in sys.modules:
        return None
    if _is(source, "numpy", "ndarray") and source.dtype == object and source.size:
        source = source.flat[0]
    for _ in range(_NESTED):
        if _is(source, "matplotlib.figure", "Figure"):
            break
        source = getattr(source, "figure", None)  # of a figure in a figure it is the one around it
    else:
        return None
    return Held(content=_rendered(source), what="figure")


def _in_stream(source: Any, most: int) -> Held | None:
    """An open file, a `BytesIO`, or a resource of a package."""
    if isinstance(source, io.TextIOBase):
        raise BadImage("The file is open as text.", hint="open it in mode 'rb': open(path, 'rb')")
    read = getattr(source, "read", None)
    if read is None and callable(getattr(source, "read_bytes", None)):
        return Held(content=source.read_bytes(), name=str(getattr(source, "name", "")) or None, what="file")
    if not callable(read):
        return None
    try:
        place = source.tell() if source.seekable() else None
        if place is not None:
            source.seek(0)
        content = read(most + 1)
        if place is not None:
            source.seek(place)
    except (OSError, ValueError) as exc:
        why = "it is open for writing" if isinstance(exc, io.UnsupportedOperation) else str(exc).rstrip(".")
        hint = "open it in mode 'rb' and pass it open"
        raise BadImage(f"The open file cannot be read: {why}.", hint=hint) from None
    if not isinstance(content, bytes | bytearray):
        words = f"Reading the {type(source).__name__} gives no bytes, but a {type(content).__name__}."
        raise BadImage(words, hint="open it in mode 'rb'")
    named = getattr(source, "name", None)
    is_name = isinstance(named, str) and not named.startswith("<")  # "<urllib response>" is none
    return Held(content=bytes(content), name=Path(named).name if is_name else None, what="file")  # type: ignore[arg-type]


def _in_array(source: Any) -> Held | None:
    """numpy's, and whatever gives itself as one: torch, jax, OpenCV."""
    if not (_is(source, "numpy", "ndarray") or hasattr(source, "__array__")):
        return None
    import numpy as np

    try:
        array = np.asarray(source)
    except Exception as exc:  # noqa: BLE001 - a library's own classes
        reason = str(exc).partition("\n")[0][:200].rstrip(".")
        words = f"A {type(source).__name__} cannot be read as an array: {reason}."
        raise BadImage(words, hint="of a tensor pass tensor.detach().cpu().numpy()") from None
    return Held(image=from_array(array), what="array")


def _in_file(source: str | os.PathLike[str], noun: str, most: int) -> Held:
    text = os.fspath(source)
    try:
        path = Path(source).expanduser()
        is_folder = path.is_dir()
        file = None if is_folder else open_file(path)
    except FileNotFoundError:
        # The folder's name alone: this is shown in notebooks, whose readers the folders above it do not concern.
        where = "" if path.is_absolute() else f" in the folder {Path.cwd().name!r}"
        raise BadImage(f"There is no file {text[:300]!r}{where}.", hint=_hint(text, path)) from None
    except (OSError, ValueError, RuntimeError) as exc:  # RuntimeError: the home of a user that there is not
        words = f"{text[:120]!r} cannot be read: {getattr(exc, 'strerror', None) or exc}."
        raise BadImage(words, hint=_quoting(text) or "check the path") from None
    if file is None:
        raise BadImage(f"{text or '.'} is a folder, not a {noun}.", hint="name a file in it")
    with file:
        try:
            return Held(content=file.read(most + 1), name=path.name, what="file")
        except OSError as exc:
            raise BadImage(f"{path.name} cannot be read: {exc.strerror or exc}.") from None


def _hint(text: str, path: Path) -> str:
    """What was meant, where the text itself tells."""
    if told := _quoting(text) or _shell_variable(text):
        return told
    if "{" in text:
        return "--format on the line fills {names} in; in Python an f-string does"
    if re.fullmatch(r"[A-Za-z_][\w.]*\(.*\)", text):
        return (
            f"an option takes no call: assign it in a cell before, frame = {text}, and give the name: frame"
        )
    if scheme := re.match(r"([a-z][a-z0-9+.-]+):/", text, re.IGNORECASE):
        return f"a file of {scheme[1]}: is not fetched from here: download it and pass the file, or give an https address"
    if not path.is_absolute() and re.match(r"(www\.|[\w-]+(\.[\w-]+)*\.(com|org|net|io|dev|ai|co)/)", text):
        return f"if it is an address: https://{text}"
    return _similar(path)


def _shell_variable(text: str) -> str | None:
    found = re.search(r"\$\{?(\w+)\}?|%\w+%", text)
    if found is None:
        return None
    expanded = os.path.expandvars(text)
    if expanded != text:
        with contextlib.suppress(RuntimeError):
            home = str(Path.home())
            if expanded.startswith(home + os.sep):  # the folders above it concern no reader of the notebook
                expanded = f"~{expanded.removeprefix(home)}"
        return f"variables of the shell are not filled in; write {expanded}"
    return f"variables of the shell are not filled in, and {found[1]} is not set" if found[1] else None


def _quoting(text: str) -> str | None:
    bare = text.strip()
    if len(bare) > _LONG and bare.startswith(_IN_BASE64):
        return "it is a picture in base64: pass base64.b64decode(text)"
    if bare != text:
        return f"leave the blanks around it out: {bare}"
    around = {'""': "quotes", "''": "quotes", "<>": "angle brackets", "``": "backquotes"}
    name = around.get(bare[:1] + bare[-1:]) if len(bare) > 2 else None  # noqa: PLR2004
    return f"leave the {name} out: {bare[1:-1]}" if name else None


def _similar(path: Path) -> str:
    import difflib

    with contextlib.suppress(OSError):
        names = [entry.name for entry in path.parent.iterdir()]
        if near := difflib.get_close_matches(path.name, names, n=3, cutoff=0.6):
            return f"did you mean {' or '.join(near)}?"
    # A runner may have started the kernel elsewhere than beside the notebook.
    here, notebook = Path.cwd(), notebook_folder()
    if notebook in {None, here}:
        return "check the path; it counts from the notebook's folder"
    return (
        f"the path counts from the folder that the kernel runs in, {here.name!r}, and the notebook is in {notebook.name!r}; "
        "papermill's --cwd chooses the kernel's"
    )


def _rendered(figure: Any) -> bytes:
    buffer = io.BytesIO()
    try:
        copy = _copy_of(figure)
    except Exception:  # noqa: BLE001 - a function in a formatter, say: no pickle holds it
        put_back = _positions_of(figure)
        try:
            _save(figure, buffer)
        finally:
            put_back()
    else:
        _save(copy, buffer)
    return buffer.getvalue()


def _save(figure: Any, buffer: io.BytesIO) -> None:
    if figure.get_layout_engine() is not None:
        _begin_anew(figure)
    figure.savefig(buffer, format="png", metadata={"Software": None})  # its version would be in the bytes


def _begin_anew(figure: Any) -> None:
    """Put all axes of a grid where they are in a figure that was never drawn."""
    figure.subplotpars.update(**vars(type(figure.subplotpars)()))
    for axes in figure.axes:
        spec = axes.get_subplotspec()
        if spec is not None:
            _place(axes, spec.get_position(axes.figure), "both")
    for axes in figure.axes:  # a colour bar of several axes has no place in the grid
        around = getattr(axes, "_colorbar_info", {}).get("parents", ())
        if around and axes.get_subplotspec() is None:
            union = type(around[0].bbox).union([one.get_position(original=True) for one in around])
            _place(axes, union, "both")


def _positions_of(figure: Any) -> Callable[[], None]:
    """Where its axes are; calling it puts them back."""
    found = [(axes, axes.get_position(original=True), axes.get_position()) for axes in figure.axes]
    spaces = dict(vars(figure.subplotpars))

    def put_back() -> None:
        vars(figure.subplotpars).update(spaces)
        for axes, original, active in found:
            _place(axes, original, "original")
            _place(axes, active, "active")

    return put_back


def _place(axes: Any, position: Any, which: str) -> None:
    in_layout = axes.get_in_layout()
    axes.set_position(position, which)
    axes.set_in_layout(in_layout)


def _copy_of(figure: Any) -> Any:
    class Pickler(pickle.Pickler):
        def reducer_override(self, found: Any) -> Any:
            if found is not figure:
                return NotImplemented
            state = figure.__getstate__()
            # Else the copy would be shown below the cell as one more figure.
            state.pop("_restore_to_pylab", None)
            return copyreg.__newobj__, (type(figure),), state  # type: ignore[attr-defined]

    buffer = io.BytesIO()
    Pickler(buffer).dump(figure)
    return pickle.loads(buffer.getvalue())  # noqa: S301 - made in the line above
