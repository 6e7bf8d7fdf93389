"""Twenty-four hours and the zone, as on the pages; Django's own British format has neither."""

from __future__ import annotations

DATETIME_FORMAT = "j M Y, H:i T"
SHORT_DATETIME_FORMAT = "d/m/Y H:i T"
TIME_FORMAT = "H:i"
