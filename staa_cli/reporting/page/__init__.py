"""The page: everything that a set of runs tells, in one HTML file that needs no server, no network and no other file."""
