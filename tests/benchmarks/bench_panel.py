"""What the panel and its gallery cost with a large ledger; run by hand, prints tables.

    python tests/benchmarks/bench_panel.py
    python tests/benchmarks/bench_panel.py --only wire --runs 20000

wire     in a real kernel: the messages and bytes that open it, the size of its saved state, and the time from a question to its
         answer, the kernel being asked as a browser asks it.
browser  in a real JupyterLab: the time from the last letter typed to the answer on screen, and the gaps between frames meanwhile.

The runs share a few real videos, whose posters are made at first sight as anybody's are.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import manyruns
from bench_notebook import kernel
from labdriver import Browser, Notebook, Server, find_chromium, write_notebook

GALLERY = """
from kie_nb.notebook.gallery import Gallery
gallery = Gallery(print, print)
gallery.box
"""
PANEL = """
import kie_nb
panel = kie_nb.panel()
panel
"""
STATE = """
import json
from ipywidgets import Widget
states = Widget.get_manager_state()["state"]
gallery = next(id for id, each in states.items() if each["state"].get("_anywidget_id", "").endswith(".GalleryWidget"))
print(json.dumps([gallery, len(states), len(json.dumps(states)), len(json.dumps(states[gallery]))]))
"""
QUESTIONS = {
    "newest, page 1": {},
    "newest, last page": {"page": 10**6},
    "best rated": {"order": "best"},
    "dearest, page 100": {"order": "dearest", "page": 100},
    "search: in a storm": {"text": "in a storm"},
    "search: take 4999": {"text": "take 4999"},
    "search: nothing found": {"text": "no such thing"},
    "tag, 3 stars": {"tag": "best", "least_rating": 3},
}
WATCH = """
() => {
  window.gaps = [];
  let last = performance.now();
  const look = (now) => { window.gaps.push(now - last); last = now; window.watching && requestAnimationFrame(look); };
  window.watching = true;
  requestAnimationFrame(look);
}
"""


def ways():
    """What can be opened with this version."""
    import kie_nb

    return {"gallery": GALLERY, **({"panel": PANEL} if "panel" in kie_nb.__all__ else {})}


def ask(fresh, model, content, answers):
    """Send a custom message as a browser does; the seconds to the last of *answers* messages, and their bytes."""
    client = fresh._client
    start = time.perf_counter()
    known = {"comm_id": model, "data": {"method": "custom", "content": {"who": "bench", **content}}}
    client.shell_channel.send(client.session.msg("comm_msg", known))

    def came():
        found = [m for m in fresh.since(start) if m.kind == "comm_msg" and b'"custom"' in m.frames]
        return found if len(found) >= answers else None

    found = fresh.until(came)
    return found[-1].at - start, found


def wire(args):
    for name, code in ways().items():
        with kernel() as fresh, tempfile.TemporaryDirectory() as home:
            manyruns.fill(home, args.runs)
            fresh.run(f"%load_ext kie_nb\nimport kie_nb; kie_nb.configure(home={home!r})")
            _, took, start, idle = fresh.run(code)
            opened = [m for m in fresh.since(start, idle) if m.kind.startswith(("comm", "display"))]
            model, models, state, own = json.loads(fresh.run(STATE)[0].strip().splitlines()[-1])
            print(f"wire: the {name} with {args.runs} runs")
            print(f"{'':28}{'messages':>10}{'kB':>10}{'ms':>10}")
            row("the cell that opens it", len(opened), opened, took)
            seconds, page = ask(fresh, model, {"kind": "page", "number": 1, "asked": {}}, 1)
            row("first page", len(page), page, seconds)
            ids = [row["id"] for row in rows_of(page[0])]
            for title in ("its posters, made", "its posters, again"):
                seconds, found = ask(fresh, model, {"kind": "posters", "ids": ids}, -(-len(ids) // 8))
                row(title, len(found), found, seconds)
            for title in ("a preview, made", "a preview, again"):
                seconds, found = ask(fresh, model, {"kind": "video", "id": ids[0]}, 1)
                row(title, len(found), found, seconds)
            print(
                f"saved state: {models} models, {state / 1000:.1f} kB; of the gallery {own / 1000:.1f} kB, its code included\n"
            )
            print(f"{'question':28}{'median ms':>10}{'slowest':>10}{'kB':>10}")
            number = 1
            for title, asked in QUESTIONS.items():
                times = []
                for _ in range(args.times):
                    number += 1
                    seconds, found = ask(fresh, model, {"kind": "page", "number": number, "asked": asked}, 1)
                    times.append(seconds * 1000)
                size = sum(m.size for m in found) / 1000
                print(f"{title:28}{statistics.median(times):>10.1f}{max(times):>10.1f}{size:>10.1f}")
            print()


def row(title, count, messages, seconds):
    print(f"{title:28}{count:>10}{sum(m.size for m in messages) / 1000:>10.1f}{seconds * 1000:>10.0f}")


def rows_of(message):
    """The rows of a page, from the bytes of its message."""
    text = message.frames.decode("utf-8", errors="replace")
    return json.JSONDecoder().raw_decode(text[text.index('{"data"') :])[0]["data"]["content"]["rows"]


def browser(args):
    with tempfile.TemporaryDirectory() as place:
        root, private = Path(place) / "root", Path(place) / "private"
        private.mkdir(parents=True)
        manyruns.fill(root / "kie-runs", args.runs)
        write_notebook(root / "n.ipynb", GALLERY)
        with Browser(find_chromium(), artifacts=place) as chromium, Server(root, private=private) as lab:
            nb = Notebook(chromium, lab, "n.ipynb").open()
            start = time.perf_counter()
            nb.run_cell(0)
            seen = "c => [...c.querySelectorAll('.kg-tile img')].filter(i => i.naturalWidth).length === 24"
            nb.wait_dom(0, seen)
            opened = time.perf_counter() - start
            print(
                f"browser: {args.runs} runs, a page with all its posters {opened * 1000:.0f} ms after the cell began"
            )
            print(f"{'typing':28}{'answer ms':>10}{'frames':>10}{'p95 ms':>10}{'longest':>10}")
            count = "c => c.querySelector('.kg-status').innerText"
            for words in ("nothing typed", "in a storm", "take 12", "glacier turns"):
                before = nb.cell(0).evaluate(count)
                nb.page.evaluate(WATCH)
                took = 0.0
                if words != "nothing typed":
                    nb.cell(0).get_by_label("Search prompts").fill("")
                    nb.cell(0).get_by_label("Search prompts").press_sequentially(words, delay=60)
                    last = time.perf_counter()
                    expected = sum(words in manyruns.prompt_of(n) for n in range(args.runs))
                    nb.wait_dom(0, f"c => ({count})(c).startsWith('{expected:,} video')")
                    took = time.perf_counter() - last
                    assert nb.cell(0).evaluate(count) != before
                else:
                    nb.page.wait_for_timeout(1500)
                gaps = sorted(nb.page.evaluate("() => { window.watching = false; return window.gaps; }"))
                print(
                    f"{words:28}{took * 1000:>10.0f}{len(gaps):>10}{gaps[int(len(gaps) * 0.95)]:>10.1f}{gaps[-1]:>10.1f}"
                )
            print("the answer's time includes the 250 ms that the browser waits for another letter")


if __name__ == "__main__":
    parts = {"wire": wire, "browser": browser}
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=tuple(parts), help="one part instead of all")
    parser.add_argument("--runs", type=int, default=5000, help="finished runs in the ledger")
    parser.add_argument("--times", type=int, default=9, help="times that each question is asked")
    chosen = parser.parse_args()
    for key, part in parts.items():
        if chosen.only in {None, key}:
            part(chosen)
