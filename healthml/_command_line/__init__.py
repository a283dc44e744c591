"""What `python -m healthml` does: its options, its commands, the files it reads and writes."""

from healthml._command_line.options import parser

__all__ = ["parser", "run"]


def run(options):
    """Run the command that was read from the command line and return its exit code.

    The commands are imported here, with all that they need, so that ``--help`` and mistakes in
    the options are answered at once.
    """
    from healthml._command_line.commands import COMMANDS

    return COMMANDS[options.command](options)
