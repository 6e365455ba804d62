"""One thin file per subcommand. Nothing here imports torch before the work starts."""
