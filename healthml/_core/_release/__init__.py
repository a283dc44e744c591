"""What leaves the session: files written whole."""

from healthml._core._release.write_file import write_file, write_files

__all__ = ["write_file", "write_files"]
