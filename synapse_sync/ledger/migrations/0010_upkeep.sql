-- What keeps the ledger small: one row stands for the older changes of a file or unit, and for the older runs of a day.
ALTER TABLE history ADD COLUMN times INTEGER NOT NULL DEFAULT 1;    -- how many changes this row stands for
ALTER TABLE history ADD COLUMN since REAL;                          -- when the first of them was; NULL where it is one
ALTER TABLE runs ADD COLUMN times INTEGER NOT NULL DEFAULT 1;       -- how many runs this row stands for
CREATE INDEX runs_by_feed ON runs (feed);

-- How far each of these chores has come.
CREATE TABLE upkeep (
    chore TEXT PRIMARY KEY,                 -- history | runs
    through INTEGER NOT NULL                -- the last row that was looked at
) WITHOUT ROWID;

-- What the last audit found of a feed's collection.
CREATE TABLE audits (
    feed INTEGER PRIMARY KEY REFERENCES feeds (id),
    at REAL NOT NULL,
    counts TEXT NOT NULL                    -- JSON: see auditing.Audit
);
