"""Everything that is checked without running the site: `make lint`."""

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

DEVELOPMENT = {"DEBUG": "true"}
# Stands in for a real deployment: Django's deployment checks look at the settings that production would have.
PRODUCTION = {
    "DEBUG": "false",
    "SECRET_KEY": "only-for-the-deployment-checks-Gx8wQ2vN5kR1tY7uP4sD9fH3jL6zC0bM",
    "SITE_URL": "https://courses.example.org",
    "DATABASE_URL": "sqlite:////nonexistent/db.sqlite3",
    "MEDIA_STORAGE_URL": "s3://courses-example-media?region=ap-south-1",
    "RAZORPAY_KEY_ID": "rzp_live_example",
    "RAZORPAY_KEY_SECRET": "example-key-secret",
    "RAZORPAY_WEBHOOK_SECRET": "example-webhook-secret",
    "EMAIL_URL": "smtp+tls://user:password@mail.example.org:587",
    "DEFAULT_FROM_EMAIL": "CourseBundler <hello@example.org>",
    "CONTACT_EMAIL": "contact@example.org",
}


def templates() -> list[str]:
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "templates/*.html"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    return [name for name in names if (ROOT / name).is_file()]


def checks() -> list[tuple[str, list[str], dict[str, str]]]:
    """Name, command and environment of each check."""
    python = sys.executable
    djade = str(Path(python).parent / "djade")
    return [
        ("style (ruff check)", [python, "-m", "ruff", "check", "."], {}),
        ("layout (ruff format)", [python, "-m", "ruff", "format", "--check", "."], {}),
        ("templates (djade)", [djade, "--check", "--target-version", "5.2", *templates()], {}),
        ("types (mypy)", [python, "-m", "mypy"], DEVELOPMENT),
        ("migrations", [python, "manage.py", "makemigrations", "--check", "--dry-run"], DEVELOPMENT),
        ("deployment", [python, "manage.py", "check", "--deploy", "--fail-level", "WARNING"], PRODUCTION),
    ]


def main() -> None:
    failed = []
    for name, command, environment in checks():
        began = time.monotonic()
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            failed.append(name)
            print(done.stdout.strip())
        verdict = "FAILED" if done.returncode else "ok"
        print(f"{verdict:6} {name} ({time.monotonic() - began:.1f} s)", flush=True)
    if failed:
        sys.exit(f"Failed: {', '.join(failed)}. `make format` mends style and layout.")


if __name__ == "__main__":
    main()
