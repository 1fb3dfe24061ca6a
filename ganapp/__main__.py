"""`python -m ganapp` and the command `ganapp`."""

import sys


def main() -> None:
    """Runs the command line; Ctrl-C ends it with exit code 130, also while it is being imported."""
    try:
        from ganapp.cli import main

        main()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
