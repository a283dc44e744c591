"""Rubin's rules: estimates of several completed tables as one."""
