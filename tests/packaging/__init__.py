"""What a user gets: the files that are installed, and what importing them loads."""
