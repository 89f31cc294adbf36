"""What a seeded defect is."""

from dataclasses import dataclass

from deploy.check.rules import Problem


@dataclass(frozen=True)
class Defect:
    """One mistake.

    Args:
        what: the mistake in a few words.
        file: below deploy/.
        old: the text that is replaced, once.
        new: what by.
        catcher: the rule or step that must catch it.
        where: part of the address, or of the detail, that the finding must name.
        deployment: in which it shows (environments.py).
    """

    what: str
    file: str
    old: str
    new: str
    catcher: str
    where: str = ""
    deployment: str = "production"

    def is_caught_by(self, problem: Problem) -> bool:
        named = f"{problem.address} {problem.detail} {problem.message}"
        return problem.rule == self.catcher and self.where in named

    def gets_on_with(self, other: "Defect") -> bool:
        """Whether both can be in one copy without being taken for each other."""
        overlaps = self.file == other.file and (self.old in other.old or other.old in self.old)
        return self.deployment == other.deployment and self.catcher != other.catcher and not overlaps


REGION = "terraform/region"
WEB = "ecs/frontend.json"
