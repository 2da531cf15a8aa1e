"""Real kernels over a quick simulator in the test's own process, which counts what reaches it.

A kernel sees no KIE_ variable but those a test gives it, and a HOME of its own; its output goes to a log.
"""

import os
import queue
import re
import signal
import time

import kernelforks
from PIL import Image

from kie_nb.simulator import Simulator

LOAD = "%load_ext kie_nb"
CELL = "%%kie_wan --image cat.png --seed 7 -o clip\nThe cat smiles."
SCRUBBED = ("KIE_", "IPYTHON", "XDG_", "JUPYTER")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class Cell:
    """One executed cell as a notebook would keep it: updates of a display have replaced what was shown first."""

    def __init__(self):
        self.reply = None
        self.is_idle = False
        self.outputs = []

    @property
    def status(self):
        return self.reply["status"]

    @property
    def text(self):
        """Streams and the plain text of displays."""
        return "".join(
            output["text"] if "text" in output else output["data"].get("text/plain", "")
            for output in self.outputs
            if "text" in output or "data" in output
        )

    @property
    def html(self):
        return "".join(output["data"].get("text/html", "") for output in self.outputs if "data" in output)

    @property
    def error(self):
        """What the cell shows of its error, without colours; empty if it had none."""
        lines = [line for output in self.outputs for line in output.get("traceback", [])]
        return _COLOUR.sub("", "\n".join(lines))


class Kernel:
    """An ipykernel, spoken to as a front end does. Cells may be queued with `submit`."""

    def __init__(self, folder, private, environment, *, is_forked=True):
        self.folder, self.log = folder, private / "kernel.log"
        self.cells, self.password_prompts, self.answers = {}, [], []
        self.comms = []
        self._displays = {}
        os.environ["JUPYTER_PREFER_ENV_PATH"] = (
            "1"  # this environment's kernel, not another one of the user's
        )
        manager = kernelforks.manager_class(is_forked=is_forked)
        self._manager = manager(kernel_name="python3", connection_file=str(private / "connection.json"))
        with self.log.open("ab") as log:
            self._manager.start_kernel(cwd=str(folder), env=environment, stdout=log, stderr=log)
        self._client = self._manager.blocking_client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=60)

    def run(self, code, *, timeout_s=60):
        """Execute to the end."""
        return self.result(self.submit(code), timeout_s=timeout_s)

    def value(self, expression, **more):
        """What an expression is, by its repr."""
        cell = self.run(f"print(repr({expression}), end='')", **more)
        assert cell.status == "ok", cell.error
        return cell.text

    def submit(self, code):
        """Queue a cell."""
        content = {
            "code": code, "silent": False, "store_history": True, "user_expressions": {},
            "allow_stdin": bool(self.answers), "stop_on_error": True,
        }  # fmt: skip
        # As Lab does, so that the kernel knows that somebody watches.
        message = self._client.session.msg(
            "execute_request", content, metadata={"cellId": f"cell-{len(self.cells)}"}
        )
        self._client.shell_channel.send(message)
        number = message["header"]["msg_id"]
        self.cells[number] = Cell()
        return number

    def result(self, number, *, timeout_s=60):
        """Wait for a queued cell."""
        cell = self.cells[number]
        self.until(lambda: cell.reply and cell.is_idle, timeout_s=timeout_s)
        return cell

    def until(self, condition, *, timeout_s=30):
        """Take messages in until *condition* holds; its answer is returned."""
        end = time.monotonic() + timeout_s
        while not (answer := condition()):
            if time.monotonic() > end or not self._manager.is_alive():
                seen = self.log.read_text(errors="replace")[-2000:]
                raise AssertionError(f"not within {timeout_s} s; the kernel's log ends with:\n{seen}")
            self._take(0.05)
        return answer

    def tell(self, widget, content):
        """Send a widget a message of its front end's own; what kernels say of widgets is in `comms`."""
        data = {"method": "custom", "content": content}
        message = self._client.session.msg("comm_msg", {"comm_id": widget, "data": data})
        self._client.shell_channel.send(message)

    def interrupt(self):
        self._manager.interrupt_kernel()

    def kill(self):
        """As the machine does when memory runs out: no word of farewell."""
        self._manager.signal_kernel(signal.SIGKILL)
        self._manager.finish_shutdown()
        self.close()

    def close(self):
        self._client.stop_channels()
        if self._manager.has_kernel:
            self._manager.shutdown_kernel(now=True)
        self._manager.cleanup_resources()

    def complete(self, code):
        """What is offered at the end of *code*, and what of it would be replaced."""
        number = self._client.complete(code, len(code))
        while True:
            reply = self._client.get_shell_msg(timeout=30)
            if reply["parent_header"].get("msg_id") == number:
                content = reply["content"]
                return content["matches"], code[content["cursor_start"] : content["cursor_end"]]

    def _take(self, timeout_s):
        for get, take, wait_s in (
            (self._client.get_iopub_msg, self._published, timeout_s),
            (self._client.get_shell_msg, self._replied, 0),
            (self._client.get_stdin_msg, self._asked, 0),
        ):
            try:
                message = get(timeout=wait_s)
            except queue.Empty:
                continue
            if message["msg_type"] in {"comm_open", "comm_msg"}:
                self.comms.append({**message["content"], "buffers": message["buffers"]})
            take(message["msg_type"], message["parent_header"].get("msg_id"), message["content"])

    def _replied(self, _kind, number, content):
        if number in self.cells:
            self.cells[number].reply = content

    def _asked(self, _kind, _number, content):
        self.password_prompts.append((content["prompt"], content["password"]))
        self._client.input(self.answers.pop(0))

    def _published(self, kind, number, content):
        name = (content.get("transient") or {}).get("display_id")
        if kind == "update_display_data":
            for output in self._displays.get(name, []):
                output["data"] = content["data"]
        elif number not in self.cells:
            return
        elif kind == "status":
            self.cells[number].is_idle = content["execution_state"] == "idle"
        elif kind in {"stream", "display_data", "execute_result", "error"}:
            self.cells[number].outputs.append(content)
            if name:
                self._displays.setdefault(name, []).append(content)


