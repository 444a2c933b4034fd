-- A campaign's journal, version 2. Amounts are billionths of the currency's unit; times are seconds since 1970.
-- No column of ``contact`` but the priority has a default: a row that lost its content must not read as one that may be
-- dialled.

-- ``log`` is 1 as long as the file may need the log beside it (-wal), and 0 when everything stands in this file.
CREATE TABLE campaign (
    name TEXT NOT NULL,
    options TEXT,
    control TEXT,
    listing INTEGER NOT NULL,
    log INTEGER NOT NULL
);

-- ``listed`` is the last list that had the contact, NULL for a contact that came by itself. ``others`` are its further
-- numbers, and ``recent`` the times of its latest attempts, both as JSON.
CREATE TABLE contact (
    position INTEGER PRIMARY KEY,
    number TEXT NOT NULL UNIQUE,
    others TEXT,
    fields TEXT NOT NULL,
    zone TEXT,
    line INTEGER,
    listed INTEGER,
    state TEXT NOT NULL
        CHECK (state IN ('todo', 'dialing', 'accepted', 'done', 'rejected', 'unknown', 'skipped')),
    due REAL NOT NULL,
    attempt INTEGER NOT NULL,
    returned INTEGER NOT NULL,
    token TEXT UNIQUE,
    day TEXT,
    today INTEGER NOT NULL,
    recent TEXT NOT NULL,
    first_placed_at REAL,
    placed_at REAL,
    changed_at REAL NOT NULL,
    call_id TEXT,
    result TEXT,
    reason TEXT,
    duration INTEGER,
    amount INTEGER,
    spent INTEGER NOT NULL,
    currency TEXT,
    note TEXT,
    priority INTEGER NOT NULL DEFAULT 0
);

-- Small indices: few of a million contacts are in these states at a time.
CREATE INDEX contact_due ON contact (priority, due, position) WHERE state = 'todo';

CREATE INDEX contact_open ON contact (state, position) WHERE state <> 'todo' AND state <> 'done';

CREATE INDEX contact_redial ON contact (result, attempt) WHERE state = 'done' AND result <> 'ANSWERED';

CREATE INDEX contact_call ON contact (call_id) WHERE call_id IS NOT NULL;

-- The further numbers of contacts: each belongs to one contact.
CREATE TABLE phone (
    number TEXT PRIMARY KEY,
    contact INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX phone_contact ON phone (contact);

-- Rows of the source that are not simply a contact.
CREATE TABLE row (
    position INTEGER PRIMARY KEY,
    line INTEGER UNIQUE,
    fate TEXT NOT NULL,
    detail TEXT NOT NULL,
    number TEXT
);

-- The names of all fields that contacts came with.
CREATE TABLE field (
    position INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);

-- How many contacts share a state, a result, the note of a skip or refusal, and a currency: counted as they change, so
-- that a report on a million contacts reads a few rows. '' stands for NULL.
CREATE TABLE total (
    state TEXT NOT NULL,
    result TEXT NOT NULL,
    note TEXT NOT NULL,
    currency TEXT NOT NULL,
    contacts INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    spent INTEGER NOT NULL,
    dearest INTEGER,
    first_placed_at REAL,
    last_placed_at REAL,
    PRIMARY KEY (state, result, note, currency)
) WITHOUT ROWID;

CREATE TRIGGER contact_added AFTER INSERT ON contact BEGIN
    INSERT INTO total (state, result, note, currency, contacts, attempts, spent, dearest, first_placed_at, last_placed_at)
    VALUES (new.state, coalesce(new.result, ''),
        CASE WHEN new.state IN ('skipped', 'rejected') THEN coalesce(new.note, '') ELSE '' END,
        coalesce(new.currency, ''), 1, new.attempt, new.spent, new.amount, new.first_placed_at, new.placed_at)
    ON CONFLICT DO UPDATE SET contacts = contacts + 1, attempts = attempts + excluded.attempts,
        spent = spent + excluded.spent,
        dearest = coalesce(max(dearest, excluded.dearest), dearest, excluded.dearest),
        first_placed_at = coalesce(min(first_placed_at, excluded.first_placed_at), first_placed_at,
            excluded.first_placed_at),
        last_placed_at = coalesce(max(last_placed_at, excluded.last_placed_at), last_placed_at, excluded.last_placed_at)
; END;

CREATE TRIGGER contact_changed AFTER UPDATE OF state ON contact BEGIN
    UPDATE total SET contacts = contacts - 1, attempts = attempts - old.attempt, spent = spent - old.spent
    WHERE state = old.state AND result = coalesce(old.result, '')
        AND note = CASE WHEN old.state IN ('skipped', 'rejected') THEN coalesce(old.note, '') ELSE '' END
        AND currency = coalesce(old.currency, '')
; INSERT INTO total (state, result, note, currency, contacts, attempts, spent, dearest, first_placed_at, last_placed_at)
    VALUES (new.state, coalesce(new.result, ''),
        CASE WHEN new.state IN ('skipped', 'rejected') THEN coalesce(new.note, '') ELSE '' END,
        coalesce(new.currency, ''), 1, new.attempt, new.spent, new.amount, new.first_placed_at, new.placed_at)
    ON CONFLICT DO UPDATE SET contacts = contacts + 1, attempts = attempts + excluded.attempts,
        spent = spent + excluded.spent,
        dearest = coalesce(max(dearest, excluded.dearest), dearest, excluded.dearest),
        first_placed_at = coalesce(min(first_placed_at, excluded.first_placed_at), first_placed_at,
            excluded.first_placed_at),
        last_placed_at = coalesce(max(last_placed_at, excluded.last_placed_at), last_placed_at, excluded.last_placed_at)
; END;

CREATE TRIGGER contact_removed AFTER DELETE ON contact BEGIN
    UPDATE total SET contacts = contacts - 1, attempts = attempts - old.attempt, spent = spent - old.spent
    WHERE state = old.state AND result = coalesce(old.result, '')
        AND note = CASE WHEN old.state IN ('skipped', 'rejected') THEN coalesce(old.note, '') ELSE '' END
        AND currency = coalesce(old.currency, '')
; END;
