"""What journals in SQL have in common, whatever the database."""
