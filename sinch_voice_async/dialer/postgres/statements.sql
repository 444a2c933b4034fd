-- Each statement has its name before it. ``campaign`` and ``run`` are given with each of them.
-- Sets of states come from the table of transitions in journal.py.

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
SELECT control, pause, is_cancelled, wanted_rate FROM sinch_voice_dialer.campaign WHERE id = %(campaign)s

-- The next instant of a slow pace may be far away: a faster one begins at once.
-- name: set_control
UPDATE sinch_voice_dialer.campaign
SET control = %(control)s, pause = %(pause)s, is_cancelled = %(is_cancelled)s, wanted_rate = %(wanted_rate)s,
    next_at = CASE WHEN wanted_rate IS NOT DISTINCT FROM %(wanted_rate)s THEN next_at
        ELSE greatest(held_until, least(next_at, clock_timestamp()
            + make_interval(secs => 1 / coalesce(%(wanted_rate)s, target)))) END
WHERE id = %(campaign)s

-- name: pause
UPDATE sinch_voice_dialer.campaign SET pause = coalesce(pause, %(reason)s) WHERE id = %(campaign)s

-- name: resume
UPDATE sinch_voice_dialer.campaign SET pause = NULL, is_cancelled = false WHERE id = %(campaign)s

-- name: begin_list
WITH forgotten AS (DELETE FROM sinch_voice_dialer.row WHERE campaign = %(campaign)s)
UPDATE sinch_voice_dialer.campaign SET listing = listing + 1 WHERE id = %(campaign)s RETURNING listing

-- name: known
SELECT number AS given, number, line, listed, fields, zone, others, priority
FROM sinch_voice_dialer.contact WHERE campaign = %(campaign)s AND number = ANY (%(numbers)s)
UNION ALL
SELECT phone.number, contact.number, contact.line, contact.listed, contact.fields, contact.zone, contact.others,
    contact.priority
FROM sinch_voice_dialer.phone JOIN sinch_voice_dialer.contact
    ON contact.campaign = phone.campaign AND contact.number = phone.contact
WHERE phone.campaign = %(campaign)s AND phone.number = ANY (%(numbers)s)

-- name: insert
INSERT INTO sinch_voice_dialer.contact (campaign, number, others, fields, zone, line, listed, state, due, attempt,
    returned, today, recent, changed_at, spent, priority)
SELECT %(campaign)s, number, others, fields, zone, line, %(listed)s, 'todo', 0, 0, 0, 0, '{}', %(at)s, 0, priority
FROM unnest(%(numbers)s::text[], %(otherss)s::text[], %(fieldss)s::text[], %(zones)s::text[], %(lines)s::integer[],
    %(prioritys)s::integer[]) WITH ORDINALITY AS added (number, others, fields, zone, line, priority, place)
ORDER BY place
ON CONFLICT (campaign, number) DO NOTHING

-- The row of a later list replaces that of a former one; who was removed by a list before is to do again.
-- name: again
UPDATE sinch_voice_dialer.contact
SET others = given.others, fields = given.fields, zone = given.zone, line = given.line, listed = %(listed)s,
    priority = given.priority,
    due = CASE WHEN state = 'skipped' AND note = %(removed)s THEN 0 ELSE due END,
    state = CASE WHEN state = 'skipped' AND note = %(removed)s THEN 'todo' ELSE state END
FROM unnest(%(numbers)s::text[], %(otherss)s::text[], %(fieldss)s::text[], %(zones)s::text[], %(lines)s::integer[],
    %(prioritys)s::integer[]) AS given (number, others, fields, zone, line, priority)
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
    SET state = 'skipped', note = %(removed)s, changed_at = %(at)s, batch = NULL
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

-- What was left at ``dialing`` for so long was lost with its machine: a request takes less time. It may have rung.
-- name: recover
UPDATE sinch_voice_dialer.contact
SET state = 'unknown', note = %(left)s, changed_at = extract(epoch FROM clock_timestamp()), batch = NULL
WHERE campaign = %(campaign)s AND state = 'dialing'
    AND claimed_at < clock_timestamp() - make_interval(secs => %(claim_timeout)s)

