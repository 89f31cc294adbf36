"""`make check-deploy` runs every step; `python -m deploy.check terraform plan …` runs Terraform with the stand-in."""

import argparse
import sys
import tempfile
from pathlib import Path

from deploy.check import terraform


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m deploy.check", description=__doc__)
    parser.add_argument(
        "--folder", type=Path, help="work there and leave it (default: a new folder, removed afterwards)"
    )
    commands = parser.add_subparsers(dest="command")
    by_hand = commands.add_parser("terraform", help="run Terraform with the stand-in provider on a copy of deploy/")
    by_hand.add_argument("arguments", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="check-deploy-") as temporary:
        folder = options.folder.resolve() if options.folder else Path(temporary)
        sys.exit(terraform.run_by_hand(options.arguments, folder))


if __name__ == "__main__":
    main()
