"""Forked kernels for `jupyter_client`: by these classes, or in a Jupyter server by the name "forked" (an entry point in `startup`)."""

import kernelforks
from jupyter_client.provisioning import LocalProvisioner


class Provisioner(LocalProvisioner):
    """Its kernels are forks of one process (`kernelforks`), which has imported these modules too."""

    preloaded = ()

    async def launch_kernel(self, cmd, **more):
        self.process = kernelforks.parent(*self.preloaded).fork(cmd, **more)
        self.pid = self.pgid = self.process.pid
        self.cwd = more.get("cwd")
        return self.connection_info


class OfAPage(Provisioner):
    """For a front end, whose kernels show more and have the embedded simulator."""

    preloaded = (
        "IPython.extensions.storemagic", "PIL.ImageDraw", "PIL.ImageFont", "encodings.idna", "ipykernel.debugger",
        "kie_nb.notebook.gallery", "kie_nb.notebook.panel", "kie_nb.simulator.draw", "kie_nb.simulator.server", "pdb",
        "tornado.platform.asyncio", "uvicorn.lifespan.off", "uvicorn.protocols.http.h11_impl",
    )  # fmt: skip
