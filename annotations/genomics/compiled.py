"""How the annotator's inner loops are compiled, in one place.

Machine code is cached in <cache>/<digest of the compiled modules' sources>: numba itself only
watches the file of the function it loads, and would keep an old callee in a new caller.
<cache> is $NUMBA_CACHE_DIR, else $GAS_VAR_DIR/numba, else var/numba under the project.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

PACKAGE = Path(__file__).resolve().parent
Function = TypeVar("Function", bound=Callable[..., Any])


def _cache_folder() -> Path:
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        if "tests" in path.parts:
            continue
        source = path.read_bytes()
        if b"@compiled" in source or path.name in ("layout.py", "terms.py"):
            digest.update(path.relative_to(PACKAGE).as_posix().encode() + source)
    var = os.environ.get("GAS_VAR_DIR") or str(PACKAGE.parent.parent / "var")
    base = os.environ.get("NUMBA_CACHE_DIR") or str(Path(var) / "numba")
    return Path(base) / digest.hexdigest()[:16]


import numba  # noqa: E402  (the folder is set on its configuration below, before any decorator)

numba.config.CACHE_DIR = str(_cache_folder())  # type: ignore[attr-defined]


def compiled(function: Function) -> Function:
    """Compile a function that allocates nothing and raises nothing.

    Without numba's reference counting (_nrt, a private flag: numba is pinned and a test asks for
    it) the kernel runs several times faster, and a function that allocates does not compile.
    Indexes are not checked: every buffer is sized by the caller before the call.
    """
    options: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy", "boundscheck": False}
    return cast(Function, numba.njit(_nrt=False, **options)(function))  # type: ignore[call-overload]
