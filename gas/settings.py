"""All settings of the service, read from the environment.

The profile only changes defaults: `local` is one machine with nothing but files, `emulated` is
what the tests use (PostgreSQL, SQS and S3 on loopback), `aws` is production. Every variable is
declared through `gas.env`, and docs/settings.md is made from those declarations.
"""

from __future__ import annotations

import contextlib
import secrets
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from gas import env
from gas.version import VERSION

BASE_DIR = Path(__file__).resolve().parent.parent

# --- Profile and state folder -----------------------------------------------------------------
PROFILE = env.choice(
    "GAS_PROFILE", "local", ("local", "emulated", "aws"), "Which defaults to use: one machine, the tests, or AWS."
)
IS_LOCAL = PROFILE == "local"
IS_AWS = PROFILE == "aws"
VAR_DIR = env.path("GAS_VAR_DIR", BASE_DIR / "var", "Folder for all state that is kept on this machine.", shown="var")
try:
    VAR_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=VAR_DIR).close()
except OSError as error:
    raise ImproperlyConfigured(
        f"The state folder {VAR_DIR} cannot be written to ({error.strerror}): "
        "set GAS_VAR_DIR to a folder that belongs to the user who runs GAS."
    ) from None


def _generated_secret(name: str) -> str:
    """A random secret kept in the state folder; made at the first start."""
    file = VAR_DIR / name
    if not file.exists():
        # Two first starts at once: each writes its own file, the one that links first has made the secret.
        beside = VAR_DIR / f".{name}-{secrets.token_hex(8)}"
        beside.touch(mode=0o600, exist_ok=False)
        beside.write_text(secrets.token_urlsafe(50))
        with contextlib.suppress(FileExistsError):
            file.hardlink_to(beside)
        beside.unlink()
    return file.read_text().strip()


def _required_on_aws(name: str, value: str) -> str:
    if IS_AWS and not value:
        raise ImproperlyConfigured(f"{name} must be set in the aws profile; docs/settings.md says what it is.")
    return value


# --- Web --------------------------------------------------------------------------------------
DEBUG = False
SECRET_KEY = _required_on_aws(
    "GAS_SECRET_KEY",
    env.secret("GAS_SECRET_KEY", "", "Signs sessions and links. The local profile makes one and keeps it in var/."),
) or _generated_secret("secret-key")
BIND = env.text("GAS_BIND", "127.0.0.1", "Address the web server listens on.")
PORT = env.integer("GAS_PORT", 8000, "Port the web server listens on.", minimum=1)
BASE_URL = env.text(
    "GAS_BASE_URL",
    f"http://localhost:{PORT}",
    "Address of the service as users see it, for links in mails.",
    shown="http://localhost:GAS_PORT",
).rstrip("/")
ALLOWED_HOSTS = env.words(
    "GAS_ALLOWED_HOSTS", () if IS_AWS else ("localhost", "127.0.0.1", "[::1]"), "Host names the service answers to."
)
if IS_AWS and not ALLOWED_HOSTS:
    raise ImproperlyConfigured("GAS_ALLOWED_HOSTS must be set in the aws profile; docs/settings.md says what it is.")
HTTPS = env.flag("GAS_HTTPS", IS_AWS, "Users reach the service by https: secure cookies, redirect and HSTS.")
HSTS = env.choice(
    "GAS_HSTS",
    "host",
    ("host", "subdomains", "preload"),
    "With GAS_HTTPS, what browsers reach by https alone for a year: this host; all hosts below it too; or these by the"
    " browsers' own lists, even at the first visit. The latter two may reach services that are not GAS.",
)
TRUSTED_PROXIES = env.integer(
    "GAS_TRUSTED_PROXIES", 1 if IS_AWS else 0, "How many proxies in front may be believed about the client's address."
)
WEB_THREADS = env.integer("GAS_WEB_THREADS", 4, "Threads of each web process.", minimum=1)
WEB_WORKERS = env.integer("GAS_WEB_WORKERS", 4, "Web processes.", minimum=1)

