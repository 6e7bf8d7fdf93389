"""How the summary cuts what it counts: who draws it needs the same edges, and nothing of the counting."""

from __future__ import annotations

from typing import Final

INDEL_LIMIT: Final = 50
"""Longer insertions and deletions are counted at the two ends."""
FREQUENCY_EDGES: Final = (0.0001, 0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75)
"""Upper ends, inclusive, of the bins of the allele frequency spectrum; the last bin goes to 1."""
QUALITY_STEP: Final = 10
QUALITY_BINS: Final = 101
"""QUAL in steps of ten; the last bin is 1,000 and more."""
DENSITY_STEP: Final = 1_000_000
"""Bases of a bin of the density along the contigs."""
