"""Warnings of several threads kept apart, and the filters left as they were."""

import sys
import threading
import warnings
from contextlib import contextmanager

_lock, _here = threading.Lock(), threading.local()

_state = {"depth": 0, "guard": None}


@contextmanager
def recorded():
    """Collect the warnings of this thread, all of them, without showing any.

    `warnings.catch_warnings` changes what all threads share and breaks when blocks of several
    threads overlap, as refits in threads do. Here the first block to open sets up and the last to
    close takes down, and every warning goes to the list of the thread that gave it; those of a
    thread without a list go where the filters of the time before the first block send them.

    Yields
    ------
    list of warnings.WarningMessage

    Examples
    --------
    >>> import warnings
    >>> with recorded() as caught:
    ...     warnings.warn("look")
    >>> [str(warning.message) for warning in caught]
    ['look']
    """
    caught = []
    outer, _here.caught = getattr(_here, "caught", None), caught
    try:
        with guarded():
            yield caught
    finally:
        _here.caught = outer


@contextmanager
def guarded():
    """Hold the filters still while threads run; open it before they start, close it after."""
    _open()
    try:
        yield
    finally:
        _close()


def passed_on(caught):
    """Give warnings that another thread collected in this one, as if they had arisen here.

    Parameters
    ----------
    caught : list of warnings.WarningMessage
        From `recorded`.
    """
    held = getattr(_here, "caught", None)
    if held is not None:
        held.extend(caught)
        return
    for warning in caught:
        warnings.warn_explicit(
            warning.message,
            warning.category,
            warning.filename,
            warning.lineno,
            module=_module(warning.filename),
            registry={},
        )


def _open():
    with _lock:
        if _state["depth"] == 0:
            guard = warnings.catch_warnings()
            guard.__enter__()
            _state["guard"], usual = guard, warnings.showwarning
            warnings.showwarning = _keeper(usual, list(warnings.filters))
            warnings.simplefilter("always")
        _state["depth"] += 1


def _close():
    with _lock:
        _state["depth"] -= 1
        if _state["depth"] == 0:
            _state["guard"].__exit__(None, None, None)
            _state["guard"] = None


def _keeper(usual, filters):
    shown = set()

    def keep(message, category, filename, lineno, file=None, line=None):
        caught = getattr(_here, "caught", None)
        if caught is not None:
            caught.append(warnings.WarningMessage(message, category, filename, lineno, file, line))
            return
        action = _action(filters, message, category, filename, lineno)
        if action == "error":
            raise message
        key = (str(message), category, action == "once" or (filename, lineno))
        if action != "ignore" and (action in ("always", "all") or key not in shown):
            shown.add(key)
            usual(message, category, filename, lineno, file, line)

    return keep


def _action(filters, message, category, filename, lineno):
    """Return what filters say of a warning, as `warnings` itself reads them."""
    for action, text, kind, module, line in filters:
        if not issubclass(category, kind) or line not in (0, lineno):
            continue
        if text is not None and not _matches(text, str(message)):
            continue
        if module is None or _matches(module, _module(filename)):
            return action
    return warnings.defaultaction


def _matches(pattern, text):
    """Say whether a filter's pattern matches; the interpreter's own filters are plain texts."""
    return pattern == text if isinstance(pattern, str) else pattern.match(text) is not None


def _module(filename):
    """Return the name of the module that a file is, or the file's name."""
    for name, module in list(sys.modules.items()):
        if getattr(module, "__file__", None) == filename:
            return name
    return filename.removesuffix(".py")
