"""`python -m livn` does what the console script `livn` does."""

import sys

from livn.cli import main

if __name__ == "__main__":
    sys.exit(main())