def environment(private, **given):
    """The variables a kernel of the tests sees; None leaves one out."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(SCRUBBED)}
    own = {
        "HOME": str(private),
        "IPYTHONDIR": str(private / "ipython"),
        "KIE_NB_STATE": str(private / "state"),
    }
    own |= {"JUPYTER_PLATFORM_DIRS": "1", "JUPYTER_PREFER_ENV_PATH": "1", "PYTHONUNBUFFERED": "1"}
    return {name: str(value) for name, value in {**kept, **own, **given}.items() if value is not None}


def picture(folder, name="cat.png", colour=(200, 120, 40)):
    image = Image.new("RGB", (480, 270), colour)
    image.paste((40, 60, 90), (120, 60, 300, 200))
    image.save(folder / name)
    return folder / name


class Workshop:
    """A folder with a picture, a simulator and as many kernels as a test wants."""

    def __init__(self, root):
        self.folder, self.private = root / "notebooks", root / "private"
        self.folder.mkdir()
        self.private.mkdir()
        picture(self.folder)
        self.simulators, self.kernels = [], []

    def simulate(self, **options):
        self.simulators.append(
            Simulator(**({"tiny": True, "speed": 20.0, "creates_per_window": 1000} | options)).start()
        )
        return self.simulators[-1]

    def kernel(self, simulator=None, *, load=True, is_forked=True, **given):
        """Start a kernel; without a simulator of the test's own it has the embedded one. A fork has imported much already."""
        number = len(self.kernels)
        private = self.private / f"kernel-{number}"
        private.mkdir()
        given = {"KIE_NB_STATE": self.private / "state"} | given
        if simulator is not None:
            given = {"KIE_BASE_URL": simulator.base_url, "KIE_NB_CREATES_PER_WINDOW": "1000"} | given
        kernel = Kernel(self.folder, private, environment(private, **given), is_forked=is_forked)
        self.kernels.append(kernel)
        if load:
            assert kernel.run(LOAD).status == "ok"
        return kernel

    def videos(self):
        """Every full video of the folder, by its final name."""
        found = (self.folder / "kie-runs" / "videos").glob("*.mp4")
        return sorted(path for path in found if not path.name.endswith(".preview.mp4"))

    def places_with(self, text):
        """Where *text* can be read: in outputs and replies, in what the kernels logged, in any file here."""
        files = [
            path for folder in (self.folder, self.private) for path in folder.rglob("*") if path.is_file()
        ]
        found = [str(path) for path in files if text.encode() in path.read_bytes()]
        for number, kernel in enumerate(self.kernels):
            cells = [(cell.outputs, cell.reply) for cell in kernel.cells.values()]
            found += [f"kernel {number}: {cell}" for cell in cells if text in str(cell)]
        return found

    def notebook(self, *sources, name="notebook.ipynb"):
        """Write a notebook of code cells."""
        import nbformat

        cells = [nbformat.v4.new_code_cell(source) for source in sources]
        notebook = nbformat.v4.new_notebook(cells=cells)
        notebook.metadata["kernelspec"] = {
            "name": "python3",
            "display_name": "Python 3",
            "language": "python",
        }
        nbformat.write(notebook, self.folder / name)
        return notebook

    def close(self):
        for kernel in self.kernels:
            kernel.close()
        for simulator in self.simulators:
            simulator.stop()
