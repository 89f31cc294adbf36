"""python -m payments.sandbox [--port 8001] [--host 127.0.0.1] [--webhook-url URL] [--data FILE]"""

import argparse
import contextlib
import logging
import signal
import sys
from pathlib import Path
from typing import NoReturn

from coursebundler import settings  # the module itself: keys and addresses without starting Django
from payments.sandbox import webhooks
from payments.sandbox.gateway import Config, Gateway
from payments.sandbox.server import serve
from payments.sandbox.store import Store


def main() -> None:
    if not settings.DEBUG:
        sys.exit("The payment sandbox gives courses away; it runs only with DEBUG=true.")
    options = _options()
    logging.basicConfig(level=logging.WARNING if options.quiet else logging.INFO, format="sandbox: %(message)s")
    config = Config(
        key_id=settings.RAZORPAY_KEY_ID,
        key_secret=settings.RAZORPAY_KEY_SECRET,
        webhook_secret=settings.RAZORPAY_WEBHOOK_SECRET,
        webhook_url=options.webhook_url,
        webhook_senders=options.webhook_senders,
        seed=options.seed,
    )
    gateway = Gateway(Store(options.data), config)
    try:
        server = serve(gateway, options.host, options.port)
    except OSError as error:
        sys.exit(
            f"The payment sandbox cannot use port {options.port}: {error.strerror}. Set SANDBOX_PORT to a free one."
        )
    webhooks.start(gateway)
    signal.signal(signal.SIGTERM, _stop)
    sys.stdout.write(f"Payment sandbox on http://{options.host}:{server.server_port} (no money moves)\n")
    sys.stdout.flush()
    with contextlib.suppress(KeyboardInterrupt):
        server.serve_forever(poll_interval=0.1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m payments.sandbox", description="A look-alike of Razorpay.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8001, help="0 takes any free port")
    parser.add_argument("--webhook-url", default=f"{settings.SITE_URL}/webhooks/razorpay", help="empty sends none")
    parser.add_argument("--webhook-senders", type=int, default=1, help="how many are sent at once")
    parser.add_argument("--seed", type=int, help="for what is left to chance")
    parser.add_argument("--data", type=Path, default=settings.DATA_DIR / "sandbox.sqlite3")
    parser.add_argument("--quiet", action="store_true")
    return parser.parse_args()


def _stop(*_: object) -> NoReturn:
    sys.exit(0)


main()
