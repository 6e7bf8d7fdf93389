"""What a request may say, read from the SDK's own types.

Stripe takes forms: `line_items[0][price]=…`. They are unfolded into dicts and lists and held
against the TypedDict the SDK publishes for the call, so that a misspelt or missing parameter is
refused here as it is there.
"""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from stripe._request_options import RequestOptions
from typing_extensions import is_typeddict

# What the SDK puts into headers is no parameter.
OPTIONS = frozenset(RequestOptions.__annotations__)


class StripeRefusal(Exception):
    """An answer with an error: status, Stripe's type and code, a message, the parameter."""

    def __init__(self, status: int, kind: str, message: str, code: str = "", param: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.error: dict[str, Any] = {"type": kind, "message": message}
        if code:
            self.error["code"] = code
        if param:
            self.error["param"] = param


def invalid(message: str, param: str = "", code: str = "", status: int = 400) -> StripeRefusal:
    """A request that is wrong."""
    return StripeRefusal(status, "invalid_request_error", message, code, param)


def missing(kind: str, object_id: str, param: str = "id") -> StripeRefusal:
    """No such object: 404 where the address names it, 400 where a parameter does."""
    status = 404 if param == "id" else 400
    return invalid(f"No such {kind}: '{object_id}'", param, "resource_missing", status)


def unfold(pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """`[("a[0][b]", "x")]` as `{"a": [{"b": "x"}]}`."""
    tree: dict[str, Any] = {}
    for name, value in pairs:
        keys = [re.match(r"[^\[]*", name).group(), *re.findall(r"\[([^\]]*)\]", name)]  # type: ignore[union-attr]
        node = tree
        for key in keys[:-1]:
            node = node.setdefault(key, {})
            if not isinstance(node, dict):
                raise invalid(f"Invalid object: {name}", name)
        node[keys[-1]] = value
    folded = _fold(tree)
    assert isinstance(folded, dict)
    return folded


def _fold(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    if node and all(key.isdigit() for key in node):
        return [_fold(node[key]) for key in sorted(node, key=int)]
    return {key: _fold(value) for key, value in node.items()}


def checked(params: type, given: dict[str, Any]) -> dict[str, Any]:
    """The parameters with their types. Raises StripeRefusal for what the SDK's type does not allow."""
    result = _typed_dict(params, given, "")
    assert isinstance(result, dict)
    return result


@cache
def _hints(params: type) -> dict[str, Any]:
    # Without the options, whose types name what the SDK imports for type checkers only.
    own = {name: hint for name, hint in params.__annotations__.items() if name not in OPTIONS}
    return get_type_hints(types.SimpleNamespace(__annotations__=own), vars(inspect.getmodule(params)))


def _typed_dict(params: type, given: Any, path: str) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise invalid(f"Invalid object: {path}", path)
    hints = _hints(params)
    for name in given:
        if name not in hints:
            raise invalid(f"Received unknown parameter: {_under(path, name)}", _under(path, name), "parameter_unknown")
    for name in params.__required_keys__ - OPTIONS:  # type: ignore[attr-defined]
        if name not in given:
            raise invalid(f"Missing required param: {_under(path, name)}.", _under(path, name), "parameter_missing")
    return {name: _coerced(hints[name], value, _under(path, name)) for name, value in given.items()}


def _under(path: str, name: str) -> str:
    return f"{path}[{name}]" if path else name


def _coerced(hint: Any, value: Any, path: str) -> Any:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _first_that_fits(get_args(hint), value, path)
    if origin is Literal:
        if value not in get_args(hint):
            raise invalid(f"Invalid {path}: must be one of {', '.join(map(str, get_args(hint)))}", path)
        return value
    if origin is list:
        if not isinstance(value, list):
            raise invalid(f"Invalid array: {path}", path)
        return [_coerced(get_args(hint)[0], item, f"{path}[{index}]") for index, item in enumerate(value)]
    if origin is dict:
        if not isinstance(value, dict):
            raise invalid(f"Invalid object: {path}", path)
        return {key: _coerced(get_args(hint)[1], item, _under(path, key)) for key, item in value.items()}
    if is_typeddict(hint):
        return _typed_dict(hint, value, path)
    return _scalar(hint, value, path)


def _first_that_fits(hints: tuple[Any, ...], value: Any, path: str) -> Any:
    refusal = invalid(f"Invalid {path}", path)
    # The SDK lets any text through where later versions of the API may know more words; this one does not.
    if any(get_origin(hint) is Literal and get_args(hint) != ("",) for hint in hints):
        hints = tuple(hint for hint in hints if hint is not str)
    for hint in hints:
        try:
            return _coerced(hint, value, path)
        except StripeRefusal as error:
            refusal = error
    raise refusal


def _scalar(hint: Any, value: Any, path: str) -> Any:
    if not isinstance(value, str):
        raise invalid(f"Invalid {path}: expected a plain value", path)
    if hint is str:
        return value
    if hint is bool and value in ("true", "false"):
        return value == "true"
    try:
        if hint is int:
            return int(value)
        if hint in (float, Decimal):
            return Decimal(value)
    except (ValueError, InvalidOperation):
        pass
    raise invalid(f"Invalid {path}: {value!r}", path, "parameter_invalid")
