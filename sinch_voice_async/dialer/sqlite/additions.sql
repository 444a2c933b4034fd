-- What journals of version 2 got later. Each statement may be run again, and a program that does not know it ignores it.

-- How far the log beside the file reached at its last commit. It is written in place: see log.py.
CREATE TABLE IF NOT EXISTS log_record (record BLOB NOT NULL);

INSERT INTO log_record (record)
SELECT CAST('SVLOGREC' || zeroblob(16) AS BLOB) WHERE NOT EXISTS (SELECT 1 FROM log_record);

-- Results that wait to be sent to a URL, each as it was; an id is never used again.
CREATE TABLE IF NOT EXISTS result (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    body TEXT NOT NULL
);

-- The states in which a contact is a result, as JSON.
CREATE TABLE IF NOT EXISTS result_states (states TEXT NOT NULL);

INSERT INTO result_states (states) SELECT '[]' WHERE NOT EXISTS (SELECT 1 FROM result_states);

CREATE TRIGGER IF NOT EXISTS contact_result AFTER UPDATE OF state ON contact
WHEN new.state <> old.state AND instr((SELECT states FROM result_states), '"' || new.state || '"') BEGIN
    INSERT INTO result (body) VALUES (json_object(
        'number', new.number, 'state', new.state, 'result', new.result, 'reason', new.reason, 'attempts', new.attempt,
        'duration', new.duration, 'amount', new.amount, 'currency', new.currency, 'call_id', new.call_id,
        'placed_at', new.placed_at, 'changed_at', new.changed_at, 'note', new.note, 'line', new.line,
        'fields', new.fields))
; END;
