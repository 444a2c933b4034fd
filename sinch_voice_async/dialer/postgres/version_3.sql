-- What version 3 has beside the tables of schema.sql, also if it was version 2 before: pace, cost, offers, results.

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

-- A new database has no contact yet.
INSERT INTO sinch_voice_dialer.spending (campaign, slot, spent, dearest)
SELECT campaign, 0, sum(spent), coalesce(max(amount), 0)
FROM sinch_voice_dialer.contact WHERE amount IS NOT NULL OR spent <> 0 GROUP BY campaign;

CREATE INDEX contact_due ON sinch_voice_dialer.contact (campaign, due, position)
    WHERE state = 'todo' AND batch IS NULL;
CREATE INDEX contact_batch ON sinch_voice_dialer.contact (campaign, batch) WHERE state = 'todo' AND batch IS NOT NULL;
CREATE INDEX contact_offered ON sinch_voice_dialer.contact (campaign, offered_until)
    WHERE state = 'todo' AND batch IS NOT NULL;
CREATE INDEX contact_dialing ON sinch_voice_dialer.contact (campaign, claimed_at) WHERE state = 'dialing';

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