-- An offer is a lease: it keeps a contact from being offered twice, and nothing else depends on it.
-- name: expire
UPDATE sinch_voice_dialer.contact SET batch = NULL
WHERE campaign = %(campaign)s AND state = 'todo' AND batch IS NOT NULL AND offered_until < clock_timestamp()

-- name: take_back
UPDATE sinch_voice_dialer.contact SET batch = NULL
WHERE campaign = %(campaign)s AND state = 'todo' AND batch = ANY (%(batches)s::uuid[])

-- Planners take turns, by a lock in a statement of its own: what the next statement reads is then as the last planner
-- left it. In one statement with the offer, several planners would each see all the room.
-- name: lock_plan
SELECT pg_advisory_xact_lock(%(plan_lock)s, %(campaign)s)

-- The row is locked only if something changes: pacers wait for it.
-- name: set_target
UPDATE sinch_voice_dialer.campaign
SET target = %(target)s,
    next_at = CASE WHEN wanted_rate IS NOT NULL THEN next_at
        ELSE greatest(held_until, least(next_at, clock_timestamp() + make_interval(secs => 1 / %(target)s))) END
WHERE id = %(campaign)s AND target <> %(target)s

-- name: standing
SELECT pause IS NULL AND NOT is_cancelled AND held_until < clock_timestamp() + interval '10 s' AS is_open,
    sinch_voice_dialer.rate_at(coalesce(wanted_rate, target), slowed_rate, slowed_at, clock_timestamp()) AS rate,
    extract(epoch FROM clock_timestamp())::double precision AS now
FROM sinch_voice_dialer.campaign WHERE id = %(campaign)s

-- name: count_open
SELECT
    (
        SELECT count(*) FROM sinch_voice_dialer.contact
        WHERE campaign = %(campaign)s AND state = 'todo' AND batch IS NOT NULL
    ) AS offered,
    (SELECT count(*) FROM sinch_voice_dialer.contact WHERE campaign = %(campaign)s AND state = 'dialing') AS dialing

-- For campaigns that follow their calls. A call that lasted as long as a call can is over, and its cost is not known.
-- name: count_calls
SELECT
    count(*) FILTER (
        WHERE state = 'accepted' AND claimed_at > clock_timestamp() - make_interval(secs => %(max_call_duration)s)
    ) AS alive,
    count(*) AS uncosted,
    (SELECT sum(spent) FROM sinch_voice_dialer.spending WHERE campaign = %(campaign)s) AS spent,
    (SELECT max(dearest) FROM sinch_voice_dialer.spending WHERE campaign = %(campaign)s) AS dearest
FROM sinch_voice_dialer.contact WHERE campaign = %(campaign)s AND state IN ('accepted', 'unknown')

-- One priority after another is looked through, each by due, until there are enough: the index has them in this order.
-- name: offer
WITH next AS MATERIALIZED (
    SELECT first.*
    FROM sinch_voice_dialer.priorities(%(campaign)s) AS level (priority) CROSS JOIN LATERAL (
        SELECT number, priority, due, position FROM sinch_voice_dialer.contact
        WHERE campaign = %(campaign)s AND state = 'todo' AND batch IS NULL AND contact.priority = level.priority
            AND due <= extract(epoch FROM clock_timestamp())::double precision
        ORDER BY due, position LIMIT %(room)s
    ) AS first
    LIMIT %(room)s
), placed AS (
    SELECT number, (row_number() OVER (ORDER BY priority DESC, due, position) - 1) / %(size)s + 1 AS place FROM next
), offered AS (
    UPDATE sinch_voice_dialer.contact
    SET batch = (%(batches)s::uuid[])[placed.place],
        offered_until = clock_timestamp() + make_interval(secs => %(lease)s)
    FROM placed
    WHERE contact.campaign = %(campaign)s AND contact.number = placed.number AND contact.state = 'todo'
        AND contact.batch IS NULL
    RETURNING placed.place, contact.batch
)
SELECT batch, count(*) AS size FROM offered GROUP BY place, batch ORDER BY place

