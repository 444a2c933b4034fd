-- From version 1 to version 2. Contacts of version 1 count as a former list.

ALTER TABLE contact RENAME TO old_contact;

DROP INDEX contact_due;

DROP INDEX contact_dialing;

DROP INDEX contact_call;

ALTER TABLE campaign RENAME TO old_campaign;

ALTER TABLE broken RENAME TO old_broken;

-- here: schema

INSERT INTO campaign (name, listing, log) SELECT name, 0, 0 FROM old_campaign;

INSERT INTO contact (position, number, fields, zone, listed, state, due, attempt, returned, token, day, today, recent,
    first_placed_at, placed_at, changed_at, call_id, result, reason, duration, amount, spent, currency, note)
SELECT position, number, fields, zone, 0, state, due, attempt, returned, token, day, today,
    CASE WHEN placed_at IS NULL THEN '[]' ELSE json_array(placed_at) END,
    first_placed_at, placed_at, changed_at, call_id, result, reason, duration, amount, spent, currency, note
FROM old_contact;

INSERT INTO row (line, fate, detail) SELECT line, 'broken', problem FROM old_broken;

INSERT OR IGNORE INTO field (name) SELECT key FROM old_contact, json_each(old_contact.fields) ORDER BY position;

DROP TABLE old_contact;

DROP TABLE old_campaign;

DROP TABLE old_broken;
