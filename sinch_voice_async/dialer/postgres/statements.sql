-- Each statement has its name before it. ``campaign`` and ``worker`` are given with each of them.
-- Sets of states come from the table in states.py, as arrays.

-- name: add_campaign
INSERT INTO sinch_voice_dialer.campaign (name) VALUES (%(name)s) ON CONFLICT (name) DO NOTHING

-- name: find_campaign
SELECT id AS found FROM sinch_voice_dialer.campaign WHERE name = %(name)s

-- name: campaigns
SELECT name, options FROM sinch_voice_dialer.campaign ORDER BY id

-- name: name
SELECT name FROM sinch_voice_dialer.campaign WHERE id = %(campaign)s

-- name: options
SELECT options FROM sinch_voice_dialer.campaign WHERE id = %(campaign)s

-- name: keep_options
UPDATE sinch_voice_dialer.campaign SET options = %(options)s WHERE id = %(campaign)s

-- name: control
SELECT control FROM sinch_voice_dialer.campaign WHERE id = %(campaign)s

-- name: set_control
UPDATE sinch_voice_dialer.campaign SET control = %(control)s WHERE id = %(campaign)s

-- name: begin_list
WITH forgotten AS (DELETE FROM sinch_voice_dialer.row WHERE campaign = %(campaign)s)
UPDATE sinch_voice_dialer.campaign SET listing = listing + 1 WHERE id = %(campaign)s RETURNING listing

-- name: known
SELECT number AS given, number, line, listed, fields, zone, others
FROM sinch_voice_dialer.contact WHERE campaign = %(campaign)s AND number = ANY (%(numbers)s)
UNION ALL
SELECT phone.number, contact.number, contact.line, contact.listed, contact.fields, contact.zone, contact.others
FROM sinch_voice_dialer.phone JOIN sinch_voice_dialer.contact
    ON contact.campaign = phone.campaign AND contact.number = phone.contact
WHERE phone.campaign = %(campaign)s AND phone.number = ANY (%(numbers)s)

-- name: insert
INSERT INTO sinch_voice_dialer.contact (campaign, number, others, fields, zone, line, listed, state, due, attempt,
    returned, today, recent, changed_at, spent)
SELECT %(campaign)s, number, others, fields, zone, line, %(listed)s, 'todo', 0, 0, 0, 0, '{}', %(at)s, 0
FROM unnest(%(numbers)s::text[], %(otherss)s::text[], %(fieldss)s::text[], %(zones)s::text[], %(lines)s::integer[])
    WITH ORDINALITY AS added (number, others, fields, zone, line, place)
ORDER BY place
ON CONFLICT (campaign, number) DO NOTHING

-- The row of a later list replaces that of a former one; who was removed by a list before is to do again.
-- name: again
UPDATE sinch_voice_dialer.contact
SET others = given.others, fields = given.fields, zone = given.zone, line = given.line, listed = %(listed)s,
    due = CASE WHEN state = 'skipped' AND note = %(removed)s THEN 0 ELSE due END,
    state = CASE WHEN state = 'skipped' AND note = %(removed)s THEN 'todo' ELSE state END
FROM unnest(%(numbers)s::text[], %(otherss)s::text[], %(fieldss)s::text[], %(zones)s::text[], %(lines)s::integer[])
    AS given (number, others, fields, zone, line)
WHERE contact.campaign = %(campaign)s AND contact.number = given.number

-- name: forget_phones
DELETE FROM sinch_voice_dialer.phone WHERE campaign = %(campaign)s AND contact = ANY (%(numbers)s)

-- name: keep_phones
INSERT INTO sinch_voice_dialer.phone (campaign, number, contact)
SELECT %(campaign)s, json_array_elements_text(others::json), number
FROM sinch_voice_dialer.contact WHERE campaign = %(campaign)s AND number = ANY (%(numbers)s) AND others IS NOT NULL
ON CONFLICT DO NOTHING

-- name: keep_fields
INSERT INTO sinch_voice_dialer.field (campaign, name)
SELECT %(campaign)s, name FROM unnest(%(names)s::text[]) WITH ORDINALITY AS given (name, place)
WHERE name NOT IN (SELECT name FROM sinch_voice_dialer.field WHERE campaign = %(campaign)s)
ORDER BY place
ON CONFLICT DO NOTHING

