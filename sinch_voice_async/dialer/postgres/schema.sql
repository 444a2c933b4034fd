-- Campaigns on several machines, version 3: one schema for all campaigns of a database.
-- Amounts are billionths of the currency's unit. Columns of type timestamptz are times of the database's own clock, which
-- all machines share; other times are seconds since 1970, from the machine that dials. No column of ``contact`` has a
-- default.

CREATE SCHEMA sinch_voice_dialer;

CREATE TABLE sinch_voice_dialer.version (
    version integer NOT NULL
);

INSERT INTO sinch_voice_dialer.version (version) VALUES (3);

-- The pace and the pause are of the campaign, and so of all machines. ``target`` is in callouts per second, and
-- ``wanted_rate`` replaces it if it is set. ``instant`` is the last that was given out, and ``next_at`` the next.
-- ``slowed_rate`` is what the rate was right after the last slowing down. ``pause`` is the reason of a pause,
-- and ``result_states`` has the states in which a contact is a result for others.
CREATE TABLE sinch_voice_dialer.campaign (
    id integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL UNIQUE,
    options text,
    control text,
    listing integer NOT NULL DEFAULT 0,
    pause text,
    is_cancelled boolean NOT NULL DEFAULT false,
    wanted_rate double precision,
    target double precision NOT NULL DEFAULT 1,
    instant timestamptz NOT NULL DEFAULT 'epoch',
    next_at timestamptz NOT NULL DEFAULT 'epoch',
    held_until timestamptz NOT NULL DEFAULT 'epoch',
    slowed_rate double precision NOT NULL DEFAULT 'infinity',
    slowed_at timestamptz NOT NULL DEFAULT 'epoch',
    result_states text[]
);

-- The rate at an instant: after a slowing down it climbs by 5 % of the target a second, up to the target.
CREATE FUNCTION sinch_voice_dialer.rate_at(
    target double precision, slowed_rate double precision, slowed_at timestamptz, instant timestamptz
) RETURNS double precision
IMMUTABLE LANGUAGE sql AS $$
    SELECT least(target, slowed_rate + 0.05 * least(target, 1000)
        * greatest(0, extract(epoch FROM instant - slowed_at)::double precision))
$$;

-- Reserves a quarter of a second of instants, at most 50 and at most ``wanted``. How long it is until the first is
-- computed here, on the one clock. ``is_open`` is NULL if the campaign was deleted, and false if nothing may go out: it
-- is paused, cancelled, or held for more than ten seconds.
CREATE FUNCTION sinch_voice_dialer.reserve(
    given integer, wanted integer,
    OUT is_open boolean, OUT wait double precision, OUT gap double precision, OUT instants integer,
    OUT rate double precision, OUT target double precision
)
LANGUAGE plpgsql AS $$
DECLARE
    known sinch_voice_dialer.campaign;
    first timestamptz;
BEGIN
    SELECT * INTO known FROM sinch_voice_dialer.campaign WHERE id = given FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    is_open := known.pause IS NULL AND NOT known.is_cancelled
        AND known.held_until < clock_timestamp() + interval '10 s';
    IF NOT is_open THEN
        RETURN;
    END IF;
    target := coalesce(known.wanted_rate, known.target);
    first := greatest(known.next_at, clock_timestamp());
    rate := sinch_voice_dialer.rate_at(target, known.slowed_rate, known.slowed_at, first);
    gap := 1 / rate;
    instants := least(greatest(least(ceil(rate * 0.25), 50), 1), wanted);
    UPDATE sinch_voice_dialer.campaign
    SET instant = first + make_interval(secs => gap * (instants - 1)),
        next_at = first + make_interval(secs => gap * instants)
    WHERE id = given;
    wait := extract(epoch FROM first - clock_timestamp());
END
$$;

-- What calls have cost, in parts that are added up, so that results do not queue for one row.
CREATE TABLE sinch_voice_dialer.spending (
    campaign integer NOT NULL REFERENCES sinch_voice_dialer.campaign ON DELETE CASCADE,
    slot integer NOT NULL,
    spent bigint NOT NULL,
    dearest bigint NOT NULL,
    PRIMARY KEY (campaign, slot)
);

