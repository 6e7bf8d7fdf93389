"""igv.js over a result: sequence and genes from the compiled reference, variants from the annotated VCF, all from here.

igv.js reads a FASTA by its index. `sequence.fa` is the compiled sequence spelt out: all contigs one after the
other, each one long line, so the index's offsets are those of the manifest and a range is a slice.
"""
