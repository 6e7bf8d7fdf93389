"""What a run writes: VCF, tables, summary, lists."""
