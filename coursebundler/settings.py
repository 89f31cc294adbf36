"""Every setting, from the environment (.env.example lists what it reads).

With DEBUG=true there is a working default for everything; without it a missing secret stops the start with its name.
"""

from pathlib import Path
from urllib.parse import urlsplit

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from whitenoise.compress import Compressor

from coursebundler import database_url, logs
from coursebundler.environment import Environment, address, mail_config, one_of
from coursebundler.media_storage import media_settings

BASE_DIR = Path(__file__).resolve().parent.parent

env = Environment()
if (BASE_DIR / ".env").is_file():
    env.read_env(BASE_DIR / ".env")

DEBUG = env.flag("DEBUG", default=False)


def required(name: str, *, development: str) -> str:
    """The variable's value; `development` stands in for it only with DEBUG=true. Empty counts as missing."""
    value = env.str(name, default=development if DEBUG else "").strip()
    if not value:
        raise ImproperlyConfigured(f"Set the {name} environment variable (.env.example), or DEBUG=true on a laptop.")
    return value


# Everything that the site writes on a laptop is in this one folder.
DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / "var"))).resolve()
if DEBUG:
    DATA_DIR.mkdir(parents=True, exist_ok=True)

# --- The site and who may reach it ---
SECRET_KEY = required("SECRET_KEY", development="development-only-not-a-secret-development-only-not-a-secret")
# Keys of before, so that what they signed (sessions, links in mails) holds for a while after a change.
SECRET_KEY_FALLBACKS = env.words("SECRET_KEY_FALLBACKS", default=[])
SITE_URL = address("SITE_URL", required("SITE_URL", development=f"http://localhost:{env.str('PORT', default='8000')}"))
HOSTS_BY_DEFAULT = ["localhost", "127.0.0.1", "[::1]"] if DEBUG else [urlsplit(SITE_URL).hostname or ""]
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", default=HOSTS_BY_DEFAULT)
CSRF_TRUSTED_ORIGINS = [SITE_URL]
# How many proxies of ours stand in front (ALB 1, CloudFront and ALB 2); 0 trusts no forwarded header.
PROXY_COUNT = env.whole("PROXY_COUNT", default=0, at_most=9)
ALLAUTH_TRUSTED_PROXY_COUNT = PROXY_COUNT
if PROXY_COUNT:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

ROOT_URLCONF = "coursebundler.urls"
WSGI_APPLICATION = "coursebundler.wsgi.application"
APPEND_SLASH = False

INSTALLED_APPS = [
    "payments",
    "courses",
    "users",
    "coursebundler.documentdb",
    "coursebundler.backups",
    "coursebundler.apps.PortableAdminConfig",
    "coursebundler.apps.PortableAuthConfig",
    "coursebundler.apps.PortableContentTypesConfig",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "csp",
    "django_htmx",
    "import_export",
    "ninja",
]

