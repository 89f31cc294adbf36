"""`python -m deploy.simulate [SCENARIO…] [--pictures FOLDER]`, `… million`, `… document`: see docs/scaling.md."""

import argparse
import os
import sys
from pathlib import Path

from deploy.cost.plan import PlanError
from deploy.cost.prices import PriceError
from deploy.cost.prices import read as read_prices
from deploy.simulate import document, million, plot, report
from deploy.simulate.fields import PolicyError
from deploy.simulate.policies import FOLDER
from deploy.simulate.scenarios import SCENARIOS, Scenario, run
from deploy.simulate.settings import task_size

ALONE = ("million", "document")


def parsed() -> argparse.Namespace:
    names = [*(scenario.name for scenario in SCENARIOS), "worker"]
    parser = argparse.ArgumentParser("python -m deploy.simulate", description="Traffic against the scaling policies.")
    parser.add_argument(
        "what", nargs="*", help=f"{', '.join(names)}; million: a thousand to a million students on paper; "
        "document: write docs/scaling.md and its pictures; nothing: all scenarios",
    )  # fmt: skip
    parser.add_argument("--policies", type=Path, default=FOLDER, help="another folder with scaling policies")
    parser.add_argument("--pictures", type=Path, help="a folder for one SVG a scenario")
    arguments = parser.parse_args()
    for name in arguments.what:
        if name not in (*names, *ALONE):
            parser.error(f"there is no {name}; there are {', '.join(names)}, million and document.")
        if name in ALONE and (len(arguments.what) > 1 or arguments.pictures or arguments.policies != FOLDER):
            parser.error(f"{name} stands alone, without other scenarios, --policies and --pictures.")
    return arguments


def show(scenario: Scenario, policies: Path, pictures: Path | None) -> report.Summary:
    result = run(scenario, policies)
    print(report.story(f"{scenario.name}: {scenario.title}", result.changes), flush=True)
    if pictures:
        pictures.mkdir(parents=True, exist_ok=True)
        (pictures / f"{scenario.name}.svg").write_text(plot.draw(scenario, result), encoding="utf-8")
    return report.summarize(scenario, result, task_size(scenario.service), read_prices())


def main() -> int:
    arguments = parsed()
    try:
        if "document" in arguments.what:
            print(document.write())
            return 0
        if "million" in arguments.what:
            print(million.text())
            return 0
        chosen = [scenario for scenario in SCENARIOS if scenario.name in arguments.what or not arguments.what]
        summaries = [show(scenario, arguments.policies, arguments.pictures) for scenario in chosen]
        if "worker" in arguments.what or not arguments.what:
            print(report.queue_story(arguments.policies))
        if summaries:
            print(f"\n{report.table(summaries)}")
    except (PolicyError, PriceError, PlanError) as error:
        print(error, file=sys.stderr)
        return 1
    except BrokenPipeError:  # whoever reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        print(f"{error.filename} cannot be written: {error.strerror}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
