"""`python -m deploy.cost [--plan FILE]`, `… plan`, `… document`: the monthly bill; see docs/cost.md."""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

from deploy.cost import document, plan
from deploy.cost.plan import Inventory, PlanError
from deploy.cost.prices import PriceError
from deploy.cost.prices import read as read_prices
from deploy.simulate.document import write_quick

IMAGE = f"123456789012.dkr.ecr.us-east-1.amazonaws.com/coursebundler@sha256:{'0' * 64}"

SNAPSHOT = "arn:aws:rds:us-west-2:123456789012:cluster-snapshot:example"


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m deploy.cost", description="The monthly bill of the deployment.")
    parser.add_argument(
        "what",
        nargs="?",
        default="bill",
        choices=("bill", "plan", "check", "document"),
        help="bill: print it (default); plan: make deploy/cost/inventory.json again with Terraform, and docs/cost.md; "
        "check: plan, and say what the inventory lacks; document: docs/cost.md from the inventory that there is",
    )
    parser.add_argument("--plan", type=Path, help="a plan of your own, as `terraform show -json` prints it")
    return parser.parse_args()


def planned() -> dict[str, Inventory]:
    """Plans for each kind of standby through the stand-in provider; about half a minute."""
    from deploy.check.terraform import Copy, TerraformError, require_terraform

    require_terraform()
    found = {}
    with tempfile.TemporaryDirectory(prefix="cost-") as folder:
        copy = Copy(Path(folder))
        try:
            copy.init()
            for standby in plan.STANDBYS:
                values = ["-var-file=environments/production.tfvars", f"-var=image={IMAGE}", f"-var=standby={standby}"]
                if standby == "serving":
                    values.append(f"-var=standby_database_snapshot={SNAPSHOT}")
                copy.run("plan", "-no-color", "-out=cost.tfplan", *values)
                found[standby] = plan.read(copy.show("cost.tfplan"))
        except TerraformError as error:
            raise PlanError(str(error)) from error
    return found


def given(path: Path) -> dict[str, Inventory]:
    """One plan, in place of all kinds of standby."""
    try:
        inventory = plan.read(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise error if isinstance(error, PlanError) else PlanError(f"{path} cannot be read: {error}.") from error
    return dict.fromkeys(plan.STANDBYS, inventory)


def write(inventories: dict[str, Inventory]) -> None:
    document.DOCUMENT.write_text(document.text(inventories, read_prices()), encoding="utf-8")
    write_quick()
    print("docs/cost.md is up to date, and the tables of docs/scaling.md that follow from it.")


def check(fresh: dict[str, Inventory]) -> None:
    """Raises PlanError with every difference between the inventory and plans made now, and for an old docs/cost.md."""
    kept = plan.load()
    found = [f"{name}: {line}" for name in plan.STANDBYS for line in plan.differences(kept[name], fresh[name])]
    if document.DOCUMENT.read_text(encoding="utf-8") != document.text(kept, read_prices()):
        found.append("docs/cost.md is not what the program writes.")
    if found:
        raise PlanError("\n".join([*found, "Run `make cost` and commit what it changes."]))
    print("The bill is that of the plan.")


def show(inventories: dict[str, Inventory], names: tuple[str, ...]) -> None:
    tables = document.pieces(inventories, read_prices())
    print("\n\n".join(tables[name] for name in names))


def run(arguments: argparse.Namespace) -> None:
    if arguments.what == "check":
        return check(planned())
    if arguments.what == "plan":
        inventories = planned()
        show(inventories, ("totals", "design", "inside", "switches", "students"))  # an unknown type stops here
        plan.INVENTORY.write_text(plan.dump(inventories), encoding="utf-8")
        return write(inventories)
    inventories = given(arguments.plan) if arguments.plan else plan.load()
    if arguments.what == "document":
        return write(inventories)
    several = () if arguments.plan else ("totals",)
    show(inventories, (*several, "minimum", "design", "inside", "switches", "students"))


def main() -> int:
    try:
        run(parsed())
    except (PlanError, PriceError) as error:
        print(error, file=sys.stderr)
        return 1
    except BrokenPipeError:  # whoever reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main())
