-- From version 1 to version 2, in one transaction. Contacts of version 1 count as a former list.

ALTER TABLE sinch_voice_dialer.campaign ADD COLUMN options text, ADD COLUMN control text, ADD COLUMN listing integer NOT NULL DEFAULT 0;

ALTER TABLE sinch_voice_dialer.contact
    ADD COLUMN others text,
    ADD COLUMN line integer,
    ADD COLUMN listed integer,
    ADD COLUMN recent double precision[] NOT NULL DEFAULT '{}';
UPDATE sinch_voice_dialer.contact
SET listed = 0, recent = CASE WHEN placed_at IS NULL THEN '{}' ELSE ARRAY[placed_at] END;
ALTER TABLE sinch_voice_dialer.contact
    ALTER COLUMN state DROP DEFAULT,
    ALTER COLUMN due DROP DEFAULT,
    ALTER COLUMN attempt DROP DEFAULT,
    ALTER COLUMN returned DROP DEFAULT,
    ALTER COLUMN today DROP DEFAULT,
    ALTER COLUMN spent DROP DEFAULT,
    ALTER COLUMN recent DROP DEFAULT,
    ADD CHECK (state IN ('todo', 'dialing', 'accepted', 'done', 'rejected', 'unknown', 'skipped'));

CREATE INDEX contact_open ON sinch_voice_dialer.contact (campaign, state, position)
    WHERE state IN ('accepted', 'rejected', 'unknown', 'skipped');
CREATE INDEX contact_redial ON sinch_voice_dialer.contact (campaign, result, attempt)
    WHERE state = 'done' AND result <> 'ANSWERED';

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

INSERT INTO sinch_voice_dialer.row (campaign, line, fate, detail)
SELECT campaign, line, 'broken', problem FROM sinch_voice_dialer.broken;
DROP TABLE sinch_voice_dialer.broken;
INSERT INTO sinch_voice_dialer.field (campaign, name)
SELECT DISTINCT campaign, json_object_keys(fields::json) FROM sinch_voice_dialer.contact ON CONFLICT DO NOTHING;

UPDATE sinch_voice_dialer.version SET version = 2;
