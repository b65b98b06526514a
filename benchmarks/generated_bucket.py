"""An S3 service with one bucket of as many objects as wanted, all made up while they are listed: nothing is stored.

python benchmarks/generated_bucket.py OBJECTS       prints its URL, serves until its standard input ends
"""

from __future__ import annotations

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PAGE = 1000  # keys a request
FOLDER = 100  # objects in each
HEAD = '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>scans</Name>'


def page(begin: int, objects: int) -> str:
    """The answer to list_objects_v2 for the keys from number `begin` on."""
    end = min(begin + PAGE, objects)
    contents = "".join(
        f"<Contents><Key>{number // FOLDER:06}/scan_{number:08}.png</Key><Size>9000</Size>"
        f"<LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;{number:032x}&quot;</ETag></Contents>"
        for number in range(begin, end)
    )
    more = f"<NextContinuationToken>{end}</NextContinuationToken>" if end < objects else ""
    cut = "true" if more else "false"
    return f"{HEAD}<EncodingType>url</EncodingType><IsTruncated>{cut}</IsTruncated>{more}{contents}</ListBucketResult>"


class Handler(BaseHTTPRequestHandler):
    """Answers every GET as a listing of the bucket."""

    protocol_version = "HTTP/1.1"
    objects = 0

    def do_GET(self) -> None:
        """One page."""
        asked = parse_qs(urlsplit(self.path).query)
        body = page(int(asked.get("continuation-token", ["0"])[0]), self.objects).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing is told."""


if __name__ == "__main__":
    Handler.objects = int(sys.argv[1])
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
