"""Accounts over JSON: allauth's forms, limits and mails, without its pages."""

from http import HTTPStatus
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.internal import flows
from allauth.account.internal.constants import LoginStageKey
from allauth.account.internal.flows.email_verification_by_code import EmailVerificationProcess
from allauth.account.stages import LoginStageController
from allauth.core import ratelimit
from django.forms import Form
from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja import Router

from coursebundler import tokens
from coursebundler.api import ApiError, read_body, refuse_cross_site
from coursebundler.images import image_url
from users.account_forms import ConfirmEmailVerificationCodeForm, LoginForm, SignupForm
from users.models import User

router = Router(tags=["Accounts"])


class TooMany(ApiError):
    def __init__(self) -> None:
        super().__init__(429, "Too many attempts. Please wait a few minutes and try again.")


def _body(*required: str) -> dict[str, Any]:
    """For the documentation: these text fields, as JSON or as a form."""
    schema = {
        "type": "object",
        "required": list(required),
        "properties": {name: {"type": "string"} for name in required},
    }
    kinds = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data")
    return {"requestBody": {"required": True, "content": {kind: {"schema": schema} for kind in kinds}}}


@router.post("/register", auth=None, openapi_extra=_body("name", "email", "password"))
def register(request: HttpRequest) -> HttpResponse:
    """Make an account and mail a code for POST /verifyemail. 201, also if the address is taken: its owner gets a
    different mail. 400 with errors at the fields, 409 while logged in, 429 after too many.
    """
    refuse_cross_site(request)
    body = read_body(request, "name", "email", "password")
    if request.user.is_authenticated:
        raise ApiError(409, "You are logged in. Log out before you register another account.")
    _limit(request, "signup")
    form = SignupForm({"name": body.get("name"), "email": body.get("email"), "password1": body.get("password")})
    _require_valid(form, rename={"password1": "password"})
    user, response = form.try_save(request)
    response = response or flows.signup.complete_signup(request, user=user)
    _refuse_if_limited(response)
    return _answer(HTTPStatus.CREATED, message=f"We sent a code to {form.cleaned_data['email']}.")


@router.post("/verifyemail", auth=None, openapi_extra=_body("code"))
def verify_email(request: HttpRequest) -> HttpResponse:
    """Enter the mailed code, in the session that asked for it; logs in. 400 for a wrong or expired code."""
    refuse_cross_site(request)
    body = read_body(request, "code")
    stage = LoginStageController.enter(request, LoginStageKey.VERIFY_EMAIL.value)
    process = EmailVerificationProcess.resume(request)
    if stage is None or process is None:
        raise ApiError(400, "No code is expected here. Register, or log in to get a new one.")
    form = ConfirmEmailVerificationCodeForm(body, code=process.code, user=process.user, email=process.email)
    if not form.is_valid() and not process.record_invalid_attempt():
        raise ApiError(400, "Too many wrong codes. Log in to get a new one.")
    _require_valid(form)
    if process.finish() is None:
        raise ApiError(409, "This address belongs to another account.")
    stage.exit()
    return _logged_in(request, process.user)


@router.post("/login", auth=None, openapi_extra=_body("email", "password"))
def login(request: HttpRequest) -> HttpResponse:
    """Start a session and get an access token for 15 minutes. 401 for wrong credentials, 403 for a closed account and
    for an unverified address (a code was mailed, for POST /verifyemail), 429 after too many attempts.
    """
    refuse_cross_site(request)
    body = read_body(request, "email", "password")
    _limit(request, "login")
    form = LoginForm({"login": body.get("email"), "password": body.get("password")}, request=request)
    if not form.is_valid() and form.non_field_errors():
        raise _refused_login(form)
    _require_valid(form, rename={"login": "email"})
    response = form.login(request)
    _refuse_if_limited(response)
    if not form.user.is_active:
        raise ApiError(403, "This account is closed.")
    return _logged_in(request, form.user)


@router.post("/logout", auth=None)
def logout(request: HttpRequest) -> HttpResponse:
    """End the session. An access token stays good until it expires."""
    refuse_cross_site(request)
    flows.logout.logout(request)
    return _answer(message="You are logged out.")


@router.get("/me")
def me(request: HttpRequest) -> HttpResponse:
    """Who is asking."""
    return _answer(user=_shown(request.user))


def _shown(user: User) -> dict[str, Any]:
    return {
        "id": user.pk,
        "name": user.name,
        "email": user.email,
        "role": "admin" if user.is_superuser else "staff" if user.is_staff else "user",
        "avatar": {"url": image_url(user.photo_key, 256)} if user.photo_key else None,
        "createdAt": user.date_joined,
    }


def _logged_in(request: HttpRequest, user: User) -> HttpResponse:
    """Session and token, unless allauth wants another step before it logs this user in."""
    if LoginStageController.enter(request, LoginStageKey.VERIFY_EMAIL.value):
        raise ApiError(403, "Please confirm your e-mail address first. We sent you a code.")
    if request.user.pk != user.pk:
        raise ApiError(403, "One more step is needed. Please log in on the website.")
    return _answer(
        message=f"Welcome, {request.user.get_short_name()}.",
        user=_shown(request.user),
        access_token=tokens.issue(request.user),
        expires_in=int(tokens.LIFETIME.total_seconds()),
    )


def _answer(status: int = HTTPStatus.OK, **fields: Any) -> HttpResponse:
    return JsonResponse({"success": True, **fields}, status=status)


def _limit(request: HttpRequest, action: str) -> None:
    if not ratelimit.consume(request, action=action):
        raise TooMany


def _refuse_if_limited(response: HttpResponse) -> None:
    if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        raise TooMany


def _refused_login(form: Form) -> ApiError:
    code = form.non_field_errors().as_data()[0].code
    if code == "too_many_login_attempts":
        return TooMany()
    return ApiError(401, str(get_adapter().error_messages["email_password_mismatch"]))


def _require_valid(form: Form, rename: dict[str, str] | None = None) -> None:
    """Raises ApiError 400 with the form's errors under the names that the API gives its fields."""
    if not form.is_valid():
        errors: dict[str, list[str]] = {
            (rename or {}).get(name, name): [str(text) for text in texts] for name, texts in form.errors.items()
        }
        raise ApiError(400, "Please correct the marked fields.", errors)
