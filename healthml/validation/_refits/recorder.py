"""Warnings of many fits at once, kept apart by thread; nothing is left behind."""

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
    close takes down, and every warning goes to the list of the thread that gave it.

    Yields
    ------
    list of warnings.WarningMessage

    Examples
    --------
    >>> import warnings
    >>> with recorded() as caught:
    ...     warnings.warn("look")
    >>> [str(one.message) for one in caught]
    ['look']
    """
    caught = []
    outer, _here.caught = getattr(_here, "caught", None), caught
    _open()
    try:
        yield caught
    finally:
        _here.caught = outer
        _close()


def _open():
    with _lock:
        if _state["depth"] == 0:
            guard = warnings.catch_warnings()
            guard.__enter__()
            _state["guard"], usual = guard, warnings.showwarning
            warnings.showwarning = _keeper(usual)
            warnings.simplefilter("always")
        _state["depth"] += 1


def _close():
    with _lock:
        _state["depth"] -= 1
        if _state["depth"] == 0:
            _state["guard"].__exit__(None, None, None)
            _state["guard"] = None


def _keeper(usual):
    def keep(message, category, filename, lineno, file=None, line=None):
        caught = getattr(_here, "caught", None)
        if caught is None:  # a thread that is not refitting
            usual(message, category, filename, lineno, file, line)
        else:
            caught.append(warnings.WarningMessage(message, category, filename, lineno, file, line))

    return keep
