"""`python -m ganapp`."""

from ganapp.cli import main

if __name__ == "__main__":
    main()
