"""Serve the built site on this machine, compressed and with its 404 page, as a host of static pages does."""

import gzip
import http.server
import threading
from functools import lru_cache, partial
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

COMPRESSED = {".html", ".css", ".js", ".svg", ".xml", ".txt", ".ipynb"}
RELOAD = b"<script>new EventSource('/_reload').onmessage = () => location.reload()</script>"


class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    rebuilt: threading.Condition | None = None  # set by `make serve`: pages then reload when it is notified

    def do_GET(self) -> None:
        if self.path == "/_reload" and self.rebuilt:
            return self.wait_for_build()
        path, status = Path(self.translate_path(self.path)), 200
        if path.is_dir():
            address = urlsplit(self.path)
            if not address.path.endswith("/"):  # else the page's relative links would lead one folder too high
                return self.redirect(urlunsplit(("", "", "/" + address.path.strip("/") + "/", address.query, "")))
            path = path / "index.html"
        if not path.is_file():
            path, status = Path(self.directory, "404.html"), 404
        reload = RELOAD if self.rebuilt and path.suffix == ".html" else b""
        compress = path.suffix in COMPRESSED and "gzip" in self.headers.get("Accept-Encoding", "")
        body = content(path, path.stat().st_mtime_ns, compress, reload)
        self.send_response(status)
        self.send_header("Content-Type", self.guess_type(str(path)) + ("; charset=utf-8" if compress else ""))
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-cache" if self.rebuilt else "max-age=600")
        if compress:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        self.wfile.write(body)
        return None

    def redirect(self, target: str) -> None:
        self.send_response(301)
        self.send_header("Location", target)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def wait_for_build(self) -> None:
        with self.rebuilt:
            self.rebuilt.wait()
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(b"data: now\n\n")

    def log_message(self, *args: object) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a browser that hangs up is no error


@lru_cache(maxsize=256)
def content(path: Path, modified: int, compress: bool, reload: bytes) -> bytes:
    body = path.read_bytes()
    if reload:
        body = body.replace(b"</body>", reload + b"</body>")
    return gzip.compress(body, 6) if compress else body


def start(folder: Path, port: int = 0, rebuilt: threading.Condition | None = None) -> str:
    """Serve `folder` from a thread, on a free port by default; returns the address, which ends in a slash.

    Raises ValueError where the port cannot be had. The folder need not be there yet.
    """
    handler = type("SiteHandler", (Handler,), {"rebuilt": rebuilt})
    try:
        server = Server(("127.0.0.1", port), partial(handler, directory=str(folder)))
    except (OSError, OverflowError) as error:
        raise ValueError(f"port {port} cannot be served on ({error}); end what uses it, or name another port") from None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://localhost:{server.server_address[1]}/"