-- name: count_left
SELECT
    (
        SELECT count(*) FROM (
            SELECT FROM sinch_voice_dialer.contact
            WHERE campaign = %(campaign)s AND state = 'todo' AND batch IS NULL LIMIT %(most)s
        ) AS few
    ) AS waiting,
    (
        SELECT min(first.due)
        FROM sinch_voice_dialer.priorities(%(campaign)s) AS level (priority) CROSS JOIN LATERAL (
            SELECT due FROM sinch_voice_dialer.contact
            WHERE campaign = %(campaign)s AND state = 'todo' AND batch IS NULL AND contact.priority = level.priority
            ORDER BY due LIMIT 1
        ) AS first
    ) AS next_due

-- name: of_batch
SELECT * FROM sinch_voice_dialer.contact
WHERE campaign = %(campaign)s AND state = 'todo' AND batch = %(batch)s
ORDER BY priority DESC, due, position

-- name: open_batches
SELECT DISTINCT batch FROM sinch_voice_dialer.contact
WHERE campaign = %(campaign)s AND state = 'todo' AND batch IS NOT NULL AND offered_until > clock_timestamp()
LIMIT 100

-- What a run is offered is kept from the others for the time of the lease, so that no two try the same contact and one
-- of them in vain.
-- name: due
WITH mine AS (
    SELECT * FROM sinch_voice_dialer.contact
    WHERE campaign = %(campaign)s AND state = 'todo' AND due <= %(at)s AND batch = %(run)s
        AND (%(listed)s::integer IS NULL OR listed IS NULL OR listed = %(listed)s)
    ORDER BY priority DESC, due, position LIMIT %(limit)s
), offered AS (
    SELECT first.number
    FROM sinch_voice_dialer.priorities(%(campaign)s) AS level (priority) CROSS JOIN LATERAL (
        SELECT number FROM sinch_voice_dialer.contact
        WHERE campaign = %(campaign)s AND state = 'todo' AND batch IS NULL AND contact.priority = level.priority
            AND due <= %(at)s AND (%(listed)s::integer IS NULL OR listed IS NULL OR listed = %(listed)s)
        ORDER BY due, position LIMIT %(limit)s
        FOR UPDATE SKIP LOCKED
    ) AS first
    LIMIT greatest(%(limit)s - (SELECT count(*) FROM mine), 0)
), taken AS (
    UPDATE sinch_voice_dialer.contact
    SET batch = %(run)s, offered_until = clock_timestamp() + make_interval(secs => %(lease)s)
    WHERE campaign = %(campaign)s AND number = ANY (ARRAY(SELECT number FROM offered))
    RETURNING *
)
SELECT * FROM mine UNION ALL SELECT * FROM taken ORDER BY priority DESC, due, position

-- A contact of another machine may come back: given back, or left by a machine that is gone. Look again in a second.
-- name: next_due
WITH soon AS (SELECT extract(epoch FROM clock_timestamp())::double precision + 1 AS soon)
SELECT min(due) AS due FROM (
    SELECT first.due
    FROM sinch_voice_dialer.priorities(%(campaign)s) AS level (priority) CROSS JOIN LATERAL (
        SELECT due FROM sinch_voice_dialer.contact
        WHERE campaign = %(campaign)s AND state = 'todo' AND batch IS NULL AND contact.priority = level.priority
            AND (%(listed)s::integer IS NULL OR listed IS NULL OR listed = %(listed)s)
        ORDER BY due LIMIT 1
    ) AS first
    UNION ALL
    SELECT CASE WHEN batch IS DISTINCT FROM %(run)s THEN greatest(due, soon) ELSE due END
    FROM sinch_voice_dialer.contact, soon
    WHERE campaign = %(campaign)s AND state = 'todo' AND batch IS NOT NULL
        AND (%(listed)s::integer IS NULL OR listed IS NULL OR listed = %(listed)s)
    UNION ALL
    SELECT soon
    FROM sinch_voice_dialer.contact, soon
    WHERE campaign = %(campaign)s AND state = 'dialing' AND batch IS DISTINCT FROM %(run)s
) AS looks

