-- One configured stream of files, and what was last decided about it as a whole.
CREATE TABLE feeds (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    settings TEXT NOT NULL DEFAULT '',      -- fingerprint of the settings that decisions were made with
    collection TEXT NOT NULL DEFAULT '',    -- JSON: the collection that decisions were made with
    grouping TEXT NOT NULL DEFAULT '',      -- JSON: the inferred choice with its reasons; '' until inferred
    roots TEXT NOT NULL DEFAULT '{}',       -- JSON: asset -> [device, inode] of the root last listed
    paused TEXT NOT NULL DEFAULT '',        -- why the feed waits for a person; '' when it doesn't
    created_at REAL NOT NULL
);

-- One distinct sequence of bytes at one destination.
CREATE TABLE contents (
    id INTEGER PRIMARY KEY,
    destination TEXT NOT NULL,
    md5 TEXT NOT NULL,
    sha1 TEXT NOT NULL,
    size INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'unknown',
    checksum TEXT NOT NULL DEFAULT '',      -- the server's own, verbatim
    data_file INTEGER,                      -- the server's id, where it told it
    asked_at REAL,                          -- when the server said that it lacks it; NULL: ask before sending
    attempts INTEGER NOT NULL DEFAULT 0,
    not_before REAL NOT NULL DEFAULT 0,
    reason TEXT NOT NULL DEFAULT '',
    code TEXT NOT NULL DEFAULT '',          -- why it came into this state
    moved_at REAL,                          -- when, and in which run
    run INTEGER,
    UNIQUE (destination, sha1, md5, size)
);

-- One record of a collection, present or to be: (feed, key, version).
CREATE TABLE units (
    id INTEGER PRIMARY KEY AUTOINCREMENT,   -- never given twice: a dissolved unit's history stays its own
    feed INTEGER NOT NULL REFERENCES feeds (id),
    key TEXT NOT NULL,
    version INTEGER NOT NULL DEFAULT 1,
    bucket TEXT NOT NULL,                   -- the files that are decided together with this unit's
    state TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    revision INTEGER NOT NULL DEFAULT 1,
    destination TEXT NOT NULL,
    collection INTEGER NOT NULL,
    meta TEXT NOT NULL DEFAULT '{}',
    fingerprint TEXT NOT NULL DEFAULT '',
    server_id INTEGER,
    outcome TEXT NOT NULL DEFAULT '',       -- created | reused, once registered
    approved INTEGER NOT NULL DEFAULT 0,    -- a person said that it shall go although a policy holds it
    attempts INTEGER NOT NULL DEFAULT 0,
    not_before REAL NOT NULL DEFAULT 0,
    decide_at REAL,                         -- when it is to be decided again; NULL: only when its files change
    changed_at REAL NOT NULL,               -- last change of its files
    completed_at REAL,
    registered_at REAL,
    created_at REAL NOT NULL,
    code TEXT NOT NULL DEFAULT '',          -- why it came into this state
    moved_at REAL,                          -- when, and in which run
    run INTEGER,
    UNIQUE (feed, key, version)
);

-- One file below a feed's path, or an asset's: dir and name are the raw bytes of the file system.
CREATE TABLE files (
    id INTEGER PRIMARY KEY,
    feed INTEGER NOT NULL REFERENCES feeds (id),
    asset TEXT NOT NULL DEFAULT '',
    dir BLOB NOT NULL,
    name BLOB NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    ctime_ns INTEGER NOT NULL,
    token NOT NULL,                         -- inode or ETag
    device INTEGER NOT NULL,
    observed_at REAL NOT NULL,              -- when this observation was first made
    state TEXT NOT NULL DEFAULT 'seen',
    reason TEXT NOT NULL DEFAULT '',
    revision INTEGER NOT NULL DEFAULT 1,    -- raised by each changed observation
    read_revision INTEGER NOT NULL DEFAULT 0, -- the revision whose content is `content`; current if equal to revision
    content INTEGER REFERENCES contents (id),
    bucket TEXT,
    unit INTEGER REFERENCES units (id),
    attempts INTEGER NOT NULL DEFAULT 0,
    not_before REAL NOT NULL DEFAULT 0,
    first_seen REAL NOT NULL,
    code TEXT NOT NULL DEFAULT '',          -- why it came into this state
    moved_at REAL,                          -- when, and in which run
    run INTEGER,
    UNIQUE (feed, asset, dir, name)
);

-- What a unit is made of: one file per spec; content as registered, path as sent.
CREATE TABLE unit_files (
    unit INTEGER NOT NULL REFERENCES units (id) ON DELETE CASCADE,
    spec TEXT NOT NULL,
    file INTEGER NOT NULL REFERENCES files (id),
    content INTEGER REFERENCES contents (id),
    path TEXT NOT NULL,
    PRIMARY KEY (unit, spec)
) WITHOUT ROWID;

