"""Django's contrib apps with the portable primary key; their migrations are in coursebundler/migrations/."""

from django.contrib.admin.apps import AdminConfig
from django.contrib.auth.apps import AuthConfig
from django.contrib.contenttypes.apps import ContentTypesConfig

PORTABLE_KEY = "coursebundler.fields.UUIDAutoField"


class PortableAdminConfig(AdminConfig):
    default_auto_field = PORTABLE_KEY


class PortableAuthConfig(AuthConfig):
    default_auto_field = PORTABLE_KEY


class PortableContentTypesConfig(ContentTypesConfig):
    default_auto_field = PORTABLE_KEY