-- Claims that wait for the connection at the same moment are one statement; each row has its own condition.
-- name: claim
UPDATE sinch_voice_dialer.contact
SET state = 'dialing', token = given.token, changed_by = %(changed_by)s, attempt = attempt + 1,
    claimed_at = clock_timestamp(), looked_at = NULL,
    today = CASE WHEN contact.day IS NOT DISTINCT FROM given.day THEN today + 1 ELSE 1 END, day = given.day,
    recent = recent[greatest(1, cardinality(recent) - 58):] || given.at,
    first_placed_at = coalesce(first_placed_at, given.at), placed_at = given.at, changed_at = given.at,
    call_id = NULL, result = NULL, reason = NULL, duration = NULL, amount = NULL, note = NULL
FROM unnest(%(numbers)s::text[], %(tokens)s::text[], %(days)s::text[], %(ats)s::double precision[],
    %(batches)s::uuid[]) AS given (number, token, day, at, batch)
WHERE contact.campaign = %(campaign)s AND contact.number = given.number AND contact.state = 'todo'
    AND (given.batch IS NULL OR contact.batch = given.batch)
RETURNING contact.*

-- Changes are one statement in the same way. What they add to the cost is added up in the same transaction.
-- name: change
WITH changed AS (
    UPDATE sinch_voice_dialer.contact
    SET state = given.target, changed_at = given.at, changed_by = %(changed_by)s, batch = NULL, note = given.note,
        due = coalesce(given.due, contact.due), call_id = coalesce(given.call_id, contact.call_id),
        result = coalesce(given.result, contact.result), reason = coalesce(given.reason, contact.reason),
        duration = coalesce(given.duration, contact.duration), amount = coalesce(given.amount, contact.amount),
        currency = coalesce(given.currency, contact.currency), spent = contact.spent + coalesce(given.amount, 0),
        token = CASE WHEN given.ends_token THEN NULL ELSE contact.token END,
        attempt = attempt - given.uncounted, today = greatest(today - given.uncounted, 0),
        returned = returned + given.uncounted,
        recent = CASE WHEN given.uncounted = 1 THEN trim_array(recent, least(1, cardinality(recent)))
            ELSE recent END,
        first_placed_at = CASE WHEN given.uncounted = 1 AND attempt = 1 THEN NULL ELSE first_placed_at END,
        placed_at = CASE WHEN given.uncounted = 1 THEN NULL ELSE placed_at END
    FROM unnest(%(tokens)s::text[], %(targets)s::text[], %(sourcess)s::text[], %(ats)s::double precision[],
        %(notes)s::text[], %(dues)s::double precision[], %(call_ids)s::text[], %(results)s::text[],
        %(reasons)s::text[], %(durations)s::integer[], %(amounts)s::bigint[], %(currencys)s::text[],
        %(ends_tokens)s::boolean[], %(uncounteds)s::integer[])
        AS given (token, target, sources, at, note, due, call_id, result, reason, duration, amount, currency,
            ends_token, uncounted)
    WHERE contact.campaign = %(campaign)s AND contact.token = given.token
        AND contact.state = ANY (string_to_array(given.sources, ','))
    RETURNING contact.*, given.token AS given_token, given.amount AS charged
), charged AS (
    INSERT INTO sinch_voice_dialer.spending AS kept (campaign, slot, spent, dearest)
    SELECT %(campaign)s, pg_backend_pid() %% 16, sum(charged), max(charged) FROM changed
    WHERE charged IS NOT NULL HAVING count(*) > 0
    ON CONFLICT (campaign, slot) DO UPDATE
    SET spent = kept.spent + excluded.spent, dearest = greatest(kept.dearest, excluded.dearest)
)
SELECT * FROM changed

