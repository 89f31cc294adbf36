"""`make image`, or `python3 -m deploy.image [--base IMAGE]`. Ends with 1 if a promise of the image does not hold.

Needs Docker, or Podman with runc; as root on Debian it installs what is missing. CONTAINER_ENGINE chooses.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator

from deploy.image import build, checks, engine
from deploy.image.container import Place
from deploy.image.engine import Engine, EngineError


def all_checks(runner: Engine, base: str) -> Iterator[checks.Result]:
    yield from checks.image(runner, base)
    place = Place(runner)
    try:
        yield from checks.site(place)
        yield from checks.worker(place)
        yield from checks.mistakes(place)
    finally:
        place.close()


def show(results: Iterator[checks.Result]) -> bool:
    """Print each as it comes; whether all are good."""
    is_all_good = True
    for result in results:
        print(f"{'ok' if result.is_good else 'FAILED':6} {result.name}: {result.figure}", flush=True)
        is_all_good &= result.is_good
    return is_all_good


def main() -> None:
    parser = argparse.ArgumentParser(prog="python3 -m deploy.image", description="Build the image and check it.")
    parser.add_argument("--base", help="the base image; default: the Dockerfile's, or a stand-in for it")
    options = parser.parse_args()
    began = time.monotonic()
    runner = engine.find(dict(os.environ))
    base = options.base or build.base_image(runner)
    print(f"Building with {runner.program} on {base} …", flush=True)
    build.build(runner, base)
    built = time.monotonic()
    runner.limit_if_possible(build.IMAGE)
    is_good = show(all_checks(runner, base))
    print(f"{built - began:.0f} s to build, {time.monotonic() - built:.0f} s to check. The image is {build.IMAGE}.")
    sys.exit(not is_good)


if __name__ == "__main__":
    try:
        main()
    except EngineError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("\nStopped.")
