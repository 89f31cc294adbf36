"""The demonstration courses in words, one module for each category."""

from payments.demo.texts import ai, apps, data, games, structures, web
from payments.demo.texts.shapes import CourseText

# Slugs are written out: people have bookmarked them.
CATEGORIES = {
    web.CATEGORY: "web-development",
    ai.CATEGORY: "artificial-intelligence",
    structures.CATEGORY: "data-structures-and-algorithms",
    apps.CATEGORY: "app-development",
    data.CATEGORY: "data-science",
    games.CATEGORY: "game-development",
}

COURSES: tuple[CourseText, ...] = (
    *web.COURSES,
    *ai.COURSES,
    *structures.COURSES,
    *apps.COURSES,
    *data.COURSES,
    *games.COURSES,
)
