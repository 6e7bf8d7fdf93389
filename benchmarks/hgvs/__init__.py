"""Do our HGVS names parse back? write_names here, round_trip in an environment with biocommons hgvs."""
