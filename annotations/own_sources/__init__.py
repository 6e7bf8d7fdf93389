"""A user's own VCF and BED files as sources: kept, checked in the confined child, quoted by jobs, deleted."""
