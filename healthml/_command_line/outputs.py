"""Where a command writes: the ending decides the form, and every path is tried before the work."""

import os
from pathlib import Path

from healthml._core._release import write_files
from healthml.exceptions import InputError

STANDARD_OUTPUT = "-"  # as --json FILE: print it, and nothing else


def form_of(path, forms, option="--output"):
    """Return the form that a path's ending names, or refuse it.

    Parameters
    ----------
    path : Path
    forms : collection of str
        Endings that the command can write, such as ``(".html", ".json")``.
    option : str, default="--output"
        What to change.

    Examples
    --------
    >>> from pathlib import Path
    >>> from healthml._command_line.outputs import form_of
    >>> form_of(Path("Report.HTML"), (".html", ".json"))
    '.html'
    """
    if path.is_dir():
        raise InputError(f"{str(path)!r} is a folder; name a file in it ({option}).")
    name = path.name.lower()
    matches = [ending for ending in forms if name.endswith(ending)]
    if not matches:
        raise InputError(
            f"{str(path)!r} has an ending that this command does not write; {option} takes "
            f"{', '.join(forms)}."
        )
    return max(matches, key=len)


def json_target(options):
    """Return the path of ``--json``, or None where it is not given or standard output."""
    if options.json in (None, STANDARD_OUTPUT):
        return None
    path = Path(options.json)
    form_of(path, (".json",), "--json")
    return path


def check_targets(targets, taken, option="--output"):
    """Refuse paths that cannot be written, before the long work.

    Parameters
    ----------
    targets : list of Path
        What will be written.
    taken : list of Path or None
        What is read, and so must not be written.
    option : str, default="--output"
        What to change.
    """
    if len({target.resolve() for target in targets}) < len(targets):
        raise InputError(f"{str(targets[0])!r} would be written twice; change one of the names.")
    for target in targets:
        if not target.parent.is_dir():
            raise InputError(
                f"there is no folder {str(target.parent)!r} to write to; make it, or change "
                f"{option}."
            )
        if any(t is not None and t.exists() and target.resolve() == t.resolve() for t in taken):
            raise InputError(f"{str(target)!r} is read here, not written; change {option}.")
        part = target.with_name(f".{target.name}.{os.getpid()}.part")
        part.touch()
        part.unlink()


def hand_over(texts, summary, machine, options):
    """Write the files, all or none, then print the summary, or the JSON where ``--json -`` asks.

    Parameters
    ----------
    texts : dict of Path to str or bytes
        What to write.
    summary : str
        What to print.
    machine : callable
        Returns the JSON text.
    options : argparse.Namespace
    """
    write_files(texts)
    if getattr(options, "json", None) == STANDARD_OUTPUT:
        print(machine())
    elif not options.quiet:
        print(summary)
        for path in texts:
            print(f"Written: {path}")
