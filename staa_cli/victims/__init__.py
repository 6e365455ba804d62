"""The speech emotion models under attack."""
