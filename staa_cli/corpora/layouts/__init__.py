"""One module for each layout of a corpus, found by its file's name: see `registry`."""
