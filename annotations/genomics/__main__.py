"""`python -m annotations.genomics`: the annotator without a service around it."""

import sys

from annotations.genomics.command import main

sys.exit(main(sys.argv[1:]))
