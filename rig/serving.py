"""A directory of pages over HTTP, to be looked at on this host."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from rig.errors import HostError

ADDRESS = "127.0.0.1"


class _Pages(SimpleHTTPRequestHandler):
    """Answers for files, says nothing on the terminal, and shows no hidden ones."""

    def send_head(self) -> Any:
        """Send the head of the answer.

        A page of elsewhere could have its own name lead to this host, and read here with its visitor's browser; so
        requests under other names than ours are refused.
        """
        name = self.headers.get("Host", "").split(":")[0]
        if name not in (ADDRESS, "localhost"):
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST)
            return None
        if any(part.startswith(".") for part in self.path.split("/")):
            self.send_error(HTTPStatus.NOT_FOUND)
            return None
        return super().send_head()

    def list_directory(self, path: Any) -> None:  # noqa: ARG002
        """Show no directory."""
        self.send_error(HTTPStatus.NOT_FOUND)

    def end_headers(self) -> None:
        """Have browsers ask again each time: pages change under their names."""
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""


@contextmanager
def server(directory: Path, port: int) -> Iterator[ThreadingHTTPServer]:
    """Yield a server of `directory` at `port` of the loopback (0: any that is free); HostError if it is taken."""
    try:
        made = ThreadingHTTPServer((ADDRESS, port), partial(_Pages, directory=str(directory)))
    except OSError as error:
        raise HostError(f"port {port}: {error.strerror}", hint="--port 0 takes one that is free") from error
    with made:
        yield made


def url(served: ThreadingHTTPServer) -> str:
    """Return where a server's pages are."""
    return f"http://{ADDRESS}:{served.server_port}/"
