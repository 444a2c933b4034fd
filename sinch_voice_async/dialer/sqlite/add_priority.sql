-- For journals of version 2 that were made before contacts had a priority. A program that does not know it goes on.

ALTER TABLE contact ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;

DROP INDEX contact_due;

CREATE INDEX contact_due ON contact (priority, due, position) WHERE state = 'todo';
