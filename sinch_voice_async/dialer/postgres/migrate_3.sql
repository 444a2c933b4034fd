-- From version 3 to version 4: contacts have a priority. A process of version 3 that is connected goes on, without it.

ALTER TABLE sinch_voice_dialer.contact ADD COLUMN priority integer NOT NULL DEFAULT 0;

DROP INDEX sinch_voice_dialer.contact_due;
CREATE INDEX contact_due ON sinch_voice_dialer.contact (campaign, priority, due, position)
    WHERE state = 'todo' AND batch IS NULL;

-- The priorities of contacts that may be offered, the highest first: each costs one look into the index.
CREATE FUNCTION sinch_voice_dialer.priorities(given integer) RETURNS SETOF integer
STABLE LANGUAGE sql AS $$
    WITH RECURSIVE found (priority) AS (
        (
            SELECT priority FROM sinch_voice_dialer.contact
            WHERE campaign = given AND state = 'todo' AND batch IS NULL
            ORDER BY priority DESC LIMIT 1
        )
        UNION ALL
        SELECT (
            SELECT contact.priority FROM sinch_voice_dialer.contact
            WHERE campaign = given AND state = 'todo' AND batch IS NULL AND contact.priority < found.priority
            ORDER BY contact.priority DESC LIMIT 1
        ) FROM found WHERE found.priority IS NOT NULL
    )
    SELECT priority FROM found WHERE priority IS NOT NULL
$$;

UPDATE sinch_voice_dialer.version SET version = 4;
