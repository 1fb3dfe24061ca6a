"""`python -m ganapp` and the command `ganapp`."""

import sys


def main() -> None:
    """Runs the command line.

    The user's mistakes end in one sentence and exit code 2, Ctrl-C, also during the imports, in
    exit code 130.
    """
    try:
        _run()
    except KeyboardInterrupt:
        sys.exit(130)


def _run() -> None:
    from rich.console import Console
    from rich.markup import escape

    from ganapp.commands import app
    from ganapp.errors import UserError

    for stream in (sys.stdout, sys.stderr):  # names of files may be no text of any encoding
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        # Completion is of the command `ganapp`, also where `python -m ganapp` is asked for it.
        completion = {"--install-completion", "--show-completion"} & set(sys.argv)
        app(prog_name="ganapp" if completion else None)
    except UserError as error:
        sentence = str(error)
    except OSError as error:  # a full disk, a missing permission
        file = error.filename or "A file"
        sentence = f"{file} cannot be read or written: {error.strerror or error}."
    else:
        return
    Console(stderr=True).print(f"[red]Error:[/] {escape(sentence)}", soft_wrap=True)
    sys.exit(2)


if __name__ == "__main__":
    main()
