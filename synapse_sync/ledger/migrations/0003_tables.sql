-- The rows of a feed's metadata table as it was last read.
CREATE TABLE table_rows (
    feed INTEGER NOT NULL REFERENCES feeds (id),
    row INTEGER NOT NULL,                   -- as the spreadsheet numbers it, from 1
    key TEXT NOT NULL,                      -- its cell in the key column, NFC
    cells TEXT NOT NULL,                    -- JSON: column -> value; empty cells are left out
    unit INTEGER,                           -- the last unit that was described with it
    PRIMARY KEY (feed, row)
) WITHOUT ROWID;
CREATE INDEX table_rows_by_key ON table_rows (feed, key);

-- JSON: which table that was (name, observation, sheet, key column); '' where there is none.
ALTER TABLE feeds ADD COLUMN metadata_table TEXT NOT NULL DEFAULT '';
