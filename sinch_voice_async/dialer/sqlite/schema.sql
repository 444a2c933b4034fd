-- A campaign's journal, version 1. Amounts are billionths of the currency's unit; times are seconds since 1970.

CREATE TABLE campaign (
    name TEXT NOT NULL
);

CREATE TABLE contact (
    position INTEGER PRIMARY KEY,
    number TEXT NOT NULL UNIQUE,
    fields TEXT NOT NULL,
    zone TEXT,
    state TEXT NOT NULL DEFAULT 'todo',
    due REAL NOT NULL DEFAULT 0,
    attempt INTEGER NOT NULL DEFAULT 0,
    returned INTEGER NOT NULL DEFAULT 0,
    token TEXT UNIQUE,
    day TEXT,
    today INTEGER NOT NULL DEFAULT 0,
    first_placed_at REAL,
    placed_at REAL,
    changed_at REAL NOT NULL,
    call_id TEXT,
    result TEXT,
    reason TEXT,
    duration INTEGER,
    amount INTEGER,
    spent INTEGER NOT NULL DEFAULT 0,
    currency TEXT,
    note TEXT
);

-- Small indices: of a million contacts few are in these states at a time.
CREATE INDEX contact_due ON contact (due, position) WHERE state = 'todo';
CREATE INDEX contact_dialing ON contact (position) WHERE state = 'dialing';
CREATE INDEX contact_call ON contact (call_id) WHERE call_id IS NOT NULL;

CREATE TABLE broken (
    line INTEGER PRIMARY KEY,
    problem TEXT NOT NULL
);