SITE_VERSION = VERSION
ROOT_URLCONF = "gas.urls"
WSGI_APPLICATION = "gas.wsgi.application"
APPEND_SLASH = True

INSTALLED_APPS = [
    "django_otp",  # before accounts, which takes these apps' pages out of the admin
    "django_otp.plugins.otp_totp",
    "django_otp_webauthn",
    "social_django",
    "gas",
    "accounts",
    "annotations",
    "archival",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "django.contrib.staticfiles",
    "storages",
    "axes",
]

MIDDLEWARE = [
    "gas.middleware.request_context",
    "gas.middleware.security_headers",
    "gas.middleware.probes_by_address",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "accounts.security.sessions.keep_track",
    "accounts.security.second_factor.required",
    "accounts.terms.asked_again",
    "gas.staff_reads.recorded",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
    "gas.middleware.say_what_is_allowed",
]

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "gas.context.site",
            ],
        },
    }
]

LANGUAGE_CODE = "en-gb"
FORMAT_MODULE_PATH = "gas.formats"  # the admin's moments, with the zone
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
USE_THOUSAND_SEPARATOR = True

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = VAR_DIR / "staticfiles"

SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HSTS in ("subdomains", "preload")
SECURE_HSTS_PRELOAD = HSTS == "preload"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SECURE_REFERRER_POLICY = "same-origin"
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SESSION_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"  # Strict would drop the session on the way back from a sign-in provider
SESSION_COOKIE_AGE = 14 * 24 * 3600
CSRF_COOKIE_SECURE = HTTPS
CSRF_COOKIE_HTTPONLY = False
CSRF_FAILURE_VIEW = "gas.errors.csrf_failure"
X_FRAME_OPTIONS = "DENY"
# A request body that Django parses (forms, JSON) stays small; uploads stream past this.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_048_576

# Everything a page needs comes from the service itself; gas.middleware sends this with every response.
CONTENT_SECURITY_POLICY: dict[str, list[str]] = {
    "default-src": ["'none'"],
    "script-src": ["'self'"],
    # Two constant styles that igv.js writes into the page; a new version of it has other hashes.
    "style-src": [
        "'self'",
        "'sha256-ITHmamcImsZ/Je1xrdtDLZVvRSpj1Zokb6uHXORB824='",
        "'sha256-NTwDUA6nIvRRpI2lIBtHJqkV0TlTj4HVmI6vI81fIfM='",
    ],
    "img-src": ["'self'", "data:"],
    "font-src": ["'self'"],
    "connect-src": ["'self'"],
    "form-action": ["'self'"],
    "base-uri": ["'none'"],
    "frame-ancestors": ["'none'"],
}

# --- Database ---------------------------------------------------------------------------------
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASE_URL = _required_on_aws(
    "GAS_DATABASE_URL",
    env.secret("GAS_DATABASE_URL", "", "postgresql://user:password@host/name. Empty: SQLite in the state folder."),
)


def _database() -> dict[str, Any]:
    if not DATABASE_URL:
        # IMMEDIATE takes the write lock at BEGIN, so that two writers queue instead of failing half-way.
        # secure_delete overwrites what is deleted: an erased account leaves nothing in free pages.
        options = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 30,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;",
        }
        # The tests use a file too: threads see one database, with its real locks.
        test = {"NAME": VAR_DIR / "test.sqlite3"}
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": VAR_DIR / "gas.sqlite3",
            "OPTIONS": options,
            "CONN_MAX_AGE": 60,  # opening costs each request a millisecond, and closing the last one a write to disk
            "TEST": test,
        }
    if not DATABASE_URL.startswith(("postgresql://", "postgres://")):
        raise ImproperlyConfigured("GAS_DATABASE_URL must begin with postgresql://, or be empty for SQLite.")
    parsed: dict[str, Any] = dict(dj_database_url.parse(DATABASE_URL, conn_max_age=60, conn_health_checks=True))
    parsed.setdefault("OPTIONS", {}).setdefault("connect_timeout", 5)
    return parsed


DATABASES = {"default": _database()}

