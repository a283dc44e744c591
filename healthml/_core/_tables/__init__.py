"""Tables in and out: pandas, polars and others converted once, files read."""
