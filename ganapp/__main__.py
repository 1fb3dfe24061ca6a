"""`python -m ganapp`."""

import sys

if __name__ == "__main__":
    try:
        from ganapp.cli import main

        main()
    except KeyboardInterrupt:  # also while importing
        sys.exit(130)