MIDDLEWARE = [
    "coursebundler.observing.ObservingMiddleware",
    "coursebundler.health.HealthMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "coursebundler.compression.PageGZipMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "builtins": ["coursebundler.formatting"],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
INSTALLED_APPS.append("django.forms")

# --- The database ---
# How many requests a process works on at once; gunicorn.conf.py reads the same variable.
WEB_THREADS = env.whole("WEB_THREADS", default=4, at_least=1, at_most=1000)
DATABASES = database_url.databases(
    required("DATABASE_URL", development=f"sqlite:///{DATA_DIR / 'db.sqlite3'}"),
    threads=WEB_THREADS,
    # Where in AWS Secrets Manager its user and password are, if they are not in the URL (docs/database.md).
    secret_arn=env.str("DATABASE_SECRET_ARN", default="").strip(),
    # Whether the catalogue's lists may come from DocumentDB's secondaries, some seconds old.
    listings_from_secondaries=env.flag("DATABASE_LISTINGS_FROM_SECONDARIES", default=False),
)
# The cluster's own user, for rotate_database_password alone; ECS gives it to no other task.
DATABASE_MASTER_SECRET_ARN = env.str("DATABASE_MASTER_SECRET_ARN", default="").strip()
# Where back_up puts dumps: file:///folder, or s3://bucket/prefix?region=…
BACKUP_URL = env.str("BACKUP_URL", default=f"file://{DATA_DIR / 'backups'}" if DEBUG else "").strip()
DEFAULT_AUTO_FIELD = "coursebundler.fields.UUIDAutoField"
ALLAUTH_DEFAULT_AUTO_FIELD = DEFAULT_AUTO_FIELD
MIGRATION_MODULES = {
    app: f"coursebundler.migrations.{app}"
    # mfa and usersessions are not installed yet; their tables are ready for when they are (docs/database.md).
    for app in ("account", "admin", "auth", "contenttypes", "mfa", "usersessions")
}
CACHES = database_url.caches(DATABASES["default"])
IMPORT_EXPORT_USE_TRANSACTIONS = False
IMPORT_EXPORT_SKIP_ADMIN_EXPORT_UI = True  # its page for choosing fields needs inline scripts; the button gives a file
IMPORT_EXPORT_ESCAPE_FORMULAE_ON_EXPORT = True

# --- Accounts ---
AUTH_USER_MODEL = "users.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("name", "email")},
    },
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "courses:my_courses"
LOGOUT_REDIRECT_URL = "courses:home"
ACCOUNT_ADAPTER = "users.allauth.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_SIGNUP_FORM_CLASS = "users.forms.SignupNameForm"
ACCOUNT_FORMS = {
    "login": "users.account_forms.LoginForm",
    "signup": "users.account_forms.SignupForm",
    "add_email": "users.account_forms.AddEmailForm",
    "change_password": "users.account_forms.ChangePasswordForm",
    "set_password": "users.account_forms.SetPasswordForm",
    "reset_password": "users.account_forms.ResetPasswordForm",
    "reset_password_from_key": "users.account_forms.ResetPasswordKeyForm",
    "reauthenticate": "users.account_forms.ReauthenticateForm",
    "confirm_email_verification_code": "users.account_forms.ConfirmEmailVerificationCodeForm",
}
# Whoever finds an open session must not be able to take the account with it: a change of address asks for the password.
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_EMAIL_CONFIRMATION_HMAC = False
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_SESSION_REMEMBER = True
# Rows, so that ending one ends it everywhere: docs/decisions/0021-sessions.md.
SESSION_ENGINE = "users.sessions"
SESSION_SERIALIZER = "users.sessions.UUIDSessionSerializer"

