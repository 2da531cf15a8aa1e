"""`kie-nb demo`: the shipped quickstart, executed headless on the simulator, or opened in JupyterLab."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from . import programs
from .errors import KieError
from .notebook.guides import shipped

NOTEBOOK = "quickstart.ipynb"
CELL_TIMEOUT_S = 300
# nbconvert's page loads RequireJS, MathJax, Mermaid and widgets from other hosts. The demo needs none of them, and no script; the
# policy keeps whatever a cell has put out from loading anything.
_OFFLINE = """{% extends 'index.html.j2' %}
{% block html_head_js %}<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; \
img-src data:; media-src data:; base-uri 'none'; form-action 'none'">{% endblock %}
{% block jupyter_widgets %}{% endblock %}
{% block html_head_js_mathjax %}{% endblock %}
{% block html_head_js_mermaidjs %}{% endblock %}"""


def run(folder: Path) -> int:
    """Execute the quickstart in *folder* and leave the notebook, an HTML copy and the video there."""
    import nbclient
    import nbformat

    folder = folder.absolute()
    notebook = nbformat.read(_shipped_beside(_unpack(folder)), as_version=4)
    before = set(folder.glob("kie-runs/videos/*.mp4"))
    start = time.monotonic()
    os.environ.setdefault("JUPYTER_PREFER_ENV_PATH", "1")  # this environment's kernel, no other
    client = nbclient.NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT_S,
        kernel_name="python3",
        extra_arguments=["--log-level=ERROR"],  # its warnings about sockets on loopback mean nothing here
        resources={"metadata": {"path": str(folder)}},
    )
    _show_progress(client, notebook)
    try:
        client.execute(env=environment(folder))
    except nbclient.exceptions.CellExecutionError as exc:
        print()
        words = f"A cell of the quickstart failed: {exc.ename}: {exc.evalue}"
        raise KieError(words, hint=f"see {folder}") from exc
    finally:
        executed = folder / "quickstart-executed.ipynb"
        nbformat.write(notebook, executed)
    page = folder / "quickstart.html"
    page.write_text(_html(notebook), encoding="utf-8")
    videos = {path for path in folder.glob("kie-runs/videos/*.mp4") if not path.name.endswith(".preview.mp4")}
    print(f"\ndone in {time.monotonic() - start:.0f} s; nothing was spent, the videos are simulated\n")
    print(f"  notebook  {executed}")
    print(f"  page      {page}   (plays with no server: open it in a browser)")
    for path in sorted(videos - before or videos):
        print(f"  video     {path}")
    print(
        "\nnext: `kie-nb demo --lab` opens the notebook; with KIE_API_KEY set, `%kie use kie` makes real videos"
    )
    return 0


def environment(folder: Path) -> dict[str, str]:
    """The environment of the demo's kernel: the simulator, its own home in *folder*, and every cell waits for its video.

    The user's own limits, team ledger and addresses do not apply.
    """
    state = os.environ.get("KIE_NB_STATE")  # where this machine can be written; no run is kept there
    return {
        **programs.environment(),
        "PYTHONSAFEPATH": "1",  # a file in *folder* is not taken for a module of the kernel's
        **({"KIE_NB_STATE": state} if state else {}),
        "KIE_NB_SERVICE": "simulator",
        "KIE_NB_WAIT": "1",
        "KIE_NB_HOME": str(folder / "kie-runs"),
    }


def open_lab(folder: Path, rest: Sequence[str]) -> int:
    """Open the quickstart in JupyterLab; what was changed in *folder* stays."""
    if find_spec("jupyterlab") is None:
        hint = "pip install 'kie_nb[lab]', then kie-nb demo --lab"
        raise KieError("JupyterLab is not installed here.", hint=hint)
    folder = folder.absolute()
    _unpack(folder)
    print(f"JupyterLab opens {folder / NOTEBOOK}; Ctrl-C ends it")
    return programs.run_module("jupyterlab", [str(folder / NOTEBOOK), *rest])


def _unpack(folder: Path) -> Path:
    """Put the quickstart and its photograph into *folder*; a file that is there is the user's and stays."""
    source = shipped()
    try:
        (folder / "images").mkdir(parents=True, exist_ok=True)
        for name in (NOTEBOOK, "images/chelsea.png", "images/CREDITS.md"):
            if not (folder / name).exists():
                shutil.copyfile(source / name, folder / name)
    except OSError as exc:
        words = f"{folder} cannot be written: {exc.strerror or exc}."
        raise KieError(words, hint="choose another with --dir") from exc
    return folder / NOTEBOOK


def _shipped_beside(copy: Path) -> Path:
    """The quickstart as it is shipped, never the user's *copy*, in which `%kie use kie` may stand: the demo is free."""
    source = shipped() / NOTEBOOK
    if copy.read_bytes() != source.read_bytes():
        print(f"{copy} is not as it was shipped: it stays as it is, and is not what is run here")
    return source


def _show_progress(client: Any, notebook: Any) -> None:
    codes = [index for index, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    started: dict[int, float] = {}

    def begin(cell: Any, cell_index: int) -> None:
        started[cell_index] = time.monotonic()
        title = cell.source.strip().splitlines()[0][:70] if cell.source.strip() else ""
        print(f"[{codes.index(cell_index) + 1}/{len(codes)}] {title}", end="", flush=True)

    def end(cell: Any, cell_index: int, **_more: Any) -> None:  # noqa: ARG001 - nbclient's names
        print(f"  {time.monotonic() - started[cell_index]:.1f} s", flush=True)

    client.on_cell_execute = begin
    client.on_cell_executed = end


def _html(notebook: Any) -> str:
    from nbconvert import HTMLExporter

    # By default templates are looked for in the current folder first, and a template is code.
    exporter = HTMLExporter(raw_template=_OFFLINE, extra_template_basedirs=[])
    return str(exporter.from_notebook_node(notebook)[0])
