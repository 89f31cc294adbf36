"""Seeded defects: small mistakes in a copy of deploy/, each of which a certain check has to catch.

`make check-deploy-defects` makes each of them, runs the checks and prints who caught it; it fails if one slips through,
if its text is no longer there to be changed, or if the copy without defects is not clean.

Mistakes that Terraform takes are made several at a time, each in another check's way, and whoever is not caught in
company is tried alone: an apply takes ten seconds, a check of the state a tenth of one.
"""

import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from deploy.check import external, steps
from deploy.check.environments import DEPLOYMENTS, PRODUCTION, Deployment
from deploy.check.rules import Problem
from deploy.check.seeded import BY_CHECKOV, BY_HADOLINT, BY_TERRAFORM, EVERY, IN_THE_SITE, IN_THE_STATE, Defect
from deploy.check.steps import Checks
from deploy.check.terraform import DEPLOY, ROOT

WORKERS = 2
IN_COMPANY = 15


class DoesNotFitError(Exception):
    """The text that a defect changes is not there."""


@dataclass(frozen=True)
class Result:
    defect: Defect
    found: list[Problem]

    @property
    def is_caught(self) -> bool:
        return any(map(self.defect.is_caught_by, self.found))

    def __str__(self) -> str:
        by = ", ".join(sorted({problem.rule for problem in self.found if self.defect.is_caught_by(problem)}))
        others = ", ".join(sorted({problem.rule for problem in self.found})) or "nobody"
        caught = f"caught      {by}" if self.is_caught else f"NOT CAUGHT  by {self.defect.catcher} (but by {others})"
        return f"{self.defect.what:90} {caught}"


def make(defect: Defect, deploy: Path) -> None:
    """Change the text in a copy of deploy/."""
    file = deploy / defect.file
    text = file.read_text() if file.exists() else ""
    if defect.old not in text:
        raise DoesNotFitError(f"“{defect.what}” does not fit any more: {defect.file} has no {defect.old!r}")
    file.write_text(text.replace(defect.old, defect.new, 1))


class Bench:
    """Copies with defects in them."""

    def __init__(self, folder: Path, site: dict) -> None:
        self.folder, self.site, self.count = folder, site, 0

    def checks(self, defects: list[Defect]) -> Checks:
        """A copy with these mistakes, ready for Terraform."""
        self.count += 1
        folder = self.folder / f"copy-{self.count}"
        deploy = folder / "made" / "deploy"
        shutil.copytree(DEPLOY, deploy, ignore=shutil.ignore_patterns("__pycache__", ".terraform*", "check"))
        for defect in defects:
            make(defect, deploy)
        checks = Checks(folder, deploy)
        checks.site = dict(self.site)
        return checks

    # --- What Terraform itself refuses, one at a time ---

    def by_terraform(self, defect: Defect) -> list[Result]:
        checks = self.checks([defect])
        if defect.catcher == "format":
            return [Result(defect, checks.format())]
        found = checks.init() or checks.validate()
        if not found and defect.catcher == "refusals":
            found = checks.refusals()
        if not found and defect.catcher == "plan":
            found = checks.plan(PRODUCTION)
            found = [Problem("plan", one.message, one.address, one.detail) for one in found]
        return [Result(defect, found)]

    # --- What only the state shows, in company ---

    def in_the_state(self, company: list[Defect]) -> list[Result]:
        found = self._findings(company)
        results = [Result(defect, found) for defect in company]
        alone = [result.defect for result in results if not result.is_caught] if len(company) > 1 else []
        again = [Result(defect, self._findings([defect])) for defect in alone]
        return [result for result in results if result.defect not in alone] + again

    def _findings(self, company: list[Defect]) -> list[Problem]:
        checks, deployment = self.checks(company), _deployment(company[0].deployment)
        found = checks.init() or checks.apply(deployment)
        if found:
            return found
        if any(defect.catcher == "plan_again" for defect in company):
            found += checks.plan_again(deployment)
        if any(defect.catcher.startswith("ecs_") for defect in company):
            found += checks.ecs()
        found += checks.look(deployment)
        shutil.rmtree(checks.folder)
        return found

    def in_the_site(self, defects: list[Defect]) -> list[Result]:
        """The deployment stays, the site's code says something else: `old` is a fact's name and `new` its value."""
        checks = self.checks([])
        checks.init()
        checks.apply(PRODUCTION)
        return [self._with_fact(checks, defect) for defect in defects]

    def _with_fact(self, checks: Checks, defect: Defect) -> Result:
        before = self.site[defect.old]
        changed = [one for one in before if one != defect.new] if isinstance(before, list) else int(defect.new)
        checks.site = self.site | {defect.old: changed}
        return Result(defect, checks.look(PRODUCTION))

    # --- Other people's checkers ---

    def by_checkov(self, defects: list[Defect]) -> list[Result]:
        checks = self.checks(defects)
        found = checks.checkov()
        return [Result(defect, found) for defect in defects]

    def by_hadolint(self, defects: list[Defect]) -> list[Result]:
        results = []
        for defect in defects:
            text = (ROOT / "Dockerfile").read_text()
            if defect.old not in text:
                raise DoesNotFitError(f"“{defect.what}” does not fit any more: Dockerfile has no {defect.old!r}")
            file = self.folder / "Dockerfile"
            file.write_text(text.replace(defect.old, defect.new, 1))
            results.append(Result(defect, list(external.hadolint(file))))
        return results


