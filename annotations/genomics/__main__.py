"""`python -m annotations.genomics`: the annotator without a service around it."""

import gc
import sys

gc.set_threshold(
    100_000
)  # a short life: collecting while modules are loaded finds nothing and takes a tenth of a second

from annotations.genomics.command import main  # noqa: E402

sys.exit(main(sys.argv[1:]))