-- name: changed
SELECT *, token AS given_token FROM sinch_voice_dialer.contact
WHERE campaign = %(campaign)s AND token = ANY (%(tokens)s::text[]) AND changed_by = %(changed_by)s

-- The calls that were asked about longest ago, and not in the last seconds by another machine.
-- name: to_look_at
WITH next AS (
    SELECT number FROM sinch_voice_dialer.contact
    WHERE campaign = %(campaign)s AND state = 'accepted' AND call_id IS NOT NULL
        AND claimed_at > clock_timestamp() - make_interval(secs => %(max_call_duration)s)
        AND (looked_at IS NULL OR looked_at < clock_timestamp() - make_interval(secs => %(poll_interval)s))
    ORDER BY looked_at NULLS FIRST, claimed_at LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
UPDATE sinch_voice_dialer.contact SET looked_at = clock_timestamp()
WHERE campaign = %(campaign)s AND number = ANY (ARRAY(SELECT number FROM next))
RETURNING *

-- name: put_off
UPDATE sinch_voice_dialer.contact
SET state = %(target)s, due = %(due)s, note = %(note)s, changed_at = %(at)s, batch = NULL
WHERE campaign = %(campaign)s AND number = %(number)s AND state = 'todo'

-- name: change_all
UPDATE sinch_voice_dialer.contact
SET state = %(target)s, note = %(note)s, due = 0, changed_at = %(at)s, token = NULL, batch = NULL
WHERE campaign = %(campaign)s AND state = ANY (%(sources)s)
    AND (%(removed)s::text IS NULL OR note IS DISTINCT FROM %(removed)s)

-- name: change_some
UPDATE sinch_voice_dialer.contact
SET state = %(target)s, note = %(note)s, due = 0, changed_at = %(at)s, token = NULL, batch = NULL
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
-- name: reserve
SELECT * FROM sinch_voice_dialer.reserve(%(campaign)s, %(wanted)s)

-- name: held
SELECT pause IS NOT NULL OR is_cancelled OR held_until > clock_timestamp() AS is_held,
    coalesce(wanted_rate, target) AS target
FROM sinch_voice_dialer.campaign WHERE id = %(campaign)s

-- name: hold
UPDATE sinch_voice_dialer.campaign
SET held_until = greatest(held_until, clock_timestamp() + make_interval(secs => %(seconds)s)),
    next_at = greatest(next_at, clock_timestamp() + make_interval(secs => %(seconds)s))
WHERE id = %(campaign)s

-- A 429 for a callout that was sent before the last slowing down does not slow down again. When it was sent is known but
-- for the time that the message takes to come here.
-- name: slow_down
UPDATE sinch_voice_dialer.campaign
SET slowed_rate = greatest(
        least(
            sinch_voice_dialer.rate_at(coalesce(wanted_rate, target), slowed_rate, slowed_at, clock_timestamp()), 1000
        ) * 0.7,
        least(0.5, coalesce(wanted_rate, target))
    ),
    slowed_at = clock_timestamp()
WHERE id = %(campaign)s AND slowed_at < clock_timestamp() - make_interval(secs => %(age)s + 0.1)

-- name: keep_result_states
UPDATE sinch_voice_dialer.campaign SET result_states = %(states)s::text[] WHERE id = %(campaign)s

-- name: results
SELECT id, body FROM sinch_voice_dialer.result WHERE campaign = %(campaign)s ORDER BY id LIMIT %(limit)s

-- name: forget_results
DELETE FROM sinch_voice_dialer.result WHERE campaign = %(campaign)s AND id = ANY (%(ids)s::bigint[])
