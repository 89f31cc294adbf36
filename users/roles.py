"""Groups of staff, as lists of permissions. `manage.py create_roles` brings the database in line with this file."""

from django.contrib.auth.models import Group, Permission

# Which rows of these they may touch is for each admin class to say: instructors see their own courses only.
ROLES = {
    "Instructors": [
        "courses.view_category",
        *(
            f"courses.{verb}_{model}"
            for model in ("course", "section", "lecture")
            for verb in ("add", "change", "view")
        ),
        "courses.delete_section",
        "courses.delete_lecture",
    ],
    "Support": [
        "users.view_user",
        "courses.manage_any_course",
        "courses.view_course",
        "courses.view_grant",
        "courses.add_grant",
        "courses.change_grant",
        "payments.view_order",
        "payments.view_orderline",
        "payments.view_payment",
        "payments.view_bundle",
        "payments.view_bundleedition",
        "payments.view_coupon",
        "payments.view_couponuse",
        "payments.view_subscription",
    ],
}


class UnknownPermission(LookupError):
    """A role names a permission that no installed model has."""


def create_roles() -> None:
    """Make the groups and give each exactly its permissions. Safe to repeat; members stay."""
    known = {f"{p.content_type.app_label}.{p.codename}": p for p in Permission.objects.select_related("content_type")}
    for role, names in ROLES.items():
        missing = [name for name in names if name not in known]
        if missing:
            raise UnknownPermission(f"{role}: {', '.join(missing)}. Run migrate first.")
        Group.objects.get_or_create(name=role)[0].permissions.set([known[name] for name in names])