-- ``batch`` is the batch in which a contact in ``todo`` is offered, until ``offered_until``, or the batch of its claim.
-- ``changed_by`` is the statement that last changed it: a statement whose connection broke finds out by it whether it was
-- carried out. ``looked_at`` is when the platform was last asked about the call.
CREATE TABLE sinch_voice_dialer.contact (
    campaign integer NOT NULL REFERENCES sinch_voice_dialer.campaign ON DELETE CASCADE,
    position bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    number text NOT NULL,
    others text,
    fields text NOT NULL,
    zone text,
    line integer,
    listed integer,
    state text NOT NULL
        CHECK (state IN ('todo', 'dialing', 'accepted', 'done', 'rejected', 'unknown', 'skipped')),
    due double precision NOT NULL,
    attempt integer NOT NULL,
    returned integer NOT NULL,
    token text,
    day text,
    today integer NOT NULL,
    recent double precision[] NOT NULL,
    first_placed_at double precision,
    placed_at double precision,
    changed_at double precision NOT NULL,
    call_id text,
    result text,
    reason text,
    duration integer,
    amount bigint,
    spent bigint NOT NULL,
    currency text,
    note text,
    batch uuid,
    offered_until timestamptz,
    claimed_at timestamptz,
    looked_at timestamptz,
    changed_by uuid,
    PRIMARY KEY (campaign, number),
    UNIQUE (campaign, token)
);

CREATE INDEX contact_position ON sinch_voice_dialer.contact (campaign, position);
CREATE INDEX contact_due ON sinch_voice_dialer.contact (campaign, due, position)
    WHERE state = 'todo' AND batch IS NULL;
CREATE INDEX contact_batch ON sinch_voice_dialer.contact (campaign, batch) WHERE state = 'todo' AND batch IS NOT NULL;
CREATE INDEX contact_offered ON sinch_voice_dialer.contact (campaign, offered_until)
    WHERE state = 'todo' AND batch IS NOT NULL;
CREATE INDEX contact_dialing ON sinch_voice_dialer.contact (campaign, claimed_at) WHERE state = 'dialing';
CREATE INDEX contact_open ON sinch_voice_dialer.contact (campaign, state, position)
    WHERE state IN ('accepted', 'rejected', 'unknown', 'skipped');
CREATE INDEX contact_redial ON sinch_voice_dialer.contact (campaign, result, attempt)
    WHERE state = 'done' AND result <> 'ANSWERED';
CREATE INDEX contact_call ON sinch_voice_dialer.contact (campaign, call_id) WHERE call_id IS NOT NULL;

-- The further numbers of contacts: each belongs to one contact, which is named by its first number.
CREATE TABLE sinch_voice_dialer.phone (
    campaign integer NOT NULL REFERENCES sinch_voice_dialer.campaign ON DELETE CASCADE,
    number text NOT NULL,
    contact text NOT NULL,
    PRIMARY KEY (campaign, number)
);
CREATE TABLE sinch_voice_dialer.row (
    campaign integer NOT NULL REFERENCES sinch_voice_dialer.campaign ON DELETE CASCADE,
    position bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    line integer,
    fate text NOT NULL,
    detail text NOT NULL,
    number text,
    PRIMARY KEY (campaign, position),
    UNIQUE (campaign, line)
);
CREATE TABLE sinch_voice_dialer.field (
    campaign integer NOT NULL REFERENCES sinch_voice_dialer.campaign ON DELETE CASCADE,
    position bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL,
    PRIMARY KEY (campaign, name)
);

-- Results that wait to be sent to a URL, each as it was.
CREATE TABLE sinch_voice_dialer.result (
    campaign integer NOT NULL REFERENCES sinch_voice_dialer.campaign ON DELETE CASCADE,
    id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    body text NOT NULL,
    PRIMARY KEY (campaign, id)
);
CREATE FUNCTION sinch_voice_dialer.keep_result() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO sinch_voice_dialer.result (campaign, body)
    SELECT new.campaign, json_build_object(
        'number', new.number, 'state', new.state, 'result', new.result, 'reason', new.reason, 'attempts', new.attempt,
        'duration', new.duration, 'amount', new.amount, 'currency', new.currency, 'call_id', new.call_id,
        'placed_at', new.placed_at, 'changed_at', new.changed_at, 'note', new.note, 'line', new.line,
        'fields', new.fields
    )::text
    FROM sinch_voice_dialer.campaign WHERE id = new.campaign AND new.state = ANY (result_states);
    RETURN NULL;
END
$$;
CREATE TRIGGER contact_result AFTER UPDATE OF state ON sinch_voice_dialer.contact FOR EACH ROW
    WHEN (new.state <> old.state AND new.state NOT IN ('todo', 'dialing'))
    EXECUTE FUNCTION sinch_voice_dialer.keep_result();
