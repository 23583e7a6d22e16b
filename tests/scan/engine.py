"""A private dockerd with a dozen containers in a network namespace of its own (tests/engine/private-docker), for labs."""

import os
import pathlib
import subprocess

SCRIPT = pathlib.Path(__file__).resolve().parent.parent / "engine" / "private-docker"


class Engine:
    """Running between start() and stop(); `netns` is the host's namespace, `url` the engine's socket."""

    def start(self):
        self.process = subprocess.Popen([str(SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        said = self.process.stdout.readline().split(None, 1)
        if said[:1] != ["ready"]:
            self.stop()
            raise RuntimeError(f"private-docker: {said}")
        self.folder = said[1].strip()
        self.netns = f"bh-engine-{self.process.pid}"
        self.url = f"unix://{self.folder}/docker.sock"

    def stop(self):
        self.process.stdin.close()
        self.process.wait(timeout=120)
        self.process.stdout.close()

    def run(self, program, *words, hide=(), timeout=180, folder=None):
        """`program` in the host's namespace, where the namespaces `hide` are not to be found."""
        hidden = "".join(f"umount /run/netns/{name} && " for name in hide)
        return subprocess.run(["nsenter", f"--net=/run/netns/{self.netns}", "unshare", "-m", "sh", "-c",
                               hidden + 'exec "$0" "$@"', program, *words], capture_output=True, text=True,
                              timeout=timeout, check=False, cwd=folder, env={**os.environ, "LC_ALL": "C.UTF-8"})
