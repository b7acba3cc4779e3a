"""Programs that show the library at work; each runs as it is."""
