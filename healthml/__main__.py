"""The command line: ``python -m healthml audit table.csv --outcome died``, and five more commands.

Exit codes: 0 when the command did what it was asked, 1 when ``audit`` measured a serious finding, 2
when nothing was written, with one sentence on standard error that says where the mistake is and
what to do, 130 when it was stopped. ``demo`` ends with 0 when it ran, whatever it found: its
findings are the demonstration.
"""

import os
import sys
import traceback
import warnings
from contextlib import contextmanager
from pathlib import Path

from healthml._command_line import parser, run
from healthml.exceptions import HealthMLWarning, InputError

# Exit codes of mistakes and of being stopped (128 + 2, as shells have it). Scripts rely on them.
BAD_INPUT, STOPPED = 2, 130


def main(argv=None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    argv : list of str, optional
        Arguments without the program's name; those of the process by default.

    Returns
    -------
    int
        0, 1, 2 or 130, as the module says.

    Examples
    --------
    >>> main(["audit", "no_such_table.csv", "--outcome", "died"])
    2
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    if "_ARGCOMPLETE" in os.environ:
        _complete()
    try:
        options = parser().parse_args(argv)
        options.words = argv
        with _calm_warnings():
            return run(options)
    except InputError as error:
        return _complain(error)
    except KeyboardInterrupt:
        _complain("stopped; nothing was written.")
        return STOPPED
    except BrokenPipeError:  # `healthml ... | head`: nobody reads on, and that is no mistake
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return STOPPED
    except OSError as error:
        name = "a file" if error.filename is None else repr(str(error.filename))
        return _complain(f"{name} cannot be used: {error.strerror}; check path, rights and space.")
    except Exception as error:
        if "--traceback" in argv:
            raise
        return _complain(_unexpected(error))


def _complete():
    """Answer a shell that asks how a word goes on; nothing is imported for anybody else."""
    try:
        import argcomplete
    except ImportError:
        return
    argcomplete.autocomplete(parser())


def _complain(sentence):
    print(f"healthml: {' '.join(str(sentence).split())}", file=sys.stderr)
    return BAD_INPUT


def _unexpected(error):
    """Say where an unforeseen error arose, without its message, which may hold a value."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "healthml" in f.filename]
    where = f"{Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else "the start"
    return (
        f"nothing was written: unforeseen {type(error).__name__} in {where}; please report it, "
        "with what --traceback shows once you have checked that it holds no patient's value."
    )


@contextmanager
def _calm_warnings():
    """Show healthml's own warnings as sentences; those of others may hold values."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("default", HealthMLWarning)
        warnings.showwarning = _warn
        yield


def _warn(message, category, filename, lineno, file=None, line=None):
    print(f"healthml: warning: {' '.join(str(message).split())}", file=sys.stderr)


if __name__ == "__main__":
    raise SystemExit(main())
