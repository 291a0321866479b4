"""Keeps pages up to date while sweeps run, and shows them on 127.0.0.1."""

import errno
import http.server
import os
import threading
import time
import urllib.parse
from pathlib import Path

import jinja2

from _reading import reason_of
from _report_pages import PageError, newest

LOOK_EVERY = 3  # seconds between two looks at the files
REST = 4  # times as long as making the pages took of the processor's time, the keeper rests: the runs have it
LONGEST_REST = 10  # seconds
TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".csv": "text/csv; charset=utf-8",
         ".js": "text/javascript; charset=utf-8", ".json": "application/json"}
POLICY = ("default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src data: blob:; "
          "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
# What a file of a kind that nobody thought of may raise; the other sweeps are shown all the same.
BEYOND = (ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError,
          jinja2.TemplateError)


class Keeper:
    """Makes the pages of sweeps, those of a sweep again when its files have changed."""

    def __init__(self, site, folders, find, say):
        self.site, self.folders, self.find, self.say = site, folders, find, say
        self.pages, self.states = {}, {}

    def write(self, sweeps):
        """Writes what has changed; returns whether anything has."""
        changed = False
        for folder in sweeps:
            state = newest(folder)
            if self.states.get(folder) == state:
                continue
            try:
                page = self.site.page_of(folder)
                self.site.write_sweep(page)
            except OSError as error:  # perhaps of this moment: the next look tries again
                self.say(f"{error.filename or folder}: cannot be read: {reason_of(error)}")
                continue
            except BEYOND as error:
                self.states[folder] = state
                self.say(f"{folder}: cannot be shown: {type(error).__name__}: {error}")
                continue
            self.states[folder] = state
            self.pages[folder] = page
            changed = True
        if changed or not self.pages:
            self.site.write_index(list(self.pages.values()))
        return changed

    def keep(self, ended):
        while not ended.wait(LOOK_EVERY):
            began = time.process_time()
            try:
                self.write(self.find([folder for folder in self.folders if folder.is_dir()]))
            except (PageError, OSError) as error:
                self.say(error)
            ended.wait(min(LONGEST_REST, REST * (time.process_time() - began)))


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves the regular files of one folder to this machine."""
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "bnlab", ""
    timeout = 30

    def do_GET(self):
        self.answer(with_content=True)

    def do_HEAD(self):
        self.answer(with_content=False)

    def answer(self, with_content):
        if self.headers.get("Host", "") not in self.server.hosts:
            self.refuse(403, "this server answers requests to 127.0.0.1 and localhost only")
            return
        content = self.server.read(self.path)
        if content is None:
            self.refuse(404, "no such page")
            return
        body, kind = content
        self.send(200, body, kind, with_content)

    def refuse(self, status, text):
        self.send(status, f"{text}\n".encode(), "text/plain; charset=utf-8", self.command != "HEAD")

    def send(self, status, body, kind, with_content):
        self.send_response(status)
        for name, value in (("Content-Type", kind), ("Content-Length", str(len(body))), ("Cache-Control", "no-cache"),
                            ("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer"),
                            ("Content-Security-Policy", POLICY), ("Cross-Origin-Resource-Policy", "same-origin")):
            self.send_header(name, value)
        self.end_headers()
        if with_content:
            self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, folder, port):
        super().__init__(("127.0.0.1", port), Handler)
        self.folder = Path(os.path.realpath(folder))
        self.hosts = {f"{host}:{self.server_port}" for host in ("127.0.0.1", "localhost")}
        self.kept = {}  # of assets, which do not change

    def read(self, path):
        """(content, type) of a page; None for anything that is none of them."""
        parts = [part for part in urllib.parse.unquote(urllib.parse.urlsplit(path).path).split("/") if part]
        if any(part in (".", "..") or part.startswith(".") or "\0" in part for part in parts):
            return None
        file = self.folder.joinpath(*(parts or ["index.html"]))
        try:
            if os.path.realpath(file) != str(file) or not file.is_file() or file.suffix not in TYPES:
                return None
            return file.read_bytes(), TYPES[file.suffix]
        except (OSError, ValueError):
            return None


def serve(keeper, folder, port):
    """Until Ctrl-C. Returns the exit status."""
    try:
        server = Server(folder, port)
    except OSError as error:
        reason = "in use; name another port" if error.errno == errno.EADDRINUSE else error.strerror
        keeper.say(f"--serve {port}: {reason}")
        return 2
    ended = threading.Event()
    os.nice(10)  # the runs come first
    worker = threading.Thread(target=keeper.keep, args=(ended,), daemon=True)
    worker.start()
    print(f"http://127.0.0.1:{server.server_port}/", flush=True)
    try:
        server.serve_forever(poll_interval=0.2)
    except KeyboardInterrupt:
        pass
    finally:
        ended.set()
        server.server_close()
        worker.join(10)
    return 0
