"""What outlives a rerun: caches for all users, settings in the session and the URL, the turned knobs."""