# --- Accounts ---------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
# W004 asks for unique=True on the address; the constraint on its lower case is stricter. E031 refuses plain http
# elsewhere than on this machine: browsers make no passkeys there, and the pages offer none. W005 and W021 ask for HSTS
# on subdomains and for preload, which only who runs the whole domain may decide: GAS_HSTS.
SILENCED_SYSTEM_CHECKS = ["auth.W004", "otp_webauthn.E031", "security.W005", "security.W021"]
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "accounts:sign_in"
LOGIN_REDIRECT_URL = "annotations:jobs"
LOGOUT_REDIRECT_URL = "annotations:home"
SESSION_IDLE_HOURS = env.number(
    "GAS_SESSION_IDLE_HOURS", 72, "A browser that was away for longer is signed out, in hours.", minimum=0.1
)
OTP_TOTP_ISSUER = "GAS"
OTP_WEBAUTHN_RP_NAME = "GAS"
OTP_WEBAUTHN_RP_ID = urlsplit(BASE_URL).hostname or "localhost"
OTP_WEBAUTHN_ALLOWED_ORIGINS = ["/".join(BASE_URL.split("/")[:3])]
OTP_WEBAUTHN_ALLOW_PASSWORDLESS_LOGIN = False  # a second factor, beside the password or the provider
PASSWORD_RESET_TIMEOUT = 24 * 3600
DEMO_ACCOUNT = "accounts.demo.ensure_demo_account"  # makes it; called at the start of the local profile
REGISTRATION_HOURS = env.integer(
    "GAS_REGISTRATION_HOURS", 48, "How long a new address may take to be confirmed.", minimum=1
)
API_CALLS_PER_MINUTE = env.integer(
    "GAS_API_CALLS_PER_MINUTE", 300, "Calls a token may make within a minute.", minimum=1
)
WEBHOOK_NETWORKS = env.networks(
    "GAS_WEBHOOK_NETWORKS",
    "Networks that users' webhooks may reach besides public addresses by https, also by plain http: 10.1.0.0/16.",
)
TERMS_VERSION = "2026-11"  # raised with every change of the terms; whoever agreed to another is asked again
SIGNUP = env.choice(
    "GAS_SIGNUP", "open", ("open", "invite", "closed"), "Who may make an account: anybody, invited addresses, nobody."
)
AXES_FAILURE_LIMIT = env.integer("GAS_SIGN_IN_TRIES", 5, "Wrong passwords before sign-in pauses.", minimum=1)
AXES_COOLOFF_TIME = env.number(
    "GAS_SIGN_IN_PAUSE_HOURS", 0.25, "How long sign-in pauses after too many tries, in hours."
)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_CALLABLE = "accounts.lockout.too_many_tries"
AXES_USERNAME_FORM_FIELD = "username"
AXES_USERNAME_CALLABLE = "accounts.lockout.address_of"
AXES_RESET_ON_SUCCESS = True
AXES_IPWARE_PROXY_COUNT = TRUSTED_PROXIES
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False


# --- Signing in through others: each is offered where it has a key --------------------------------
OIDC_NAME = env.text("GAS_OIDC_NAME", "Single sign-on", "What the button of your own OpenID Connect provider says.")
OIDC_ENDPOINT = env.text(
    "GAS_OIDC_ENDPOINT", "", "Address of your own OpenID Connect provider, without /.well-known/openid-configuration."
).rstrip("/")
SOCIAL_AUTH_OIDC_OIDC_ENDPOINT = OIDC_ENDPOINT
IDENTITY_PROVIDERS: dict[str, str] = {}  # name -> what the button says; those that are configured


def _endpoint(name: str, title: str, address: str) -> str:
    """Where an OpenID Connect provider answers that has a second place to try things out at."""
    meaning = f"Where {title} answers: its own address, or that of its sandbox."
    endpoint = env.text(f"GAS_{name.upper()}_ENDPOINT", address, meaning).rstrip("/")
    globals()[f"SOCIAL_AUTH_{name.upper()}_OIDC_ENDPOINT"] = endpoint
    return endpoint


