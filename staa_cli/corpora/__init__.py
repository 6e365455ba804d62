"""Labelled audio: readers for the layouts of published corpora, splits and the prepared form."""
