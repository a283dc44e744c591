"""The version, here alone, so that every room can name it without importing the package."""

__version__ = "0.2.0.dev0"