def _provider(name: str, title: str, backend: str, endpoint: str) -> None:
    """Offer a provider if it has a key; at the origin of `endpoint` is its own sign-in page."""
    prefix = f"GAS_{name.upper()}"
    key = env.text(f"{prefix}_KEY", "", f"Client id at {title}. Empty: not offered.")
    password = env.secret(f"{prefix}_SECRET", "", f"Client secret at {title}.")
    if not key:
        return
    if not password or not endpoint:
        raise ImproperlyConfigured(f"{prefix}_KEY is set, but its secret or its endpoint is missing.")
    globals()[f"SOCIAL_AUTH_{name.upper()}_KEY"] = key
    globals()[f"SOCIAL_AUTH_{name.upper()}_SECRET"] = password
    AUTHENTICATION_BACKENDS.append(f"accounts.identities.backends.{backend}")
    IDENTITY_PROVIDERS[name] = title
    # Browsers hold the redirects of a form against this list too.
    CONTENT_SECURITY_POLICY["form-action"].append("/".join(endpoint.split("/")[:3]))


_provider("globus", "Globus", "Globus", _endpoint("globus", "Globus", "https://auth.globus.org"))
_provider("orcid", "ORCID", "Orcid", _endpoint("orcid", "ORCID", "https://orcid.org"))
_provider("google", "Google", "Google", "https://accounts.google.com")
_provider("github", "GitHub", "GitHub", "https://github.com")
_provider("oidc", OIDC_NAME, "OpenIdConnect", OIDC_ENDPOINT)
SOCIAL_AUTH_URL_NAMESPACE = "accounts"
SOCIAL_AUTH_REDIRECT_IS_HTTPS = HTTPS
SOCIAL_AUTH_PIPELINE = (
    "social_core.pipeline.social_auth.social_details",
    "social_core.pipeline.social_auth.social_uid",
    "social_core.pipeline.social_auth.auth_allowed",
    "accounts.identities.pipeline.decide",
)

ERASURE_GRACE_SECONDS = env.integer(
    "GAS_ERASURE_GRACE", 24 * 3600, "Seconds in which a user may still keep an account they asked to delete."
)
TAKEOUT_DAYS = env.integer("GAS_TAKEOUT_DAYS", 7, "How long a user's packed data stays ready for download.", minimum=1)

# --- Billing: off until there is a key ----------------------------------------------------------
STRIPE_SECRET_KEY = env.secret(
    "GAS_STRIPE_SECRET_KEY", "", "Key of the Stripe account. Empty: an admin sets the plans."
)
STRIPE_WEBHOOK_SECRET = env.secret(
    "GAS_STRIPE_WEBHOOK_SECRET", "", "Secret of the webhook /accounts/billing/webhook, as Stripe shows it."
)
STRIPE_API_BASE = env.text("GAS_STRIPE_API_BASE", "https://api.stripe.com", "Where Stripe's API answers.").rstrip("/")
if STRIPE_SECRET_KEY and not STRIPE_WEBHOOK_SECRET:
    raise ImproperlyConfigured("GAS_STRIPE_WEBHOOK_SECRET must be set where GAS_STRIPE_SECRET_KEY is.")
PAST_DUE_DAYS = env.number("GAS_PAST_DUE_DAYS", 7, "How long Premium goes on after a payment failed, in days.")
if STRIPE_SECRET_KEY:
    # A form's answer may lead there: browsers hold redirects of a form against this list too.
    CONTENT_SECURITY_POLICY["form-action"] += (
        ["https://checkout.stripe.com", "https://billing.stripe.com"]
        if STRIPE_API_BASE == "https://api.stripe.com"
        else [STRIPE_API_BASE]
    )


