from courses.models.access import Grant
from courses.models.catalogue import CatalogueRevision, Category, Course, SearchToken
from courses.models.curriculum import Lecture, Section
from courses.models.learning import Progress, Saved

__all__ = [
    "CatalogueRevision",
    "Category",
    "Course",
    "Grant",
    "Lecture",
    "Progress",
    "Saved",
    "SearchToken",
    "Section",
]
