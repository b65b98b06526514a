-- What a destination has told of itself, so that it is asked once.
CREATE TABLE destinations (
    name TEXT PRIMARY KEY,
    learned TEXT NOT NULL                   -- JSON: see records.Learned
) WITHOUT ROWID;

-- Collections whose units were looked through for those that this ledger does not know.
CREATE TABLE surveys (
    destination TEXT NOT NULL,
    collection INTEGER NOT NULL,
    at REAL NOT NULL,
    units INTEGER NOT NULL,                 -- that this ledger does not know
    silent INTEGER NOT NULL,                -- of these, how many show nothing to recognise them by
    rebuilt INTEGER NOT NULL,               -- whether they may be our own, made before the ledger was lost
    PRIMARY KEY (destination, collection)
) WITHOUT ROWID;

-- Units that a collection has and this ledger did not know when it was looked through.
CREATE TABLE found_units (
    destination TEXT NOT NULL,
    collection INTEGER NOT NULL,
    server_id INTEGER NOT NULL,
    sync_key TEXT NOT NULL,                 -- of its meta, '' where there is none
    composition TEXT NOT NULL,              -- hash of its specs and checksums, '' where the listing does not show them
    key TEXT,                               -- the unit key in its meta; NULL where the listing does not show meta
    unit INTEGER REFERENCES units (id) ON DELETE SET NULL, -- which of our units it turned out to be
    PRIMARY KEY (destination, collection, server_id)
) WITHOUT ROWID;
CREATE INDEX found_by_sync_key ON found_units (sync_key) WHERE sync_key <> '';
CREATE INDEX found_by_composition ON found_units (composition) WHERE composition <> '';
CREATE INDEX found_by_unit ON found_units (unit) WHERE unit IS NOT NULL;
CREATE INDEX units_by_server_id ON units (destination, collection, server_id) WHERE server_id IS NOT NULL;
