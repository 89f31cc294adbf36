"""People: students, instructors and staff are all users; what they may do comes from grants and permissions."""

from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

from coursebundler.models import UUIDModel


class UserQuerySet(models.QuerySet["User"]):
    def administrators(self) -> "UserQuerySet":
        """Who may do everything; there must always be one (users/admin.py)."""
        return self.filter(is_superuser=True, is_active=True)


class UserManager(BaseUserManager.from_queryset(UserQuerySet)):  # type: ignore[misc]
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """A new account; without a password nobody can log in to it until one is set by mail."""
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, email: str | None) -> "User":
        return self.get(email=(email or "").lower())


class User(UUIDModel, AbstractBaseUser, PermissionsMixin):
    """A person with an e-mail address for a login name, always stored in lower case."""

    email = models.EmailField("e-mail", max_length=254, unique=True)
    name = models.CharField(max_length=80, blank=True)
    photo_key = models.CharField(max_length=200, blank=True, help_text="Public storage key without size and suffix.")
    headline = models.CharField(max_length=120, blank=True, help_text="Shown beside an instructor's name.")
    bio = models.TextField(blank=True, help_text="Shown on an instructor's courses. Markdown.")
    is_staff = models.BooleanField("staff", default=False, help_text="May open the admin.")
    is_active = models.BooleanField("active", default=True, help_text="Untick instead of deleting an account.")
    date_joined = models.DateTimeField(default=timezone.now, editable=False)

    objects = UserManager()

    EMAIL_FIELD = "email"
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = []

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="user_email_is_lower_case"),
        ]

    def __str__(self) -> str:
        return self.name or self.email

    def clean(self) -> None:
        super().clean()
        self.email = self.email.lower()

    @property
    def presents_themselves(self) -> bool:
        """Whether a headline and a bio are of use: to staff, who may teach, and to those who have them."""
        return self.is_staff or bool(self.headline or self.bio)

    def anonymise(self) -> None:
        """Take out everything that tells who this was, and close the account for good; what names it stays. To be
        called in a transaction. Whoever is logged in is logged out with their next click."""
        self.email = f"deleted-{self.pk.hex}@deleted.invalid"
        self.name = self.headline = self.bio = self.photo_key = ""
        self.is_active = self.is_staff = self.is_superuser = False
        self.set_unusable_password()
        self.save()
        self.groups.clear()
        self.user_permissions.clear()
        self.emailaddress_set.all().delete()  # type: ignore[attr-defined]  # allauth's

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.name.split(" ")[0] if self.name else self.email.split("@")[0]
