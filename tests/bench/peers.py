"""The real programs, by the package clients that their users have. One that cannot be had is None, and said so."""

import os
import pathlib
import shutil
import subprocess

LITESTREAM03 = "@flydotio/litestream-linux-x64@1.0.1"  # brings 0.3.13
LITESTREAM05 = "github.com/benbjohnson/litestream/cmd/litestream@v0.5.18"
VFS = "litestream-vfs@0.5.17"
SERVER = "github.com/versity/versitygw/cmd/versitygw@v1.8.0"
GO_SECONDS = 600  # at most, to build one


def _npm(package, folder, path):
    """A file of an npm package."""
    found = folder / "node_modules" / path
    if not found.exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "install", "--silent", "--no-save", "--prefix", folder, package], check=True,
                       capture_output=True, timeout=GO_SECONDS)
    return found


def _go(package, folder):
    """A Go program."""
    found = folder / pathlib.PurePath(package.partition("@")[0]).name
    if not found.exists():
        subprocess.run(["go", "install", package], check=True, capture_output=True, timeout=GO_SECONDS,
                       env={**os.environ, "GOBIN": str(folder.resolve())})
    return found


def _given(variable):
    """A program that is here already."""
    path = os.environ.get(variable, "")
    return pathlib.Path(path) if os.path.isfile(path) else None


class Peers:
    """Paths, by what they are for. LITESTREAM, LITESTREAM5, VERSITYGW and PASSTHROUGH_LL name what is here already."""

    def __init__(self, folder):
        self.missing = []
        self.server = self._find("VERSITYGW", _go, SERVER, folder)
        self.litestream = {
            "0.3": self._find("LITESTREAM", _npm, LITESTREAM03, folder / "litestream-0.3",
                              "@flydotio/litestream-linux-x64/litestream"),
            "0.5": self._find("LITESTREAM5", _go, LITESTREAM05, folder),
        }
        self.litestream = {version: path for version, path in self.litestream.items() if path}
        self.vfs = self._find("LITESTREAM_VFS", _npm, VFS, folder / "vfs",
                              "litestream-vfs-linux-amd64/litestream-vfs.so")
        self.passthrough = _given("PASSTHROUGH_LL") or shutil.which("passthrough_ll")
        if not self.passthrough:
            self.missing.append("libfuse's example passthrough_ll: PASSTHROUGH_LL names it, or the PATH")

    def _find(self, variable, fetch, package, *where):
        try:
            return _given(variable) or fetch(package, *where)
        except (OSError, subprocess.SubprocessError) as error:
            self.missing.append(f"{package}: {error}")
            return None
