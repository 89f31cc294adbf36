"""The seeded defects: what each is, where, and who must catch it. A module for each of rules/, and one for the steps."""

from deploy.check.seeded import (
    access,
    alarms,
    balancer,
    database,
    edge,
    network,
    operations,
    scaling,
    settings,
    steps,
    storage,
    tasks,
)
from deploy.check.seeded.defect import Defect
from deploy.check.seeded.steps import BY_CHECKOV, BY_HADOLINT, BY_TERRAFORM, IN_THE_SITE

_MODULES = (tasks, settings, network, balancer, scaling, alarms, storage, edge, access, database, operations)
IN_THE_STATE = [*steps.IN_THE_STATE, *(defect for module in _MODULES for defect in module.DEFECTS)]
EVERY = [*BY_TERRAFORM, *IN_THE_STATE, *IN_THE_SITE, *BY_CHECKOV, *BY_HADOLINT]

__all__ = ["BY_CHECKOV", "BY_HADOLINT", "BY_TERRAFORM", "EVERY", "IN_THE_SITE", "IN_THE_STATE", "Defect"]
