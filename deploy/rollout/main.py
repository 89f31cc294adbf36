"""Arguments, and the order of the steps."""

import argparse
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from deploy.rollout import steps
from deploy.rollout.aws import Aws, DryAws
from deploy.rollout.failure import Failed, Misused
from deploy.rollout.images import PLATFORMS
from deploy.rollout.place import PRIMARY, place_of
from deploy.rollout.pretend import Pretended
from deploy.rollout.programs import Programs
from deploy.rollout.steps import STEPS, Release


def parser() -> argparse.ArgumentParser:
    described = "\n".join(f"  {name:10} {(step.__doc__ or '').splitlines()[0]}" for name, step in STEPS.items())
    whole = argparse.ArgumentParser(
        prog="deploy/deploy",
        description="Releases a version of the site to AWS, and takes it back. The runbook is deploy/README.md.",
        epilog=f"The steps of a release, each safe to repeat:\n{described}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    whole.add_argument("--list", action="store_true", help="the names of the steps, and nothing else")
    actions = whole.add_subparsers(dest="action")
    release = _action(actions, "release", "release the commit that is checked out")
    release.add_argument("--from", dest="begin", choices=STEPS, metavar="STEP", help="begin with this step")
    release.add_argument("--only", choices=STEPS, metavar="STEP", help="do this step alone")
    release.add_argument("--skip", action="append", default=[], choices=STEPS, metavar="STEP", help="leave one out")
    release.add_argument("--site", default="", help="the address for the smoke test, unless it is the site's own")
    release.add_argument("--architecture", choices=PLATFORMS, default="X86_64", help="as cpu_architecture in Terraform")
    back = _action(actions, "rollback", "every service to the version before")
    back.add_argument("--further", action="store_true", help="although something older than the newest runs already")
    _action(actions, "status", "what runs now")
    _action(actions, "image", "the image that runs, for Terraform's -var image=")
    run = _action(actions, "run", "one management command as a task, with its log and its exit status")
    run.add_argument("--newest", action="store_true", help="in the version registered last, though no service runs it")
    run.add_argument("command", nargs="*", help="after --, as in: deploy/deploy run staging -- back_up --to …")
    return whole


def _action(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, text: str
) -> argparse.ArgumentParser:
    action = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    action.add_argument("environment", help="production or staging")
    action.add_argument(
        "--account", default=os.environ.get("DEPLOY_ACCOUNT", ""), help="or the variable DEPLOY_ACCOUNT"
    )
    action.add_argument("--region", default=PRIMARY, help=f"{PRIMARY} unless said")
    action.add_argument("--dry-run", action="store_true", help="print every command, ask nobody, change nothing")
    action.add_argument("--yes", action="store_true", help="do not ask first")
    return action


def main(arguments: list[str]) -> int:
    """The exit status: 0 done, 1 failed, 2 called wrongly."""
    # argparse would give the command's own options to us.
    ours, command = _split(arguments)
    options = parser().parse_args(ours)
    if command and options.action != "run":
        parser().error("only `run` takes a command")
    if command:
        options.command = command
    if options.list or not options.action:
        print("\n".join(STEPS) if options.list else parser().format_help())
        return 0 if options.list else 2
    try:
        with _stopped_by_sigterm():
            act(options)
            sys.stdout.flush()
    except Misused as wrong:
        return _told(wrong, 2)
    except Failed as failed:
        return _told(failed, 1)
    except KeyboardInterrupt:
        return _told(Failed("Stopped. What was begun at AWS goes on there.", STOPPED.format(options.environment)), 1)
    except BrokenPipeError:
        # Whoever read has gone; Python would say so once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return _told(Failed(f"This machine refuses: {error}.", "Mend it, and repeat."), 1)
    return 0


STOPPED = "`deploy/deploy status {0}` shows what runs; the same command goes on, `deploy/deploy rollback {0}` back."


@contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    """As by Ctrl-C: GitHub ends a run that is cancelled so, and temporary folders have to go."""
    before = signal.getsignal(signal.SIGTERM)

    def stop(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """What is ours, and the command after `--`."""
    if "--" not in arguments:
        return arguments, []
    place = arguments.index("--")
    return arguments[:place], arguments[place + 1 :]


def _told(failed: Failed, status: int) -> int:
    print(f"\n{failed.what}\nWhat to do: {failed.advice}", file=sys.stderr)
    return status


def act(options: argparse.Namespace) -> None:
    if options.action == "run" and not options.command:
        raise Misused("Which command?", "For example: deploy/deploy run staging -- create_roles")
    release = prepared(options)
    names = chosen(options) if options.action == "release" else getattr(options, "command", [options.action])
    confirm(options, release, names)
    if options.action == "release":
        for name in names:
            do_step(release, name)
    elif options.action == "run":
        steps.run_command(release, options.command, is_newest=options.newest)
    elif options.action == "rollback":
        steps.rollback(release, is_further=options.further)
    else:
        {"status": steps.status, "image": steps.print_image}[options.action](release)


def prepared(options: argparse.Namespace) -> Release:
    place = place_of(
        options.environment, options.account or ("000000000000" if options.dry_run else ""), options.region
    )
    aws = DryAws(place.region, Pretended(place)) if options.dry_run else Aws(place.region)
    release = Release(place, aws, Programs(is_dry=options.dry_run))
    if options.action == "release":
        release.site, release.architecture = options.site.rstrip("/"), options.architecture
        release.revision = Programs(say=lambda line: None).ask("git", "rev-parse", "HEAD")
    return release


def chosen(options: argparse.Namespace) -> list[str]:
    if options.only and (options.begin or options.skip):
        raise Misused("--only goes with neither --from nor --skip.", "Name one step, or where to begin.")
    if options.only:
        return [options.only]
    names = list(STEPS)
    return [name for name in names[names.index(options.begin or "check") :] if name not in options.skip]


def confirm(options: argparse.Namespace, release: Release, names: list[str]) -> None:
    """Whoever is logged in to the wrong account finds out here, before anything happens."""
    if options.dry_run or options.yes or options.action in ("status", "image"):
        return
    steps.check_account(release)
    place = release.place
    where = f"{place.environment}, account {place.account}, {place.region}"
    what = ", ".join(names) if options.action == "release" else " ".join(names)
    print(" ".join(filter(None, [options.action, release.tag, "→", f"{where}: {what}"])))
    if not sys.stdin.isatty():
        raise Misused("Nobody is there to ask.", "Say --yes.")
    try:
        said = input("Go on? [yes] ").strip().lower()
    except EOFError:
        said = ""
    if said != "yes":
        raise Failed("Not confirmed.", "Nothing was changed. To go on, type the word yes.")


def do_step(release: Release, name: str) -> None:
    began = time.monotonic()
    print(f"== {name}", flush=True)
    try:
        STEPS[name](release)
    except Failed as failed:
        raise Failed(f"{name}: {failed.what}", f"{failed.advice} (this step again: --from {name})") from None
    print(f"== {name}: done in {time.monotonic() - began:.0f} s", flush=True)