def _deployment(name: str) -> Deployment:
    return next(deployment for deployment in DEPLOYMENTS if deployment.name == name)


def companies(defects: list[Defect]) -> list[list[Defect]]:
    """Groups of one deployment in which no two defects have the same catcher or change the same lines."""
    groups: list[list[Defect]] = []
    for defect in defects:
        for group in groups:
            if len(group) < IN_COMPANY and all(defect.gets_on_with(other) for other in group):
                group.append(defect)
                break
        else:
            groups.append([defect])
    return groups


def _work(bench: Bench, chosen: list[Defect]) -> Iterator[tuple]:
    """(function, argument) of each piece of work, the longest first."""
    for group in companies([defect for defect in IN_THE_STATE if defect in chosen]):
        yield bench.in_the_state, group
    for defects, function in (
        (BY_CHECKOV, bench.by_checkov),
        (IN_THE_SITE, bench.in_the_site),
        (BY_HADOLINT, bench.by_hadolint),
    ):
        mine = [defect for defect in defects if defect in chosen]
        if mine:
            yield function, mine
    for defect in BY_TERRAFORM:
        if defect in chosen:
            yield bench.by_terraform, defect


def _clean(bench: Bench) -> list[Problem]:
    """What is found without any defect: must be nothing, or a catch would mean little."""
    checks = bench.checks([])
    return checks.init() or checks.validate() or steps.production_ecs_and_bill(checks)


def main(folder: Path, names: list[str]) -> int:
    """Print the table; 0 if every defect was caught.

    Args:
        names: only defects whose description has one of these in it; empty for all.
    """
    began = time.monotonic()
    chosen = [defect for defect in EVERY if not names or any(name in defect.what for name in names)]
    bench = Bench(folder, Checks(folder / "facts").site)
    try:
        work = list(_work(bench, chosen))
        with ThreadPoolExecutor(WORKERS) as pool:
            clean = pool.submit(_clean, bench)
            running = [pool.submit(function, argument) for function, argument in work]
            results = [result for done in running for result in _printed(done.result())]
    except DoesNotFitError as error:
        print(error)
        return 1
    for problem in clean.result():
        print(f"Found without any defect: {problem}")
    missed = [result for result in results if not result.is_caught]
    caught = f"{len(results) - len(missed)} of {len(results)} seeded defects were caught"
    print(f"{caught}; the copy without defects is {'not ' if clean.result() else ''}clean. ", end="")
    print(f"({time.monotonic() - began:.0f} s)")
    return 1 if missed or clean.result() else 0


def _printed(results: list[Result]) -> list[Result]:
    for result in results:
        print(result, flush=True)
    return results
