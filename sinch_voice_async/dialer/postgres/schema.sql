-- Campaigns on several machines, version 2: one schema for all campaigns of a database.
-- Amounts are billionths of the currency's unit. Times of contacts are seconds since 1970, from whoever dials; those of
-- workers and of the pace are the database's own, which all machines share. No column of ``contact`` has a default.

CREATE SCHEMA sinch_voice_dialer;

CREATE TABLE sinch_voice_dialer.version (
    version integer NOT NULL
);

INSERT INTO sinch_voice_dialer.version (version) VALUES (2);

CREATE TABLE sinch_voice_dialer.campaign (
    id integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL UNIQUE,
    options text,
    control text,
    listing integer NOT NULL DEFAULT 0
);

-- One row per campaign, which all workers share. ``target`` is in callouts per second. ``instant`` is the last that was
-- given out, and ``next_at`` the next. ``slowed_rate`` is what the rate was right after the last slowing down.
CREATE TABLE sinch_voice_dialer.pace (
    campaign integer PRIMARY KEY REFERENCES sinch_voice_dialer.campaign ON DELETE CASCADE,
    target double precision NOT NULL DEFAULT 1,
    instant timestamptz NOT NULL DEFAULT 'epoch',
    next_at timestamptz NOT NULL DEFAULT 'epoch',
    held_until timestamptz NOT NULL DEFAULT 'epoch',
    slowed_rate double precision NOT NULL DEFAULT 'infinity',
    slowed_at timestamptz NOT NULL DEFAULT 'epoch',
    paused boolean NOT NULL DEFAULT false
);

-- The rate of an instant: after a slowing down it climbs by 5 % of the target a second, up to the target.
CREATE FUNCTION sinch_voice_dialer.rate_at(pace sinch_voice_dialer.pace, instant timestamptz) RETURNS double precision
IMMUTABLE LANGUAGE sql AS $$
    SELECT least(pace.target, pace.slowed_rate + 0.05 * least(pace.target, 1000)
        * greatest(0, extract(epoch FROM instant - pace.slowed_at)::double precision))
$$;

-- Who dials. A worker that is not seen any more is gone, and so is one that has no row.
CREATE TABLE sinch_voice_dialer.worker (
    id uuid PRIMARY KEY,
    campaign integer NOT NULL REFERENCES sinch_voice_dialer.campaign ON DELETE CASCADE,
    name text NOT NULL,
    seen_at timestamptz NOT NULL
);

CREATE FUNCTION sinch_voice_dialer.alive(gone_after double precision) RETURNS SETOF uuid
STABLE LANGUAGE sql AS $$
    SELECT id FROM sinch_voice_dialer.worker WHERE seen_at > clock_timestamp() - make_interval(secs => gone_after)
$$;

-- ``worker`` is who was offered a contact that is to do, or who claimed it. ``changed_by`` is the statement that last
-- changed it, by which whoever lost the connection meanwhile finds out whether it came through.
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
    worker uuid,
    changed_by uuid,
    PRIMARY KEY (campaign, number),
    UNIQUE (campaign, token)
);

CREATE INDEX contact_position ON sinch_voice_dialer.contact (campaign, position);
CREATE INDEX contact_due ON sinch_voice_dialer.contact (campaign, due, position) WHERE state = 'todo';
CREATE INDEX contact_offered ON sinch_voice_dialer.contact (campaign, worker)
    WHERE state = 'todo' AND worker IS NOT NULL;
CREATE INDEX contact_dialing ON sinch_voice_dialer.contact (campaign) WHERE state = 'dialing';
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