# --- Plans: a migration seeds them; outside the aws profile a variable that is set goes before the row
def _plan(name: str, file_mb: int, open_jobs: int, jobs_per_day: int, storage_mb: int) -> dict[str, tuple[str, int]]:
    """A plan's figures: column of accounts.models.Plan -> (variable, value). 1 MB is 10^6 bytes."""
    prefix, owner = f"GAS_{name.upper()}_MAX_", f"a {name} user"

    def figure(ending: str, default: int, meaning: str, unit: int = 1) -> tuple[str, int]:
        return prefix + ending, unit * env.integer(prefix + ending, default, meaning, minimum=1)

    return {
        "max_file_bytes": figure("FILE_MB", file_mb, f"Largest upload of {owner}, in MB.", 1_000_000),
        "max_open_jobs": figure("OPEN_JOBS", open_jobs, f"Waiting and running jobs {owner} may have."),
        "max_jobs_per_day": figure("JOBS_PER_DAY", jobs_per_day, f"Jobs {owner} may submit within 24 hours."),
        "max_storage_bytes": figure(
            "STORAGE_MB", storage_mb, f"Inputs and results {owner} may keep, in MB.", 1_000_000
        ),
        "input_retention_seconds": ("GAS_INPUT_RETENTION", INPUT_RETENTION_SECONDS),
    }


HOT_RETENTION_SECONDS = env.integer(
    "GAS_HOT_RETENTION", 7 * 24 * 3600, "Seconds a Free user's result stays in hot storage.", minimum=1
)
INPUT_RETENTION_SECONDS = env.integer(
    "GAS_INPUT_RETENTION", 30 * 24 * 3600, "Seconds an upload is kept that no job uses any more.", minimum=60
)
PLANS = {
    "free": {
        **_plan("Free", 25, 10, 50, 2_000),
        "hot_retention_seconds": ("GAS_HOT_RETENTION", HOT_RETENTION_SECONDS),
    },
    "premium": _plan("Premium", 5_000, 50, 1_000, 500_000),
}

# --- Storage ----------------------------------------------------------------------------------
STORAGE = env.choice("GAS_STORAGE", "file" if IS_LOCAL else "s3", ("file", "s3"), "Where inputs and results are kept.")
S3_BUCKET = env.text("GAS_S3_BUCKET", "", "Bucket for inputs, results and the archive.")
S3_REGION = env.text("GAS_S3_REGION", "us-east-1", "Region of the bucket.")
S3_KMS_KEY = env.text("GAS_S3_KMS_KEY", "", "KMS key that encrypts the objects. Empty: the bucket's own key (SSE-S3).")
S3_LINK_SECONDS = env.integer("GAS_S3_LINK_SECONDS", 300, "How long a presigned download link lives.", minimum=10)
UPLOAD_LINK_SECONDS = env.integer("GAS_UPLOAD_LINK_SECONDS", 3600, "How long an upload may take to begin.", minimum=10)
S3_ORIGIN = env.text(
    "GAS_S3_ORIGIN",
    f"https://{S3_BUCKET}.s3.{S3_REGION}.amazonaws.com" if S3_BUCKET else "",
    "Where browsers reach the bucket, for uploads; the content security policy allows it.",
    shown="the bucket's own address at AWS",
)
if STORAGE == "s3":
    CONTENT_SECURITY_POLICY["connect-src"].append(S3_ORIGIN)
if STORAGE == "s3" and not S3_BUCKET:
    raise ImproperlyConfigured("GAS_S3_BUCKET must be set where GAS_STORAGE is s3; docs/settings.md says what it is.")


def _storage(folder: str) -> dict[str, Any]:
    """One of the areas: the same names in the bucket as on disk."""
    if STORAGE == "file":
        options: dict[str, Any] = {"location": VAR_DIR / "storage" / folder}
        return {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": options}
    encryption = {"ServerSideEncryption": "AES256"}
    if S3_KMS_KEY:
        encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": S3_KMS_KEY}
    from botocore.config import Config  # a third of a second, and of no use on one machine

    client = Config(
        signature_version="s3v4",
        s3={"addressing_style": "virtual" if IS_AWS else "path"},
        retries={"mode": "standard", "total_max_attempts": 5},
        connect_timeout=5,
        read_timeout=30,
    )
    options = {
        "bucket_name": S3_BUCKET,
        "region_name": S3_REGION,
        "location": folder,
        "default_acl": None,
        "file_overwrite": True,
        "querystring_auth": True,
        "querystring_expire": S3_LINK_SECONDS,
        "client_config": client,
        "object_parameters": encryption,
    }
    return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}


STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": VAR_DIR / "media"}},
    "inputs": _storage("inputs"),
    "results": _storage("results"),
    "archive": _storage("archive"),
    "takeouts": _storage("takeouts"),
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
RESTORE_DELAY_SECONDS = env.integer(
    "GAS_RESTORE_DELAY", 300, "How long the local cold store takes to bring a result back, in seconds."
)
COLD_STORAGE_CLASS = env.choice(
    "GAS_COLD_STORAGE_CLASS", "GLACIER", ("GLACIER", "DEEP_ARCHIVE"), "S3 storage class of archived results."
)
RESTORE_EXPEDITED_MAX_RESULTS = env.integer(
    "GAS_RESTORE_EXPEDITED_MAX_RESULTS",
    50,
    "Up to so many archived results are asked back by the fastest, dearest tier.",
)
RESTORE_EXPEDITED_MAX_MB = env.integer(
    "GAS_RESTORE_EXPEDITED_MAX_MB", 1_000, "Up to so many MB together are asked back by the fastest, dearest tier."
)
RESTORE_LARGE_TIER = env.choice(
    "GAS_RESTORE_LARGE_TIER", "Standard", ("Standard", "Bulk"), "Retrieval tier of sets of results larger than that."
)
RESTORE_POLL_SECONDS = env.integer(
    "GAS_RESTORE_POLL", 600, "How often a result on its way back is looked at where no event tells of it.", minimum=1
)
# What AWS asks in us-east-1, in US dollars; the costs page of the admin multiplies.
PRICES = {
    "hot_gb_month": 0.023,
    "glacier_gb_month": 0.0036,
    "deep_archive_gb_month": 0.00099,
    "archive_1000": 0.03,
    "expedited_1000": 10.0,
    "expedited_gb": 0.03,
    "standard_1000": 0.05,
    "standard_gb": 0.01,
    "bulk_1000": 0.025,
    "bulk_gb": 0.0,
    "look_1000": 0.0004,
    "return_1000": 0.005,
}
PRICES |= env.prices("GAS_PRICES", PRICES, "Prices that differ from AWS's list, in dollars.")

# --- Queue ------------------------------------------------------------------------------------
BROKER = env.choice(
    "GAS_BROKER",
    "file" if IS_LOCAL else "sqs",
    ("file", "sqs"),
    "What carries the doorbells: files on this host, or SQS.",
)
SQS_REGION = env.text("GAS_SQS_REGION", "us-east-1", "Region of the queues.")
SQS_ANNOTATE_URL = env.text("GAS_SQS_ANNOTATE_URL", "", "URL of the queue for annotation.")
SQS_CONTROL_URL = env.text("GAS_SQS_CONTROL_URL", "", "URL of the queue for sweeps, mail and archive.")
SQS_RESTORE_EVENTS_URL = env.text(
    "GAS_SQS_RESTORE_EVENTS_URL",
    "",
    "URL of the queue with the bucket's restore events. Empty: only the poll finds them.",
)
SQS_DEAD_LETTER_URLS = env.words(
    "GAS_SQS_DEAD_LETTER_URLS", (), "URLs of the dead-letter queues, whose messages a metric counts."
)
SQS_WAIT_SECONDS = env.integer("GAS_SQS_WAIT_SECONDS", 10, "How long one request waits for a message.")
SQS_VISIBILITY_SECONDS = env.integer(
    "GAS_SQS_VISIBILITY_SECONDS", 300, "When SQS delivers a message again that nobody acknowledged.", minimum=5
)
if BROKER == "sqs" and not (SQS_ANNOTATE_URL and SQS_CONTROL_URL):
    raise ImproperlyConfigured("GAS_SQS_ANNOTATE_URL and GAS_SQS_CONTROL_URL must be set where GAS_BROKER is sqs.")