-- name: keep_fates
INSERT INTO sinch_voice_dialer.row (campaign, line, fate, detail, number)
SELECT %(campaign)s, line, fate, detail, number
FROM unnest(%(lines)s::integer[], %(fates)s::text[], %(details)s::text[], %(numbers)s::text[])
    WITH ORDINALITY AS given (line, fate, detail, number, place)
ORDER BY place
ON CONFLICT (campaign, line) DO UPDATE SET fate = excluded.fate, detail = excluded.detail, number = excluded.number

-- name: end_list
WITH gone AS (
    UPDATE sinch_voice_dialer.contact
    SET state = 'skipped', note = %(removed)s, changed_at = %(at)s, worker = NULL
    WHERE campaign = %(campaign)s AND state = 'todo' AND listed <> %(listed)s
    RETURNING position, line, number
)
INSERT INTO sinch_voice_dialer.row (campaign, fate, detail, number)
SELECT %(campaign)s, 'removed', coalesce('line ' || line || ' of a former list', 'in a former list'), number
FROM gone ORDER BY position

-- name: alive_campaign
SELECT id FROM sinch_voice_dialer.campaign WHERE id = %(campaign)s

-- name: analyze
ANALYZE sinch_voice_dialer.contact

-- name: join
INSERT INTO sinch_voice_dialer.worker (id, campaign, name, seen_at)
VALUES (%(worker)s, %(campaign)s, %(name)s, clock_timestamp())
ON CONFLICT (id) DO UPDATE SET seen_at = clock_timestamp()

-- name: leave
DELETE FROM sinch_voice_dialer.worker WHERE id = %(worker)s

-- name: recover
UPDATE sinch_voice_dialer.contact
SET state = 'unknown', note = %(left)s, changed_at = %(at)s
WHERE campaign = %(campaign)s AND state = 'dialing'
    AND (worker IN (SELECT sinch_voice_dialer.alive(%(gone_after)s))) IS NOT TRUE

-- What is offered to a worker is kept from the others as long as that worker is seen, so that no two run for the same
-- contact and one of them in vain. It is no claim, and nothing depends on it.
-- name: due
WITH mine AS (
    SELECT * FROM sinch_voice_dialer.contact
    WHERE campaign = %(campaign)s AND state = 'todo' AND due <= %(at)s AND worker = %(worker)s
        AND (%(listed)s::integer IS NULL OR listed IS NULL OR listed = %(listed)s)
    ORDER BY due, position LIMIT %(limit)s
), offered AS (
    SELECT number FROM sinch_voice_dialer.contact
    WHERE campaign = %(campaign)s AND state = 'todo' AND due <= %(at)s
        AND worker IS DISTINCT FROM %(worker)s
        AND (%(listed)s::integer IS NULL OR listed IS NULL OR listed = %(listed)s)
        AND (worker IN (SELECT sinch_voice_dialer.alive(%(gone_after)s))) IS NOT TRUE
    ORDER BY due, position LIMIT greatest(%(limit)s - (SELECT count(*) FROM mine), 0)
    FOR UPDATE SKIP LOCKED
), taken AS (
    UPDATE sinch_voice_dialer.contact SET worker = %(worker)s
    WHERE campaign = %(campaign)s AND number = ANY (ARRAY(SELECT number FROM offered))
    RETURNING *
)
SELECT * FROM mine UNION ALL SELECT * FROM taken ORDER BY due, position

-- Somebody else's contact may come back: given back, or left by a worker that is gone. Worth a look in a second.
-- name: next_due
WITH soon AS (SELECT extract(epoch FROM clock_timestamp())::double precision + 1 AS soon)
SELECT min(due) AS due FROM (
    (
        SELECT due FROM sinch_voice_dialer.contact
        WHERE campaign = %(campaign)s AND state = 'todo' AND worker IS NULL
            AND (%(listed)s::integer IS NULL OR listed IS NULL OR listed = %(listed)s)
        ORDER BY due, position LIMIT 1
    )
    UNION ALL
    SELECT CASE WHEN worker <> %(worker)s AND worker IN (SELECT sinch_voice_dialer.alive(%(gone_after)s))
        THEN greatest(due, soon) ELSE due END
    FROM sinch_voice_dialer.contact, soon
    WHERE campaign = %(campaign)s AND state = 'todo' AND worker IS NOT NULL
        AND (%(listed)s::integer IS NULL OR listed IS NULL OR listed = %(listed)s)
    UNION ALL
    SELECT soon
    FROM sinch_voice_dialer.contact, soon
    WHERE campaign = %(campaign)s AND state = 'dialing' AND worker IS DISTINCT FROM %(worker)s
) AS looks

