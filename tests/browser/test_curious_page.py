"""A page that the user happens to have open knocks at the simulator's port; and the demo's page knocks at nobody's."""

import functools
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from demopage import OUTPUTS, notebook

from kie_nb import demo
from kie_nb.simulator import Fault, Simulator

HOSTS = ("127.0.0.1", "localhost", "page.localhost")
# What a page can do to a port that does not want it. Each ends, whatever comes of it.
KNOCK = """async (base) => {
    const order = JSON.stringify({ model: "wan/2-5-text-to-video", input: { prompt: "x", duration: "5" } });
    const key = { Authorization: "Bearer simulator" };
    const tries = {
        read: () => fetch(base + "/_sim/state").then((r) => r.text()),
        purse: () => fetch(base + "/_sim/credits", { method: "POST", mode: "no-cors", body: '{"credits": 1}' }),
        faults: () => fetch(base + "/_sim/faults", { method: "POST", mode: "no-cors", body: "[]" }),
        put: () => fetch(base + "/_sim/faults", { method: "PUT", headers: { "Content-Type": "application/json" }, body: "[]" }),
        clear: () => fetch(base + "/_sim/faults", { method: "DELETE" }),
        create: () => fetch(base + "/api/v1/jobs/createTask", { method: "POST", headers: key, body: order }),
        image: () => new Promise((done) => {
            const image = new Image();
            image.onload = () => done("loaded");
            image.onerror = () => done(null);
            image.src = base + "/api/v1/chat/credit";
        }),
        frame: () => new Promise((done) => {
            const frame = document.body.appendChild(document.createElement("iframe"));
            frame.name = "form";
            const form = document.body.appendChild(document.createElement("form"));
            Object.assign(form, { method: "POST", action: base + "/_sim/credits", enctype: "text/plain", target: "form" });
            form.innerHTML = `<input name='{"credits": 2, "x": "' value='"}'>`;
            frame.onload = () => done(null);
            form.submit();
            setTimeout(() => done(null), 3000);
        }),
    };
    const got = {};
    for (const [name, knock] of Object.entries(tries)) {
        try { got[name] = await knock() ?? null; } catch (error) { got[name] = null; }
        if (got[name] instanceof Response) got[name] = got[name].type === "opaque" ? null : await got[name].text();
    }
    return got;
}"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_args):
        pass


@pytest.fixture
def elsewhere(tmp_path):
    """The port of a site of somebody else's, on this machine because tests have no other."""
    (tmp_path / "index.html").write_text("<!doctype html><title>a page</title>")
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("keys", [None, {"a key of this process"}], ids=["any key", "embedded"])
def test_pages_elsewhere_get_and_change_nothing(chromium, elsewhere, keys):
    """Fetch, form, picture and frame, from another origin, another site, and another port of this one."""
    faults = [Fault(call="credits", kind="455")]
    with Simulator(tiny=True, faults=faults, keys=keys) as sim:
        pages = {host: chromium.page() for host in HOSTS}
        for host, page in pages.items():  # all knock at once
            page.goto(f"http://{host}:{elsewhere}/")
            page.evaluate(f"(base) => {{ window.knocked = ({KNOCK})(base); }}", sim.base_url)

        for host, page in pages.items():
            got = page.evaluate("() => window.knocked")
            assert set(got.values()) == {None}, (host, got)
            page.close()
        assert sim.balance == 10_000
        assert sim.faults == faults
        assert sim.tasks == []
        assert not sim.counts


def test_a_video_can_be_watched_from_a_notebook(chromium, elsewhere):
    """Its link works in a `<video>` of another origin, which cannot read it: a link of the service does too."""
    page = chromium.page()
    with Simulator(tiny=True, speed=50.0, keys={"k"}) as sim:
        import httpx

        order = {
            "model": "wan/2-5-text-to-video",
            "input": {"prompt": "x", "duration": "5", "resolution": "720p"},
        }
        headers = {"Authorization": "Bearer k"}
        httpx.post(f"{sim.base_url}/api/v1/jobs/createTask", json=order, headers=headers, trust_env=False)
        page.goto(f"http://127.0.0.1:{elsewhere}/")
        page.wait_for_timeout(500)
        while sim.tasks[0].state != "success":
            page.wait_for_timeout(50)
        url = f"{sim.base_url}/media/{sim.tasks[0].task_id}_0.mp4"
        seen = page.evaluate(
            """(url) => new Promise((done) => {
                const video = document.body.appendChild(document.createElement("video"));
                video.onloadeddata = () => done(video.videoWidth);
                video.onerror = () => done("error");
                video.src = url;
            })""",
            url,
        )
        read = page.evaluate("(url) => fetch(url).then(() => 'read', () => 'refused')", url)
    page.close()

    assert isinstance(seen, int)
    assert read == "refused"


def test_the_page_of_the_demo_asks_for_nothing(chromium, tmp_path):
    """Also where a cell has put out tags that load something."""
    path = tmp_path / "quickstart.html"
    path.write_text(demo._html(notebook(*OUTPUTS)), encoding="utf-8")
    asked = []
    page = chromium.page()
    page.on("request", lambda request: asked.append(request))  # noqa: PLW0108 - Playwright takes no builtin
    page.goto(path.as_uri(), wait_until="load")
    page.wait_for_timeout(1000)
    length = page.evaluate("document.body.innerText.length")
    page.close()

    assert length > 500
    went_out = [one for one in asked if not one.url.startswith(("file:", "data:"))]
    assert [(one.url, one.failure) for one in went_out if one.failure != "csp"] == []
