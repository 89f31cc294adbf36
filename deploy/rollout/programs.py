"""Other programs: git, docker or podman, terraform."""

import shlex
import shutil
import subprocess
from collections.abc import Callable, Sequence

from deploy.rollout.failure import Failed
from deploy.rollout.place import ROOT


class Programs:
    """Runs them in the repository; prints what changes something. With `is_dry` nothing is run."""

    def __init__(self, *, is_dry: bool = False, say: Callable[[str], None] = print) -> None:
        self.is_dry = is_dry
        self.say = say

    def ask(self, *command: str, pretended: str = "") -> str:
        """What the command prints. It changes nothing."""
        if self.is_dry:
            self.say(f"? {shlex.join(command)}")
            return pretended
        return self._run(command, capture=True).stdout.strip()

    def do(self, *command: str, secret_input: str = "", allowed: Sequence[int] = (0,)) -> int:
        """The command's exit status, which is one of `allowed`; its output goes to the terminal."""
        self.say(f"+ {shlex.join(command)}")
        if self.is_dry:
            return 0
        return self._run(command, secret_input=secret_input, allowed=allowed).returncode

    def _run(
        self, command: Sequence[str], *, capture: bool = False, secret_input: str = "", allowed: Sequence[int] = (0,)
    ) -> "subprocess.CompletedProcess[str]":
        try:
            done = subprocess.run(
                command, cwd=ROOT, input=secret_input or None, capture_output=capture, text=True, check=False
            )
        except FileNotFoundError:
            raise Failed(f"There is no program {command[0]}.", f"Install {command[0]}, and start again.") from None
        if done.returncode not in allowed:
            said = (done.stderr or "").strip() if capture else "see above"
            raise Failed(f"{shlex.join(command)} ended with {done.returncode}: {said}", "Mend it, and start again.")
        return done


def container_program() -> str:
    """docker or podman: they take the same words."""
    for name in ("docker", "podman"):
        if shutil.which(name):
            return name
    raise Failed("There is neither docker nor podman.", "Install one of them, or let GitHub Actions deploy.")