# --- Pages and files ---
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Maps of sources are for developers' tools and half of all there is to compress.
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = [*Compressor.SKIP_COMPRESS_EXTENSIONS, "map"]
STATIC_ROOT = Path(env.str("STATIC_ROOT", default=str(DATA_DIR / "static")))
# file:///folder, or s3://bucket?region=…&endpoint_url=…&cdn=https://… (courses/storage/)
MEDIA_STORAGE_URL = required("MEDIA_STORAGE_URL", development=f"file://{DATA_DIR / 'media'}")
MEDIA_URL_SECONDS = env.whole("MEDIA_URL_SECONDS", default=4 * 3600)
CLOUDFRONT_KEY_ID = env.str("CLOUDFRONT_KEY_ID", default="")
CLOUDFRONT_PRIVATE_KEY = env.str("CLOUDFRONT_PRIVATE_KEY", default="", multiline=True)
MEDIA = media_settings(
    MEDIA_STORAGE_URL,
    url_seconds=MEDIA_URL_SECONDS,
    cloudfront_key_id=CLOUDFRONT_KEY_ID,
    cloudfront_private_key=CLOUDFRONT_PRIVATE_KEY,
)
STORAGES = {
    **MEDIA.storages,
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG and env.flag("STATIC_UNHASHED", default=False)
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True

# --- Payments ---
RAZORPAY_BASE_URL = env.str(
    "RAZORPAY_BASE_URL",
    default=f"http://localhost:{env.str('SANDBOX_PORT', default='8001')}" if DEBUG else "https://api.razorpay.com",
).rstrip("/")
RAZORPAY_KEY_ID = required("RAZORPAY_KEY_ID", development="rzp_test_sandbox")
RAZORPAY_KEY_SECRET = required("RAZORPAY_KEY_SECRET", development="sandbox-key-secret")
RAZORPAY_WEBHOOK_SECRET = required("RAZORPAY_WEBHOOK_SECRET", development="sandbox-webhook-secret")
# The one before, for as long as Razorpay may still repeat events that it signed with it: 24 hours.
RAZORPAY_WEBHOOK_SECRET_PREVIOUS = env.str("RAZORPAY_WEBHOOK_SECRET_PREVIOUS", default="").strip()
# For connecting and for each answer; a webhook of theirs must be answered within 5 s, and we ask back before we do.
RAZORPAY_TIMEOUT_SECONDS = env.seconds("RAZORPAY_TIMEOUT_SECONDS", default=4, at_most=60)
# Above this sum, all refunds of an order together, a second member of staff has to agree.
REFUND_APPROVAL_ABOVE_PAISE = env.whole("REFUND_APPROVAL_ABOVE_PAISE", default=500_000)
# An error is logged if payments came in for so long and no webhook did.
WEBHOOK_SILENCE_HOURS = env.whole("WEBHOOK_SILENCE_HOURS", default=6, at_least=1, at_most=1000)
# How long a subscription whose renewal failed stays open; Razorpay tries again on each of the three following days.
SUBSCRIPTION_GRACE_DAYS = env.whole("SUBSCRIPTION_GRACE_DAYS", default=4, at_most=365)

# --- The seller, as tax documents name it (docs/books.md); payments/apps.py checks it ---
# Without a GSTIN the school is not registered: no tax is in its prices, and none on its invoices.
SELLER_GSTIN = env.str("SELLER_GSTIN", default="29ABCDE1234F1ZW" if DEBUG else "").strip().upper()
SELLER_NAME = env.str("SELLER_NAME", default="CourseBundler (demonstration)" if DEBUG else "").strip()
SELLER_ADDRESS = env.str("SELLER_ADDRESS", default="1 Example Road, Bengaluru 560001" if DEBUG else "").strip()
SELLER_STATE = env.str("SELLER_STATE", default=SELLER_GSTIN[:2]).strip()
GST_RATE_BP = env.whole("GST_RATE_BP", default=1800, at_most=10_000)
SAC_CODE = env.str("SAC_CODE", default="999293").strip()

# --- Mail ---
# On a laptop mail is written to a folder and read at /dev/mail.
EMAIL_CONFIG = mail_config("EMAIL_URL", required("EMAIL_URL", development=f"filemail:///{DATA_DIR / 'mail'}"))
globals().update(**{key: value for key, value in EMAIL_CONFIG.items() if key != "OPTIONS"})
DEFAULT_FROM_EMAIL = required("DEFAULT_FROM_EMAIL", development="CourseBundler <hello@localhost>")
CONTACT_EMAIL = required("CONTACT_EMAIL", development="contact@localhost")
EMAIL_TIMEOUT = 10
# Not DEBUG itself, which the test runner switches off: /dev/mail exists where mail goes to a folder of a laptop.
DEV_MAIL = DEBUG and EMAIL_CONFIG["EMAIL_BACKEND"] == "django.core.mail.backends.filebased.EmailBackend"

# --- Security headers ---
SESSION_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
if not DEBUG:
    SECURE_SSL_REDIRECT = env.flag("SECURE_SSL_REDIRECT", default=True)
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True

MEDIA_ORIGINS = MEDIA.origins
MEDIA_UPLOADS_ACCELERATED = MEDIA.accelerates_uploads
RAZORPAY_HOSTS = ["https://*.razorpay.com"] if "razorpay.com" in RAZORPAY_BASE_URL else []
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "font-src": [SELF],
        "img-src": [SELF, "data:", *MEDIA_ORIGINS],
        "media-src": [SELF, *MEDIA_ORIGINS],
        "connect-src": [SELF, *MEDIA_ORIGINS],
        "manifest-src": [SELF],
        # The hosted payment page may be moved between hosts of Razorpay's by redirects, which Chromium checks as well.
        "form-action": [SELF, RAZORPAY_BASE_URL, *RAZORPAY_HOSTS],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "object-src": [NONE],
    }
}

# --- Logs and figures: one JSON object a line in production, which CloudWatch reads; plain text on a laptop ---
# What the image runs as: frontend, backend or worker (coursebundler/start.py).
SERVICE_ROLE = env.str("SERVICE_ROLE", default="").strip() or "site"
METRICS = not DEBUG
# Whether each route has metrics of its own, about $54 a month (docs/decisions/0041-metrics.md).
METRICS_BY_ROUTE = env.flag("METRICS_BY_ROUTE", default=False)
LOG_LEVEL = one_of("LOG_LEVEL", env.str("LOG_LEVEL", default="INFO"), logs.LEVELS)
LOGGING = logs.configuration(level=LOG_LEVEL, service=SERVICE_ROLE, is_json=not DEBUG)