SWEEP_SECONDS = env.number("GAS_SWEEP_SECONDS", 30, "How often each sweep runs.", minimum=0.2)
LEASE_SECONDS = env.number("GAS_LEASE_SECONDS", 60, "How long a worker owns a job without a sign of life.", minimum=1)
HEARTBEAT_SECONDS = env.number("GAS_HEARTBEAT_SECONDS", 15, "How often a worker renews its lease.", minimum=0.1)
if HEARTBEAT_SECONDS * 2 > LEASE_SECONDS:
    raise ImproperlyConfigured("GAS_HEARTBEAT_SECONDS must be at most half of GAS_LEASE_SECONDS.")
ANNOTATE_SLOTS = env.integer("GAS_ANNOTATE_SLOTS", 1, "Jobs one annotate worker runs at the same time.", minimum=1)
CONTROL_SLOTS = env.integer("GAS_CONTROL_SLOTS", 1, "Tasks one control worker runs at the same time.", minimum=1)
GRACE_SECONDS = env.number("GAS_GRACE_SECONDS", 20, "How long a worker may finish its job after SIGTERM.")

# --- The annotator's child process --------------------------------------------------------------
REFERENCES_DIR = env.path(
    "GAS_REFERENCES_DIR",
    VAR_DIR / "references",
    "Folder of the compiled references.",
    shown="references in GAS_VAR_DIR",
)
DEFAULT_REFERENCE = env.text("GAS_DEFAULT_REFERENCE", "demo", "Reference that the submit form chooses first.")
ANNOTATOR = "annotations.genomics"  # the module that runs alone: `python -m`
# What `manage.py run` builds at the first start, from the files that ship with the project.
DEMO_REFERENCE_SOURCES = [
    "--assembly=GRCh38",
    f"--fasta={BASE_DIR / 'reference' / 'GRCh38.chr19.fa.gz'}",
    f"--fasta={BASE_DIR / 'reference' / 'GRCh38.chrM.fa'}",
    f"--genes={BASE_DIR / 'reference' / 'GRCh38.chr19.ensembl113.gff3.gz'}",
    f"--genes={BASE_DIR / 'reference' / 'GRCh38.chrM.ensembl113.gff3'}",
    "--codon-table=chrM=2",
    f"--source=mitomap_disease={BASE_DIR / 'reference' / 'mitomap_disease.chrM.vcf.gz'}",
    f"--source=mitomap_polymorphisms={BASE_DIR / 'reference' / 'mitomap_polymorphisms.chrM.vcf.gz'}",
    f"--source=kgp30x={BASE_DIR / 'reference' / 'kgp30x_frequencies.chr19.sites.vcf.gz'}",
    f"--source=cytobands={BASE_DIR / 'reference' / 'cytoBand_hg38.tsv'}",
    f"--source=gnomad_constraint={BASE_DIR / 'reference' / 'gnomad21_constraint.GRCh37.bed'}",
    f"--source=acmg_sf={BASE_DIR / 'reference' / 'acmg_sf.v3.2.tsv'}",
]
ANNOTATE_THREADS = env.integer("GAS_ANNOTATE_THREADS", 1, "Threads of one annotation.", minimum=1)
CHILD_MEMORY_MB = env.integer("GAS_CHILD_MEMORY_MB", 3000, "Memory an annotation may use, in MB.", minimum=200)
CHILD_CPU_SECONDS = env.integer("GAS_CHILD_CPU_SECONDS", 4 * 3600, "CPU time an annotation may use.", minimum=1)
CHILD_OUTPUT_MB = env.integer(
    "GAS_CHILD_OUTPUT_MB", 50_000, "Size of one output file of an annotation, in MB.", minimum=1
)
CHILD_WALL_SECONDS = env.number("GAS_CHILD_WALL_SECONDS", 4 * 3600, "Time an annotation may take.", minimum=0.1)
WORK_DIR = env.path(
    "GAS_WORK_DIR",
    VAR_DIR / "work",
    "Folder where a worker keeps the files of a running job.",
    shown="work in GAS_VAR_DIR",
)
MIN_FREE_PERCENT = env.number("GAS_MIN_FREE_PERCENT", 10, "A worker claims no job when less of its disk is free.")

