"""What the demonstration school sells beside single courses at their price: bundles, a coupon, a sale."""

from datetime import timedelta

from django.utils import timezone

from coursebundler.db import atomic
from courses.models import Course
from payments.models import Bundle, Coupon

COUPON = "WELCOME10"
ON_SALE, SALE_PRICE_RUPEES, SALE_DAYS = "language-models-at-work", 2399, 30
# slug, title, promise, description, price in rupees, whether it grows, courses
BUNDLES = [
    (
        "from-numbers-to-decisions",
        "From numbers to decisions",
        "Take a messy table apart and show honestly what is in it.",
        "Start with the spreadsheet that you have. Leave it behind in pandas, and draw what you found so that nobody "
        "is misled. **Statistics for decisions** joins the bundle when it is ready.",
        1399,
        True,
        ["from-spreadsheets-to-pandas", "honest-charts"],
    ),
    (
        "thinking-before-typing",
        "Thinking before typing",
        "Choose the right structure first, then build the app around it.",
        "Three courses that go together: how to tell what a program costs, how to draw the problem as a graph, and how "
        "to bring the answer to a telephone.",
        2999,
        False,
        ["big-o-without-tears", "graphs-you-can-draw", "your-first-android-app"],
    ),
]


def create_offers() -> int:
    """Make them once, after the courses, and say how many; later changes by staff stay. Safe to repeat."""
    if Coupon.objects.filter(code=COUPON).exists():
        return 0
    with atomic():
        Coupon.objects.create(code=COUPON, value=10, minimum_price_paise=10000)
        _put_on_sale()
        for slug, title, promise, description, rupees, grows, courses in BUNDLES:
            bundle = Bundle.objects.create(
                slug=slug,
                title=title,
                promise=promise,
                description=description,
                price_paise=rupees * 100,
                status=Bundle.Status.PUBLISHED,
            )
            by_slug = {course.slug: course for course in Course.objects.filter(slug__in=courses)}
            bundle.publish_edition([by_slug[slug] for slug in courses], additions_included=grows)
    return 2 + len(BUNDLES)


def _put_on_sale() -> None:
    now = timezone.now()
    course = Course.objects.filter(slug=ON_SALE, price_paise__gt=SALE_PRICE_RUPEES * 100)
    course.update(
        sale_price_paise=SALE_PRICE_RUPEES * 100, sale_starts_at=now, sale_ends_at=now + timedelta(days=SALE_DAYS)
    )
