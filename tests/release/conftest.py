"""moto and our ECS at their addresses, programs and a site, for every test of a release."""

import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import pytest

from deploy.rollout import images, services, smoke, tasks
from tests import servers
from tests.ecs_server import REGION, EcsServer
from tests.release.account import REVISION, fill, make_programs


@pytest.fixture(scope="module")
def moto_address():
    with servers.moto() as address:
        yield address


@pytest.fixture
def ecs(monkeypatch, moto_address):
    """The cluster of production with revision 1 of everything; the other services are moto's, and empty."""
    server = EcsServer()
    for name, value in {
        "AWS_ENDPOINT_URL": moto_address,
        "AWS_ENDPOINT_URL_ECS": server.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "TEST_REVISION": REVISION,
    }.items():
        monkeypatch.setenv(name, value)
    boto3.client("sts").meta.events  # noqa: B018  botocore reads its files now, and not while time runs
    servers.fetch(f"{moto_address}/moto-api/reset", "POST")  # It forgets everything.
    for module in (tasks, services, images):
        monkeypatch.setattr(module, "EVERY_SECONDS", 0.01)
    monkeypatch.setattr(smoke, "PAUSE_SECONDS", 0.01)
    # Whatever goes wrong ends soon.
    for waiting in (tasks.run, services.roll, services.wait, images.wait_for_scan):
        monkeypatch.setattr(waiting, "__kwdefaults__", {"seconds": 5})
    fill(server.ecs)
    yield server.ecs
    server.stop()


@pytest.fixture
def programs(monkeypatch, tmp_path) -> Path:
    folder = tmp_path / "programs"
    folder.mkdir()
    make_programs(folder)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


@pytest.fixture
def site():
    """Answers as the site should; `site.broken` are addresses that do not."""
    pages = {
        "GET /": (200, '<title>x</title><link href="/static/css/base.0123.css">'),
        "GET /static/css/base.0123.css": (200, "body {}"),
        "GET /courses": (200, ""),
        "GET /api/v1/courses": (200, "[]"),
        "POST /webhooks/razorpay": (400, ""),
        "GET /admin/": (200, 'type="password"'),
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            status, text = pages.get(f"{self.command} {self.path}", (404, ""))
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        do_POST = do_GET

        def log_message(self, *args):
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.pages = pages
    server.url = "http://{}:{}".format(*server.server_address)
    yield server
    server.shutdown()
    server.server_close()