# --- Sharing --------------------------------------------------------------------------------------
PUBLIC_LINKS = env.flag(
    "GAS_PUBLIC_LINKS",
    True,
    "A result may be shared by a link that opens without signing in. Off: every link asks for it, earlier ones too.",
)

# --- The table of a result -----------------------------------------------------------------------
EXPLORER_DIR = env.path(
    "GAS_EXPLORER_DIR",
    VAR_DIR / "explorer",
    "Folder of the files that the tables of results are read from; each web server has its own.",
    shown="explorer in GAS_VAR_DIR",
)
EXPLORER_CACHE_MB = env.integer(
    "GAS_EXPLORER_CACHE_MB", 20_000, "Size of that folder, in MB; what was not used for longest goes first.", minimum=1
)
EXPLORER_MEMORY_MB = env.integer(
    "GAS_EXPLORER_MEMORY_MB", 512, "Memory that the queries of one web process may use, in MB.", minimum=64
)
EXPLORER_THREADS = env.integer("GAS_EXPLORER_THREADS", 2, "Threads of one query.", minimum=1)
EXPLORER_QUERY_SECONDS = env.number("GAS_EXPLORER_QUERY_SECONDS", 10, "How long one query may take.", minimum=0.1)
EXPLORER_EXPORT_SECONDS = env.number(
    "GAS_EXPLORER_EXPORT_SECONDS", 600, "How long the query of one download may take.", minimum=1
)

# --- Mail -------------------------------------------------------------------------------------
MAIL = env.choice(
    "GAS_MAIL", "smtp" if IS_AWS else "file", ("file", "smtp"), "Mails become files in the state folder, or go by SMTP."
)
MAIL_DIR = VAR_DIR / "mail"
EMAIL_BACKEND = "gas.mail.FileBackend" if MAIL == "file" else "django.core.mail.backends.smtp.EmailBackend"
EMAIL_HOST = env.text("GAS_SMTP_HOST", "localhost", "Mail server.")
EMAIL_PORT = env.integer("GAS_SMTP_PORT", 587 if IS_AWS else 25, "Port of the mail server.", minimum=1)
EMAIL_HOST_USER = env.text("GAS_SMTP_USER", "", "User at the mail server.")
EMAIL_HOST_PASSWORD = env.secret("GAS_SMTP_PASSWORD", "", "Password at the mail server.")
EMAIL_USE_TLS = env.flag("GAS_SMTP_TLS", IS_AWS, "Speak STARTTLS with the mail server.")
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.text("GAS_MAIL_FROM", "GAS <gas@localhost>", "Sender of the mails.")
SERVER_EMAIL = DEFAULT_FROM_EMAIL

# --- Celery -----------------------------------------------------------------------------------
CELERY_BROKER_DIR = VAR_DIR / "broker"
METRICS_TOKEN = env.secret(
    "GAS_METRICS_TOKEN", "", "Bearer token that may read /metrics from elsewhere than this machine."
)
LOG_FORMAT = env.choice("GAS_LOG_FORMAT", "json" if IS_AWS else "text", ("text", "json"), "How log lines look.")
LOG_LEVEL = env.choice("GAS_LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"), "Least level that is logged.")
FAULT = env.text("GAS_FAULT", "", "Tests only: the named point where the process kills itself.")
if FAULT and IS_AWS:
    raise ImproperlyConfigured("GAS_FAULT is for tests and is refused in the aws profile.")

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"context": {"()": "gas.logs.ContextFilter"}},
    "formatters": {"text": {"()": "gas.logs.TextFormatter"}, "json": {"()": "gas.logs.JsonFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT, "filters": ["context"]}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "django.request": {"level": "ERROR"},
        "django.security.DisallowedHost": {"level": "CRITICAL"},
        "botocore": {"level": "WARNING"},
        "stripe": {"level": "WARNING"},
        "kombu": {"level": "WARNING"},
        "celery": {"level": "WARNING"},
        "axes": {"level": "WARNING"},
    },
}

env.refuse_unknown()
