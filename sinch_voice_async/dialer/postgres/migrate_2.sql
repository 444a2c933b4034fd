-- From version 2 to version 3, in one transaction. No worker of version 2 is left, so its claims are unknown.

ALTER TABLE sinch_voice_dialer.campaign
    ADD COLUMN pause text,
    ADD COLUMN is_cancelled boolean NOT NULL DEFAULT false,
    ADD COLUMN wanted_rate double precision,
    ADD COLUMN target double precision NOT NULL DEFAULT 1,
    ADD COLUMN instant timestamptz NOT NULL DEFAULT 'epoch',
    ADD COLUMN next_at timestamptz NOT NULL DEFAULT 'epoch',
    ADD COLUMN held_until timestamptz NOT NULL DEFAULT 'epoch',
    ADD COLUMN slowed_rate double precision NOT NULL DEFAULT 'infinity',
    ADD COLUMN slowed_at timestamptz NOT NULL DEFAULT 'epoch',
    ADD COLUMN result_states text[];
UPDATE sinch_voice_dialer.campaign
SET target = pace.target, slowed_rate = pace.slowed_rate, slowed_at = pace.slowed_at, instant = pace.instant,
    next_at = pace.next_at, held_until = pace.held_until,
    pause = CASE WHEN pace.paused THEN 'paused through the journal' END
FROM sinch_voice_dialer.pace WHERE pace.campaign = campaign.id;
-- A number of JSON here may be Infinity, which PostgreSQL does not read as JSON.
UPDATE sinch_voice_dialer.campaign
SET pause = coalesce(pause, substring(control FROM '"pause": "([^"]*)"')),
    is_cancelled = control LIKE '%"is_cancelled": true%',
    wanted_rate = substring(control FROM '"calls_per_second": ([0-9.eE+-]+|Infinity)')::double precision
WHERE control IS NOT NULL;
DROP FUNCTION sinch_voice_dialer.rate_at(sinch_voice_dialer.pace, timestamptz);
DROP TABLE sinch_voice_dialer.pace;

DROP INDEX sinch_voice_dialer.contact_due, sinch_voice_dialer.contact_offered, sinch_voice_dialer.contact_dialing;
ALTER TABLE sinch_voice_dialer.contact DROP COLUMN worker;
ALTER TABLE sinch_voice_dialer.contact
    ADD COLUMN batch uuid,
    ADD COLUMN offered_until timestamptz,
    ADD COLUMN claimed_at timestamptz,
    ADD COLUMN looked_at timestamptz;
UPDATE sinch_voice_dialer.contact
SET state = 'unknown', note = 'the worker was gone while this callout was on its way' WHERE state = 'dialing';
UPDATE sinch_voice_dialer.contact SET claimed_at = to_timestamp(placed_at) WHERE state = 'accepted';
DROP FUNCTION sinch_voice_dialer.alive(double precision);
DROP TABLE sinch_voice_dialer.worker;

UPDATE sinch_voice_dialer.version SET version = 3;
