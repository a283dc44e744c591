"""Files written whole or not at all, so that a full disk or a crash never costs the old one."""

import os
import secrets
import stat
from pathlib import Path

# What is written to as it is: a terminal or a pipe cannot be replaced, and must not be.
_SYSTEM_FOLDERS = (Path("/dev"), Path("/proc"))


def write_file(path, text):
    """Write a text file whole or not at all; an older file of that name stays until then.

    The text goes to a new file beside it, is flushed to the disk, and then takes the old file's
    place in one step. The permissions of the old file are kept. A link is replaced and never
    followed, so that nobody can point the name of a report at another file.

    Parameters
    ----------
    path : path-like
        Where to write.
    text : str
        Written as UTF-8.

    Raises
    ------
    OSError
        If the file cannot be written; the old file is then unchanged.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from healthml._core._release import write_file
    >>> path = Path(tempfile.mkdtemp()) / "note.txt"
    >>> write_file(path, "whole")
    >>> path.read_text()
    'whole'
    """
    write_files({path: text})


def write_files(texts):
    """Write several files, all of them or none.

    Parameters
    ----------
    texts : mapping of path-like to str or bytes
        Each written as by `write_file`; none takes its place before all are on the disk.

    Raises
    ------
    OSError
        If one cannot be written; all old files are then unchanged.
    """
    contents = {
        Path(path): text.encode("utf-8") if isinstance(text, str) else text
        for path, text in texts.items()
    }
    parts = {}
    try:
        for target, content in contents.items():
            if _is_stream(target):
                target.write_bytes(content)
            else:
                parts[target] = _write_part(target, content)
        for target, part in parts.items():
            os.replace(part, target)
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)
    for folder in {target.parent for target in parts}:
        _flush_folder(folder)


def _write_part(target, content):
    """Write a new file beside `target`, with the permissions of the file there, flushed."""
    part = target.with_name(f".{target.name[:100]}.{secrets.token_hex(6)}.part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if (mode := _mode_of(target)) is not None:
            os.chmod(part, mode)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return part


def _mode_of(target):
    """Return the permissions of a file that is there; a link's say nothing."""
    try:
        status = os.lstat(target)
    except FileNotFoundError:
        return None
    return stat.S_IMODE(status.st_mode) if stat.S_ISREG(status.st_mode) else None


def _is_stream(target):
    """Whether a path is a device or a pipe, which is written to and not replaced."""
    if any(folder in target.parents for folder in _SYSTEM_FOLDERS):
        return True
    try:
        mode = os.lstat(target).st_mode
    except FileNotFoundError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)


def _flush_folder(folder):
    """Flush the new names to the disk, where the system can."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows does not open folders
        return
    try:
        os.fsync(handle)
    except OSError:  # some network folders cannot
        pass
    finally:
        os.close(handle)
