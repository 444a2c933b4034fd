-- Each statement has its name before it. Sets of states come from the table in states.py, as JSON.

-- name: enqueue
INSERT INTO contact (number, fields, zone, changed_at)
VALUES (:number, :fields, :zone, :at)
ON CONFLICT (number) DO NOTHING;

-- name: note_broken
INSERT INTO broken (line, problem) VALUES (:line, :problem)
ON CONFLICT (line) DO UPDATE SET problem = excluded.problem;

-- name: recover
UPDATE contact
SET state = 'unknown', note = :note, changed_at = :at
WHERE state = 'dialing';

-- name: claim
UPDATE contact
SET state = 'dialing', token = :token, attempt = attempt + 1,
    today = CASE WHEN day IS :day THEN today + 1 ELSE 1 END, day = :day,
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
WHERE state IN (SELECT value FROM json_each(:sources));

-- name: change_some
UPDATE contact
SET state = :target, note = :note, due = 0, changed_at = :at, token = NULL
WHERE state IN (SELECT value FROM json_each(:sources)) AND number IN (SELECT value FROM json_each(:numbers));

-- name: due
SELECT * FROM contact WHERE state = 'todo' AND due <= :at ORDER BY due, position LIMIT :limit;

-- name: next_due
SELECT min(due) AS due FROM contact WHERE state = 'todo';

-- name: look_up
SELECT * FROM contact WHERE token IN (SELECT value FROM json_each(:tokens));

-- name: find_call
SELECT * FROM contact WHERE call_id = :call_id;

-- name: totals
SELECT state, result, CASE WHEN state IN ('skipped', 'rejected') THEN note END AS note, currency,
    count(*) AS contacts, sum(attempt) AS attempts, sum(spent) AS spent,
    min(first_placed_at) AS first_placed_at, max(placed_at) AS last_placed_at
FROM contact GROUP BY 1, 2, 3, 4;

-- name: page
SELECT * FROM contact
WHERE position > :after AND (:states IS NULL OR state IN (SELECT value FROM json_each(:states)))
ORDER BY position LIMIT :limit;

-- name: broken_page
SELECT line, problem FROM broken WHERE line > :after ORDER BY line LIMIT :limit;
