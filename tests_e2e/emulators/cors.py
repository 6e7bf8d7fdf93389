"""Cross-origin rules of a bucket, as a browser meets them.

A browser posts a file straight to the bucket only if the bucket's CORS
configuration allows the page's origin. moto allows everyone.

Source of the rules: the Amazon S3 user guide, "Elements of a CORS configuration".
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from moto.s3.models import CorsRule, S3Backend


def allowed_headers(
    backend: S3Backend, bucket: str, origin: str, method: str, asked: str = ""
) -> dict[str, str] | None:
    """The response headers that let this origin in, or None where no rule does.

    ``asked``: the comma-separated Access-Control-Request-Headers of a preflight.
    """
    found = backend.buckets.get(bucket)
    for rule in found.cors if found else []:
        if _matches(rule, origin, method, asked):
            answer = {
                "Access-Control-Allow-Origin": origin,
                "Access-Control-Allow-Methods": ", ".join(_many(rule.allowed_methods)),
                "Vary": "Origin, Access-Control-Request-Method",
            }
            if asked:
                answer["Access-Control-Allow-Headers"] = asked
            if rule.exposed_headers:
                exposed = ", ".join(_many(rule.exposed_headers))
                answer["Access-Control-Expose-Headers"] = exposed
            return answer
    return None


def _matches(rule: CorsRule, origin: str, method: str, asked: str) -> bool:
    patterns = [pattern.lower() for pattern in _many(rule.allowed_headers)]
    names = [name.strip().lower() for name in asked.split(",") if name.strip()]
    return (
        method in _many(rule.allowed_methods)
        and any(fnmatchcase(origin, wanted) for wanted in _many(rule.allowed_origins))
        and all(any(fnmatchcase(name, p) for p in patterns) for name in names)
    )


def _many(value: Any) -> list[str]:
    # moto keeps a single element as a string and several as a list.
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)
