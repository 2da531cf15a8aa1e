"""Forked kernels for `jupyter_client`: by this class, or in a Jupyter server by the name "forked" (an entry point in `startup`)."""

import kernelforks
from jupyter_client.provisioning import LocalProvisioner


class Provisioner(LocalProvisioner):
    """Its kernels are forks of one process (`kernelforks`)."""

    async def launch_kernel(self, cmd, **more):
        self.process = kernelforks.parent().fork(cmd, **more)
        self.pid = self.pgid = self.process.pid
        self.cwd = more.get("cwd")
        return self.connection_info
