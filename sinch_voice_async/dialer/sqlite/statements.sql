-- Each statement has its name before it. Sets of states come from the table in states.py, as JSON.

-- name: name
SELECT name FROM campaign;

-- name: options
SELECT options FROM campaign;

-- name: keep_options
UPDATE campaign SET options = :options;

-- name: control
SELECT control FROM campaign;

-- name: set_control
UPDATE campaign SET control = :control;

-- name: forget_fates
DELETE FROM row;

-- name: begin_list
UPDATE campaign SET listing = listing + 1 RETURNING listing;

-- name: known
SELECT number AS given, number, line, listed, fields, zone, others, priority
FROM contact WHERE number IN (SELECT value FROM json_each(:numbers))
UNION ALL
SELECT phone.number, contact.number, contact.line, contact.listed, contact.fields, contact.zone, contact.others,
    contact.priority
FROM phone JOIN contact ON contact.position = phone.contact
WHERE phone.number IN (SELECT value FROM json_each(:numbers));

-- name: insert
INSERT INTO contact (number, others, fields, zone, line, listed, state, due, attempt, returned, today, recent,
    changed_at, spent, priority)
VALUES (:number, :others, :fields, :zone, :line, :listed, 'todo', 0, 0, 0, 0, '[]', :at, 0, :priority);

-- name: again
-- The row of a later list replaces that of a former one; a contact that a list removed before is to do again.
UPDATE contact
SET others = :others, fields = :fields, zone = :zone, line = :line, listed = :listed, priority = :priority,
    due = CASE WHEN state = 'skipped' AND note = :removed THEN 0 ELSE due END,
    state = CASE WHEN state = 'skipped' AND note = :removed THEN 'todo' ELSE state END
WHERE number = :number;

-- name: forget_phones
DELETE FROM phone WHERE contact = (SELECT position FROM contact WHERE number = :number);

-- name: keep_phones
INSERT OR IGNORE INTO phone (number, contact)
SELECT value, position FROM contact, json_each(contact.others) WHERE contact.number = :number;

-- name: keep_field
INSERT OR IGNORE INTO field (name) VALUES (:name);

-- name: keep_fate
INSERT INTO row (line, fate, detail, number) VALUES (:line, :fate, :detail, :number)
ON CONFLICT (line) DO UPDATE SET fate = excluded.fate, detail = excluded.detail, number = excluded.number;

-- name: note_removed
INSERT INTO row (fate, detail, number)
SELECT 'removed', coalesce('line ' || line || ' of a former list', 'in a former list'), number
FROM contact WHERE state = 'todo' AND listed <> :listed;

-- name: end_list
UPDATE contact
SET state = 'skipped', note = :removed, changed_at = :at
WHERE state = 'todo' AND listed <> :listed;

-- name: recover
UPDATE contact
SET state = :target, note = :note, changed_at = :at
WHERE state = 'dialing' AND state <> 'todo' AND state <> 'done'
    AND state IN (SELECT value FROM json_each(:sources));

-- name: claim
UPDATE contact
SET state = 'dialing', token = :token, attempt = attempt + 1,
    today = CASE WHEN day IS :day THEN today + 1 ELSE 1 END, day = :day,
    recent = json_insert(CASE WHEN json_array_length(recent) < 60 THEN recent ELSE json_remove(recent, '$[0]') END,
        '$[#]', :at),
    first_placed_at = coalesce(first_placed_at, :at), placed_at = :at, changed_at = :at,
    call_id = NULL, result = NULL, reason = NULL, duration = NULL, amount = NULL, note = NULL
WHERE number = :number AND state = 'todo'
RETURNING *;

-- name: change
UPDATE contact
SET state = :target, changed_at = :at, note = :note, due = coalesce(:due, due),
    call_id = coalesce(:call_id, call_id), result = coalesce(:result, result), reason = coalesce(:reason, reason),
    duration = coalesce(:duration, duration), amount = coalesce(:amount, amount),
    currency = coalesce(:currency, currency), spent = spent + coalesce(:amount, 0),
    token = CASE WHEN :ends_token THEN NULL ELSE token END,
    attempt = attempt - :uncounted, today = max(today - :uncounted, 0), returned = returned + :uncounted,
    recent = CASE WHEN :uncounted THEN json_remove(recent, '$[#-1]') ELSE recent END,
    first_placed_at = CASE WHEN :uncounted AND attempt = 1 THEN NULL ELSE first_placed_at END,
    placed_at = CASE WHEN :uncounted THEN NULL ELSE placed_at END
WHERE token = :token AND state IN (SELECT value FROM json_each(:sources))
RETURNING *;

