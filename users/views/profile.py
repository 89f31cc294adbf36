"""One's own profile."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from coursebundler.images import PHOTO_WIDTHS, delete_image, save_image
from users.forms import PhotoForm, ProfileForm
from users.models import User


@require_safe
def profile(request: HttpRequest) -> HttpResponse:
    """Who one is to the site, and the way to everything else of the account."""
    return render(request, "users/profile.html")


@require_http_methods(["GET", "POST"])
def update_profile(request: HttpRequest) -> HttpResponse:
    """Change the name and, for those who teach, headline and bio. The address is changed at /email, with proof."""
    posted = request.POST if request.method == "POST" else None
    form = ProfileForm(posted, instance=User.objects.get(pk=request.user.pk))
    if form.is_valid():
        form.instance.save(update_fields=list(form.fields))
        messages.success(request, "Your profile is changed.")
        return redirect("users:profile")
    return render(request, "users/update_profile.html", {"form": form}, status=400 if form.errors else 200)


@require_http_methods(["GET", "POST"])
def update_photo(request: HttpRequest) -> HttpResponse:
    """Put another photo in the place of one's own, or remove it."""
    if request.method == "POST" and "remove" in request.POST:
        _replace_photo(request.user, "")
        messages.success(request, "Your photo is removed.")
        return redirect("users:profile")
    form = PhotoForm(None, request.FILES) if request.method == "POST" else PhotoForm()
    if _save_photo(request, form):
        messages.success(request, "Your photo is changed.")
        return redirect("users:profile")
    return render(request, "users/update_photo.html", {"form": form}, status=400 if form.errors else 200)


def _save_photo(request: HttpRequest, form: PhotoForm) -> bool:
    if not form.is_valid():
        return False
    try:
        key = save_image("photos", form.cleaned_data["photo"], PHOTO_WIDTHS)
    except ValidationError as error:
        form.add_error("photo", error)
        return False
    _replace_photo(request.user, key)
    return True


def _replace_photo(user: User, key: str) -> None:
    """The old files go when the new ones are in place. Of two uploads at once the one that loses is removed."""
    replaced = User.objects.filter(pk=user.pk, photo_key=user.photo_key).update(photo_key=key)
    unused = user.photo_key if replaced else key
    if unused:
        delete_image(unused, PHOTO_WIDTHS)
