"""What every test gets: its own state folder, and none of the developer's GAS_ variables."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

for _name in [name for name in os.environ if name.startswith("GAS_") and name != "GAS_REQUIRE_ALL"]:
    del os.environ[_name]
_STATE = Path(tempfile.mkdtemp(prefix="gas-tests-"))
os.environ["GAS_VAR_DIR"] = str(_STATE)
# Compiled kernels are shared between runs: compiling them again for each worker would cost a minute.
os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(__file__).parent / "var" / "numba"))
os.environ["GAS_MAIL"] = "file"
