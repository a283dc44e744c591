"""A file is written whole or not at all, and never through a link."""

import os
import resource
import signal
import stat
from contextlib import contextmanager

import pytest

from healthml._core import _release
from healthml._core._release import write_file, write_files


@contextmanager
def full_disk(size=4096):
    """Let no file of this process grow beyond a size, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_keeps_the_old_file_and_leaves_nothing_behind(tmp_path):
    target = tmp_path / "report.html"
    target.write_text("old")
    with full_disk(), pytest.raises(OSError, match="large"):
        write_file(target, "new" * 10_000)
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_of_several_files_all_are_written_or_none(tmp_path):
    page, data = tmp_path / "a.html", tmp_path / "a.json"
    page.write_text("old")
    with full_disk(), pytest.raises(OSError, match="large"):
        write_files({page: "short", data: "long" * 10_000})
    assert page.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.html"]
    write_files({page: "one", data: "two"})
    assert (page.read_text(), data.read_text()) == ("one", "two")


def test_an_interrupt_before_the_last_step_keeps_the_old_file(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    (tmp_path / "a").write_text("old")
    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_file(tmp_path / "a", "new")
    assert (tmp_path / "a").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_permissions_of_the_old_file_are_kept(tmp_path, mode):
    target = tmp_path / "a"
    target.write_text("old")
    target.chmod(mode)
    write_file(target, "new")
    assert stat.S_IMODE(target.stat().st_mode) == mode
    before = os.umask(0o027)
    try:
        write_file(tmp_path / "b", "new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "b").stat().st_mode) == 0o640


def test_a_link_is_replaced_and_not_followed(tmp_path):
    (tmp_path / "elsewhere").write_text("untouched")
    os.symlink(tmp_path / "elsewhere", tmp_path / "link")
    write_file(tmp_path / "link", "new")
    assert (tmp_path / "elsewhere").read_text() == "untouched"
    assert not (tmp_path / "link").is_symlink()
    assert (tmp_path / "link").read_text() == "new"


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write_file(tmp_path / "pipe", "through")
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    assert stat.S_ISFIFO(os.lstat(tmp_path / "pipe").st_mode)


def test_an_absent_folder_and_text_that_is_no_unicode_write_nothing(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_file(tmp_path / "absent" / "page", "text")
    with pytest.raises(UnicodeEncodeError):
        write_files({tmp_path / "a": "fine", tmp_path / "b": "\ud800"})
    assert not list(tmp_path.iterdir())


def test_a_long_name_fits(tmp_path):
    name = "n" * 250
    write_file(tmp_path / name, "text")
    assert (tmp_path / name).read_text() == "text"


def test_the_door_hands_out_the_writers():
    assert {"write_file", "write_files"} <= set(_release.__all__)
