"""Names of changes, by the HGVS nomenclature."""
