"""Iterative attacks, one file each, and the campaign that runs any attacker over a set of utterances."""