-- name: claim
UPDATE sinch_voice_dialer.contact
SET state = 'dialing', token = %(token)s, worker = %(worker)s, changed_by = %(changed_by)s, attempt = attempt + 1,
    today = CASE WHEN day IS NOT DISTINCT FROM %(day)s THEN today + 1 ELSE 1 END, day = %(day)s,
    recent = recent[greatest(1, cardinality(recent) - 58):] || %(at)s::double precision,
    first_placed_at = coalesce(first_placed_at, %(at)s), placed_at = %(at)s, changed_at = %(at)s,
    call_id = NULL, result = NULL, reason = NULL, duration = NULL, amount = NULL, note = NULL
WHERE campaign = %(campaign)s AND number = %(number)s AND state = 'todo'
RETURNING *

-- name: change
UPDATE sinch_voice_dialer.contact
SET state = %(target)s, changed_at = %(at)s, changed_by = %(changed_by)s, worker = NULL,
    note = %(note)s, due = coalesce(%(due)s, due), call_id = coalesce(%(call_id)s, call_id),
    result = coalesce(%(result)s, result), reason = coalesce(%(reason)s, reason),
    duration = coalesce(%(duration)s, duration), amount = coalesce(%(amount)s, amount),
    currency = coalesce(%(currency)s, currency), spent = spent + coalesce(%(amount)s, 0),
    token = CASE WHEN %(ends_token)s THEN NULL ELSE token END,
    attempt = attempt - %(uncounted)s, today = greatest(today - %(uncounted)s, 0), returned = returned + %(uncounted)s,
    recent = CASE WHEN %(uncounted)s = 1 THEN trim_array(recent, least(1, cardinality(recent))) ELSE recent END,
    first_placed_at = CASE WHEN %(uncounted)s = 1 AND attempt = 1 THEN NULL ELSE first_placed_at END,
    placed_at = CASE WHEN %(uncounted)s = 1 THEN NULL ELSE placed_at END
WHERE campaign = %(campaign)s AND token = %(token)s AND state = ANY (%(sources)s)
RETURNING *

-- name: changed
SELECT * FROM sinch_voice_dialer.contact WHERE campaign = %(campaign)s AND changed_by = %(changed_by)s

-- name: put_off
UPDATE sinch_voice_dialer.contact
SET state = %(target)s, due = %(due)s, note = %(note)s, changed_at = %(at)s, worker = NULL
WHERE campaign = %(campaign)s AND number = %(number)s AND state = 'todo'

-- name: change_all
UPDATE sinch_voice_dialer.contact
SET state = %(target)s, note = %(note)s, due = 0, changed_at = %(at)s, token = NULL, worker = NULL
WHERE campaign = %(campaign)s AND state = ANY (%(sources)s)
    AND (%(removed)s::text IS NULL OR note IS DISTINCT FROM %(removed)s)

-- name: change_some
UPDATE sinch_voice_dialer.contact
SET state = %(target)s, note = %(note)s, due = 0, changed_at = %(at)s, token = NULL, worker = NULL
WHERE campaign = %(campaign)s AND state = ANY (%(sources)s) AND number = ANY (%(numbers)s)
    AND (%(removed)s::text IS NULL OR note IS DISTINCT FROM %(removed)s)

-- name: count_some
SELECT count(*) AS contacts FROM sinch_voice_dialer.contact
WHERE campaign = %(campaign)s AND state = ANY (%(sources)s) AND number = ANY (%(numbers)s)

-- name: look_up
SELECT * FROM sinch_voice_dialer.contact WHERE campaign = %(campaign)s AND token = ANY (%(tokens)s)

-- name: find_call
SELECT * FROM sinch_voice_dialer.contact WHERE campaign = %(campaign)s AND call_id = %(call_id)s

-- name: totals
SELECT state, result, CASE WHEN state IN ('skipped', 'rejected') THEN note END AS note, currency,
    count(*) AS contacts, sum(attempt) AS attempts, sum(spent) AS spent, max(amount) AS dearest,
    min(first_placed_at) AS first_placed_at, max(placed_at) AS last_placed_at
