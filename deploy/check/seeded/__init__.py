"""The seeded defects: what each is, where, and who must catch it. A module for each of rules/, and one for the steps."""

from deploy.check.seeded import (
    access,
    account,
    alarms,
    answers,
    balancer,
    copies,
    database,
    edge,
    endpoints,
    firewall,
    groups,
    names,
    network,
    operations,
    rights,
    roles,
    scaling,
    schedules,
    services,
    settings,
    steps,
    storage,
    tasks,
    thresholds,
    watching,
)
from deploy.check.seeded.defect import Defect
from deploy.check.seeded.steps import BY_CHECKOV, BY_HADOLINT, BY_TERRAFORM, IN_THE_SITE

_MODULES = (
    tasks,
    settings,
    network,
    groups,
    endpoints,
    balancer,
    services,
    scaling,
    thresholds,
    schedules,
    roles,
    alarms,
    storage,
    edge,
    access,
    database,
    operations,
    account,
    answers,
    copies,
    firewall,
    names,
    rights,
    watching,
)
IN_THE_STATE = [*steps.IN_THE_STATE, *(defect for module in _MODULES for defect in module.DEFECTS)]
EVERY = [*BY_TERRAFORM, *IN_THE_STATE, *IN_THE_SITE, *BY_CHECKOV, *BY_HADOLINT]

__all__ = ["BY_CHECKOV", "BY_HADOLINT", "BY_TERRAFORM", "EVERY", "IN_THE_SITE", "IN_THE_STATE", "Defect"]