-- A change that was asked of the server: written before the request goes out.
CREATE TABLE intents (
    id INTEGER PRIMARY KEY,
    unit INTEGER NOT NULL REFERENCES units (id),
    kind TEXT NOT NULL,                     -- register | task
    api TEXT NOT NULL,                      -- v1 | v2
    batch TEXT NOT NULL,                    -- what went out in one request
    created_at REAL NOT NULL,
    resolved_at REAL,
    outcome TEXT NOT NULL DEFAULT ''        -- created | reused | rejected | unknown
);

-- How far a resumable upload has come.
CREATE TABLE uploads (
    content INTEGER PRIMARY KEY REFERENCES contents (id),
    route TEXT NOT NULL,
    upload_id TEXT NOT NULL,
    offset INTEGER NOT NULL,
    parts TEXT NOT NULL DEFAULT '{}',
    updated_at REAL NOT NULL
);

-- One pass over a feed that changed something or failed.
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    feed INTEGER NOT NULL REFERENCES feeds (id),
    started_at REAL NOT NULL,
    finished_at REAL,
    counts TEXT NOT NULL DEFAULT '{}',      -- JSON: what was counted, by name
    problems TEXT NOT NULL DEFAULT '[]'     -- JSON: the errors in words
);

-- Each change of a state, with its reason.
CREATE TABLE history (
    id INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    run INTEGER,
    kind TEXT NOT NULL,                     -- file | unit | content
    ref INTEGER NOT NULL,
    was TEXT NOT NULL,
    became TEXT NOT NULL,
    code TEXT NOT NULL,
    detail TEXT NOT NULL DEFAULT ''
);

-- Units that the server has or may have, also those that are held for their task: their files stay theirs.
CREATE VIEW sent_units AS
SELECT id FROM units
WHERE state IN ('registering', 'registered') OR (state = 'held' AND (code = 'unknown' OR server_id IS NOT NULL));

-- No caller can forget the history: every change of a state writes its row.
CREATE TRIGGER file_moves AFTER UPDATE OF state ON files WHEN old.state <> new.state BEGIN
    INSERT INTO history (at, run, kind, ref, was, became, code, detail)
    VALUES (new.moved_at, new.run, 'file', new.id, old.state, new.state, new.code, new.reason);
END;
CREATE TRIGGER unit_moves AFTER UPDATE OF state ON units WHEN old.state <> new.state BEGIN
    INSERT INTO history (at, run, kind, ref, was, became, code, detail)
    VALUES (new.moved_at, new.run, 'unit', new.id, old.state, new.state, new.code, new.reason);
END;
CREATE TRIGGER content_moves AFTER UPDATE OF state ON contents WHEN old.state <> new.state BEGIN
    INSERT INTO history (at, run, kind, ref, was, became, code, detail)
    VALUES (new.moved_at, new.run, 'content', new.id, old.state, new.state, new.code, new.reason);
END;

CREATE INDEX files_by_state ON files (feed, state);
CREATE INDEX files_by_bucket ON files (feed, bucket) WHERE bucket IS NOT NULL;
CREATE INDEX files_by_unit ON files (unit) WHERE unit IS NOT NULL;
CREATE INDEX files_by_content ON files (content) WHERE content IS NOT NULL;
CREATE INDEX files_by_token ON files (feed, token);
CREATE INDEX files_to_reread ON files (feed) WHERE state = 'grouped' AND code = 'reread';
CREATE INDEX units_by_state ON units (feed, state);
CREATE INDEX units_by_bucket ON units (feed, bucket);
CREATE INDEX units_by_fingerprint ON units (fingerprint) WHERE fingerprint <> '';
CREATE INDEX units_by_decision ON units (feed, decide_at) WHERE decide_at IS NOT NULL;
CREATE INDEX unit_files_by_file ON unit_files (file);
CREATE INDEX unit_files_by_content ON unit_files (content) WHERE content IS NOT NULL;
CREATE INDEX files_failing ON files (feed) WHERE attempts > 0;
CREATE INDEX contents_to_ask ON contents (id) WHERE state = 'unknown' AND asked_at IS NULL;
CREATE INDEX contents_to_send ON contents (id) WHERE state = 'unknown' AND asked_at IS NOT NULL;
CREATE INDEX intents_by_unit ON intents (unit);
CREATE INDEX intents_open ON intents (unit) WHERE resolved_at IS NULL;
CREATE INDEX history_by_ref ON history (kind, ref);