FROM sinch_voice_dialer.contact WHERE campaign = %(campaign)s GROUP BY 1, 2, 3, 4

-- name: find_number
SELECT * FROM sinch_voice_dialer.contact WHERE campaign = %(campaign)s AND number = %(number)s

-- name: page
SELECT * FROM sinch_voice_dialer.contact WHERE campaign = %(campaign)s AND position > %(after)s
ORDER BY position LIMIT %(limit)s

-- name: page_of
SELECT * FROM sinch_voice_dialer.contact
WHERE campaign = %(campaign)s AND state = %(state)s AND position > %(after)s
ORDER BY position LIMIT %(limit)s

-- name: page_some
SELECT * FROM sinch_voice_dialer.contact
WHERE campaign = %(campaign)s AND position > %(after)s AND state = ANY (%(states)s)
ORDER BY position LIMIT %(limit)s

-- name: redialable
SELECT * FROM sinch_voice_dialer.contact
WHERE campaign = %(campaign)s AND state = 'done' AND result <> 'ANSWERED' AND result = ANY (%(results)s)
    AND attempt < %(attempts)s AND position > %(after)s
ORDER BY position LIMIT %(limit)s

-- name: alive
SELECT * FROM sinch_voice_dialer.contact
WHERE campaign = %(campaign)s AND state = 'accepted' AND placed_at > %(since)s AND position > %(after)s
ORDER BY position LIMIT %(limit)s

-- name: row_fates
SELECT position, line, fate, detail, number FROM sinch_voice_dialer.row
WHERE campaign = %(campaign)s AND position > %(after)s AND (%(fate)s::text IS NULL OR fate = %(fate)s)
ORDER BY position LIMIT %(limit)s

-- name: fate_counts
SELECT fate, count(*) AS lines FROM sinch_voice_dialer.row WHERE campaign = %(campaign)s GROUP BY fate

-- name: field_names
SELECT name FROM sinch_voice_dialer.field WHERE campaign = %(campaign)s ORDER BY position

-- The rules of the pace are those of pacing.py; here they are one statement each, so that many machines share one
-- pace and none of them keeps the others waiting for as long as an answer travels.
-- name: set_pace
INSERT INTO sinch_voice_dialer.pace (campaign, target) VALUES (%(campaign)s, %(target)s)
ON CONFLICT (campaign) DO UPDATE SET target = excluded.target,
    next_at = CASE WHEN pace.target = excluded.target THEN pace.next_at
        ELSE least(pace.next_at, clock_timestamp() + make_interval(secs => 1 / excluded.target)) END

-- Each caller gets an instant of its own. How long it is until then is reckoned here, on the one clock.
-- name: reserve
UPDATE sinch_voice_dialer.pace
SET instant = greatest(next_at, clock_timestamp()),
    next_at = greatest(next_at, clock_timestamp())
        + make_interval(secs => 1 / sinch_voice_dialer.rate_at(pace, greatest(next_at, clock_timestamp())))
WHERE campaign = %(campaign)s AND NOT paused
RETURNING extract(epoch FROM instant - clock_timestamp())::double precision AS wait,
    sinch_voice_dialer.rate_at(pace, instant) AS rate, target

-- name: held
SELECT paused OR held_until > clock_timestamp() AS is_held, target
FROM sinch_voice_dialer.pace WHERE campaign = %(campaign)s

-- name: hold
UPDATE sinch_voice_dialer.pace
SET held_until = greatest(held_until, clock_timestamp() + make_interval(secs => %(seconds)s)),
    next_at = greatest(next_at, clock_timestamp() + make_interval(secs => %(seconds)s))
WHERE campaign = %(campaign)s

-- What was sent before the last slowing down does not slow down again. When that was is known but for the time that the
-- news takes to come here.
-- name: slow_down
UPDATE sinch_voice_dialer.pace
SET slowed_rate = greatest(
        least(sinch_voice_dialer.rate_at(pace, clock_timestamp()), 1000) * 0.7, least(0.5, target)
    ),
    slowed_at = clock_timestamp()
WHERE campaign = %(campaign)s AND slowed_at < clock_timestamp() - make_interval(secs => %(age)s + 0.1)

-- name: pause
INSERT INTO sinch_voice_dialer.pace (campaign, paused) VALUES (%(campaign)s, %(paused)s)
ON CONFLICT (campaign) DO UPDATE SET paused = excluded.paused