-- name: put_off
UPDATE contact
SET state = :target, due = :due, note = :note, changed_at = :at
WHERE number = :number AND state = 'todo';

-- name: change_all
UPDATE contact
SET state = :target, note = :note, due = 0, changed_at = :at, token = NULL
WHERE state IN (SELECT value FROM json_each(:sources)) AND (:removed IS NULL OR note IS NOT :removed);

-- name: change_some
UPDATE contact
SET state = :target, note = :note, due = 0, changed_at = :at, token = NULL
WHERE state IN (SELECT value FROM json_each(:sources)) AND (:removed IS NULL OR note IS NOT :removed)
    AND number IN (SELECT value FROM json_each(:numbers));

-- name: reopen
UPDATE contact
SET state = :target, note = :note, due = 0, changed_at = :at, token = NULL
WHERE state = 'skipped' AND state <> 'todo' AND state <> 'done' AND note IS NOT :removed;

-- name: count_some
SELECT count(*) AS contacts FROM contact
WHERE state IN (SELECT value FROM json_each(:sources)) AND number IN (SELECT value FROM json_each(:numbers));

-- name: priorities
-- Of contacts in ``todo``, the highest first: each costs one look into the index.
WITH RECURSIVE found (priority) AS (
    SELECT (SELECT priority FROM contact WHERE state = 'todo' ORDER BY priority DESC LIMIT 1)
    UNION ALL
    SELECT (
        SELECT priority FROM contact WHERE state = 'todo' AND priority < found.priority ORDER BY priority DESC LIMIT 1
    ) FROM found WHERE priority IS NOT NULL
)
SELECT priority FROM found WHERE priority IS NOT NULL;

-- name: due
SELECT * FROM contact
WHERE state = 'todo' AND priority = :priority AND due <= :at
    AND (:listed IS NULL OR listed IS NULL OR listed = :listed)
ORDER BY due, position LIMIT :limit;

-- name: next_due
WITH RECURSIVE found (priority) AS (
    SELECT (SELECT priority FROM contact WHERE state = 'todo' ORDER BY priority DESC LIMIT 1)
    UNION ALL
    SELECT (
        SELECT priority FROM contact WHERE state = 'todo' AND priority < found.priority ORDER BY priority DESC LIMIT 1
    ) FROM found WHERE priority IS NOT NULL
)
SELECT min((
    SELECT due FROM contact
    WHERE state = 'todo' AND priority = found.priority AND (:listed IS NULL OR listed IS NULL OR listed = :listed)
    ORDER BY due LIMIT 1
)) AS due FROM found;

-- name: look_up
SELECT * FROM contact WHERE token IN (SELECT value FROM json_each(:tokens));

-- name: find_call
SELECT * FROM contact WHERE call_id = :call_id;

-- name: find_number
SELECT * FROM contact WHERE number = :number;

-- name: totals
SELECT state, nullif(result, '') AS result, CASE WHEN state IN ('skipped', 'rejected') THEN note END AS note,
    nullif(currency, '') AS currency, contacts, attempts, spent, dearest, first_placed_at, last_placed_at
FROM total WHERE contacts > 0;

-- name: page
SELECT * FROM contact WHERE position > :after ORDER BY position LIMIT :limit;

-- name: page_of
SELECT * FROM contact WHERE state = :state AND position > :after ORDER BY position LIMIT :limit;

-- name: page_open
SELECT * FROM contact
WHERE state = :state AND state <> 'todo' AND state <> 'done' AND position > :after ORDER BY position LIMIT :limit;

-- name: page_some
SELECT * FROM contact
WHERE position > :after AND state IN (SELECT value FROM json_each(:states))
ORDER BY position LIMIT :limit;

-- name: redialable
SELECT * FROM contact
WHERE state = 'done' AND result <> 'ANSWERED' AND result IN (SELECT value FROM json_each(:results))
    AND attempt < :attempts AND position > :after
ORDER BY position LIMIT :limit;

-- name: alive
SELECT * FROM contact
WHERE state = 'accepted' AND state <> 'todo' AND state <> 'done' AND placed_at > :since AND position > :after
ORDER BY position LIMIT :limit;

-- name: keep_result_states
UPDATE result_states SET states = :states;

-- name: results
SELECT id, body FROM result ORDER BY id LIMIT :limit;

-- name: forget_results
DELETE FROM result WHERE id IN (SELECT value FROM json_each(:ids));

-- name: row_fates
SELECT position, line, fate, detail, number FROM row
WHERE position > :after AND (:fate IS NULL OR fate = :fate) ORDER BY position LIMIT :limit;

-- name: fate_counts
SELECT fate, count(*) AS lines FROM row GROUP BY fate;

-- name: field_names
SELECT name FROM field ORDER BY position;
