"""The bill by the number of active students: tasks and database grow with them, as docs/scaling.md says they must."""

from dataclasses import dataclass, replace

from deploy.cost.bill import Bill, bill
from deploy.cost.catalogue import EDGE, SENT
from deploy.cost.plan import Inventory, Item
from deploy.cost.prices import Prices
from deploy.cost.usage import usage
from deploy.cost.variants import changed, instance_class
from deploy.simulate.million import SIZES, database_class
from deploy.simulate.settings import read_capacity, task_size
from deploy.simulate.students import assume, demand


@dataclass(frozen=True)
class Size:
    students: int
    bill: Bill
    tasks: float  # on average, of both web services
    database: str

    @property
    def sent(self) -> float:
        """Dollars for what CloudFront sends, nearly all of it video."""
        return sum(line.dollars for line in self.bill.lines if (line.group, line.what) == (EDGE, SENT))

    @property
    def per_thousand(self) -> float:
        return self.bill.total / self.students * 1000


def mean_tasks(students: int, service: str) -> float:
    """Over the day: the peak's by the load of its mean, but never fewer than two."""
    need, costs, size = demand(students), read_capacity(), task_size(service)
    peak = need.tasks(costs, size) if service == "frontend" else need.backend_tasks(costs, size)
    # Tasks follow the load with a margin: half of what is saved between peak and mean is really saved.
    mean = peak * (1 + 1 / assume("peak_factor")) / 2
    return max(2.0, mean)


def fitted(inventory: Inventory, students: int) -> Inventory:
    """With the tasks and the database that so many students need."""

    def ranged(item: Item) -> Item:
        if item.arguments["name"] == "worker":
            return item
        return replace(item, arguments=item.arguments | {"least": mean_tasks(students, item.arguments["name"])})

    name = database_class(demand(students), read_capacity())
    return instance_class(name)(changed(inventory, "aws_appautoscaling_target", ranged))


def sizes(inventory: Inventory, prices: Prices) -> list[Size]:
    found = []
    for students in SIZES:
        tasks = mean_tasks(students, "frontend") + mean_tasks(students, "backend")
        database = database_class(demand(students), read_capacity())
        found.append(Size(students, bill(fitted(inventory, students), usage(students), prices), tasks, database))
    return found
