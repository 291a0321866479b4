"""A server of data sets on 127.0.0.1 that can be slow, cut connections or never end."""

import http.server
import re
import threading
import time


class Mirror(http.server.ThreadingHTTPServer):
    """Serves `files` (path -> bytes). Each request is noted in `requests` as (path, Range header or None)."""

    daemon_threads = True

    def __init__(self, files):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = dict(files)
        self.requests = []
        self.ranges = True  # answer Range requests
        self.cut_after = {}  # path -> bytes after which the connection is cut, once
        self.bytes_per_second = None
        self.endless = set()  # paths whose content never ends
        self.sent = 0  # bytes of those
        self.bytes_each = {}  # path -> bytes after which every connection is cut
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address):
        pass  # a client that went away is part of the tests


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def do_GET(self):
        wanted = self.headers.get("Range")
        self.server.requests.append((self.path, wanted))
        data = self.server.files.get(self.path)
        if data is None:
            self.send_error(404)
            return
        if self.path in self.server.endless:
            self.send_response(200)
            self.end_headers()
            while self.server.sent < 1 << 27:
                self.wfile.write(bytes(1 << 16))
                self.server.sent += 1 << 16
            return
        size, begin = len(data), 0
        if wanted and self.server.ranges:
            begin = int(re.fullmatch(r"bytes=(\d+)-", wanted).group(1))
            if begin >= size:
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{size}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {begin}-{size - 1}/{size}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(size - begin))
        self.end_headers()
        end = min(size, begin + self.server.cut_after.pop(self.path, size))
        end = min(end, begin + self.server.bytes_each.get(self.path, size))
        rate = self.server.bytes_per_second
        chunk = size if rate is None else max(1, rate // 20)
        for at in range(begin, end, chunk):
            self.wfile.write(data[at:min(end, at + chunk)])
            if rate is not None:
                time.sleep(0.05)
