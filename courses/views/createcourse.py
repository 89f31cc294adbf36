"""/admin/createcourse: staff make a course with its poster and videos on one page (sequence diagram 2)."""

from csp.decorators import csp_update
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from courses.creation import course_made_before, create_course
from courses.forms import CourseForm
from courses.models import Course


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required("courses.add_course", raise_exception=True)
# The page shows the chosen poster and measures the chosen video before they are sent.
@csp_update({"img-src": ["blob:"], "media-src": ["blob:"]})
def createcourse(request: HttpRequest) -> HttpResponse:
    form = CourseForm(request.POST or None, request.FILES or None, user=request.user)
    if request.method == "POST" and (course := _course_of_same_form(form) or _created(request, form)):
        return redirect(course)
    return render(request, "courses/createcourse.html", {"form": form})


def _course_of_same_form(form: CourseForm) -> Course | None:
    """What a first click on the button has made already, its uploads moved away from where a second looks for them."""
    try:
        new_id = form.fields["new_id"].clean(form.data.get("new_id"))
    except ValidationError:
        return None
    return course_made_before(form.user, new_id) if new_id else None


def _created(request: HttpRequest, form: CourseForm) -> Course | None:
    if not form.is_valid():
        return None
    try:
        course = create_course(form.user, form)
    except ValidationError:
        return None  # said at the field
    messages.success(request, f"“{course.title}” was created.")
    return course
