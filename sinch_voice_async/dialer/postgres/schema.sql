-- Campaigns on several machines: one schema for all campaigns of a database. These are the tables of version 3; a new
-- database gets version_3.sql behind them, and is then brought to later versions as any other.
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
