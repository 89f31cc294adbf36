"""Start the site and the payment sandbox on this machine: `make run`.

The first start migrates the database and seeds the demonstration school; later starts see that nothing changed and
load Django only once, in the server. Ctrl-C stops both processes.
"""

import errno
import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

import environ

ROOT = Path(__file__).resolve().parent.parent
STARTED = time.monotonic()
# The server answers in about a second; a slow disk on the first start needs more.
READY_SECONDS = 60
STOP_SECONDS = 5

WELCOME = """
CourseBundler runs at {url}   ({seconds:.1f} s)

  Log in with the password learn-by-doing as
    student@example.org      has courses, progress and orders
    instructor@example.org   teaches
    staff@example.org        may open {url}/admin/ and create a course at {url}/admin/createcourse

  Try: register with any address and read the code at {url}/dev/mail, watch a free preview, buy a course
  (the payment page is a sandbox: no money moves), watch, leave, come back.

  Everything it stores is in {data}. Ctrl-C stops it.
"""


def stop_at(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def settle_environment() -> tuple[str, int, int]:
    """Fill what the environment and .env leave open; return host, the site's port and the sandbox's port."""
    if (ROOT / ".env").is_file():
        environ.Env.read_env(ROOT / ".env")
    host = os.environ.setdefault("HOST", "127.0.0.1")
    port = port_named("PORT", 8000)
    sandbox_port = port_named("SANDBOX_PORT", port + 1)
    os.environ.setdefault("DEBUG", "true")
    os.environ.setdefault("DATA_DIR", str(ROOT / "var"))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "coursebundler.settings")
    os.environ.setdefault("SITE_URL", f"http://localhost:{port}")
    os.environ["PYTHONPATH"] = str(ROOT)
    return host, port, sandbox_port


def port_named(name: str, default: int) -> int:
    text = os.environ.setdefault(name, str(default))
    if not text.isdecimal() or not 0 < int(text) < 65536:
        sys.exit(f"{name}={text} is not a port: it is a number from 1 to 65535, e.g. `PORT=8001 make run`.")
    return int(text)


def require_free(host: str, port: int, name: str) -> None:
    try:
        with socket.create_connection((host, port), timeout=1):
            refusal = errno.EADDRINUSE
    except OSError:
        refusal = bind_error(host, port)
    if refusal == errno.EADDRINUSE:
        sys.exit(f"Port {port} is in use by another program. Choose another: `{name}={port + 10} make run`.")
    if refusal:
        sys.exit(f"Cannot listen on {host}:{port}: {os.strerror(refusal)}. Choose another: `{name}=8001 make run`.")


def bind_error(host: str, port: int) -> int:
    """The error number of listening there, 0 if it works."""
    try:
        socket.create_server((host, port)).close()
    except OSError as error:
        return error.errno or errno.EINVAL
    return 0


def what_prepares() -> str:
    """A hash of everything that decides whether the database is up to date: its address and the migrations."""
    digest = hashlib.sha256(os.environ.get("DATABASE_URL", "").encode())
    for migration in sorted(ROOT.glob("*/migrations/**/*.py")):
        digest.update(migration.name.encode() + migration.read_bytes())
    return digest.hexdigest()


def prepare(stamp: Path) -> None:
    """Migrate, and seed the demonstration school into an empty database. All in one start of Django."""
    import django
    from django.core.exceptions import ImproperlyConfigured

    try:
        django.setup()
    except ImproperlyConfigured as error:
        sys.exit(str(error))
    from django.conf import settings
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.db import DatabaseError

    print("Bringing the database up to date …", flush=True)
    try:
        call_command("migrate", verbosity=0, interactive=False)
    except DatabaseError as error:
        sys.exit(f"The database at {settings.DATABASES['default']['NAME']} cannot be used: {error}.")
    seeding = stamp.with_name("seeding")
    if seeding.exists() or not get_user_model()._default_manager.exists():
        # Seeding that was interrupted is taken up again: the command can be repeated.
        seeding.touch()
        print("Seeding the demonstration school (once) …", flush=True)
        call_command("seed_demo")
        seeding.unlink()
    stamp.write_text(json.dumps({"prepared": what_prepares()}))


def is_prepared(stamp: Path) -> bool:
    database = urlsplit(os.environ.get("DATABASE_URL") or f"sqlite:///{stamp.parent / 'db.sqlite3'}")
    if database.scheme == "sqlite" and not Path(database.path.removeprefix("/")).is_file():
        return False
    try:
        return json.loads(stamp.read_text()) == {"prepared": what_prepares()}
    except (OSError, ValueError):
        return False


def start_children(host: str, sandbox_port: int) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Each in a session of its own, so that Ctrl-C reaches this process only, which then stops them in order."""
    if "RAZORPAY_BASE_URL" not in os.environ:
        command = [sys.executable, "-m", "payments.sandbox", "--port", str(sandbox_port)]
        yield "payment sandbox", subprocess.Popen(command, cwd=ROOT, start_new_session=True)
    gunicorn = [sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py", "--log-level", "warning"]
    yield "site", subprocess.Popen([*gunicorn, "coursebundler.wsgi"], cwd=ROOT, start_new_session=True)


def is_ready(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def require_all(children: dict[str, subprocess.Popen[bytes]]) -> None:
    for name, child in children.items():
        if child.poll() is not None:
            sys.exit(f"The {name} stopped by itself (exit code {child.returncode}); its last words are above.")


def stop(children: dict[str, subprocess.Popen[bytes]]) -> None:
    """Ask, wait, and end those that do not listen. A second Ctrl-C meanwhile must not leave one behind."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    for child in children.values():
        if child.poll() is None:
            child.send_signal(signal.SIGINT)
    deadline = time.monotonic() + STOP_SECONDS
    for child in children.values():
        try:
            child.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def serve(host: str, port: int, sandbox_port: int) -> None:
    children: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name, child in start_children(host, sandbox_port):
            children[name] = child
        deadline = time.monotonic() + READY_SECONDS
        while not is_ready(host, port):
            require_all(children)
            if time.monotonic() > deadline:
                sys.exit(f"The site did not answer within {READY_SECONDS} s; what it logged is above.")
            time.sleep(0.05)
        url, data = os.environ["SITE_URL"], os.environ["DATA_DIR"]
        print(WELCOME.format(url=url, data=data, seconds=time.monotonic() - STARTED), flush=True)
        while True:
            require_all(children)
            time.sleep(0.5)
    finally:
        stop(children)


def main() -> None:
    host, port, sandbox_port = settle_environment()
    require_free(host, port, "PORT")
    if "RAZORPAY_BASE_URL" not in os.environ:
        require_free("127.0.0.1", sandbox_port, "SANDBOX_PORT")
    data = Path(os.environ["DATA_DIR"]).resolve()
    data.mkdir(parents=True, exist_ok=True)
    stamp = data / "prepared.json"
    if not is_prepared(stamp):
        subprocess.run([sys.executable, __file__, "prepare", stamp], check=True, cwd=ROOT)
    serve(host, port, sandbox_port)


if __name__ == "__main__":
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop_at)
    # A shell has what it starts in the background ignore it, and everything that is started from there.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        if sys.argv[1:2] == ["prepare"]:
            prepare(Path(sys.argv[2]))
        else:
            main()
    except subprocess.CalledProcessError:
        sys.exit("The database could not be prepared; the reason is above.")
    except KeyboardInterrupt:
        sys.exit("prepare" in sys.argv or print("\nStopped."))
