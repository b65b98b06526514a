-- tables_in_root: files right below the root whose names say that they are tables, in any case
SELECT id, CAST(name AS TEXT) AS text FROM files
WHERE feed = :feed AND asset = :asset AND dir = x'' AND state <> 'gone'
    AND lower(CAST(name AS TEXT)) IN (SELECT value FROM json_each(:names))

-- file_by_place: one file, unless it is gone
SELECT id FROM files WHERE feed = :feed AND asset = :asset AND dir = :dir AND name = :name AND state <> 'gone'

-- file_as_observed: one file with its observation and state
SELECT id, asset, dir, name, size, mtime_ns, ctime_ns, token, state, revision, observed_at,
    broken_revision = revision AS broken
FROM files WHERE id = :id

-- forget_rows: a table's rows, before it is read anew or where it is no more
DELETE FROM table_rows WHERE feed = :feed

-- add_row: one row of a table
INSERT INTO table_rows (feed, row, key, cells) VALUES (:feed, :row, :key, :cells)

-- remember_table: which table the rows are from
UPDATE feeds SET metadata_table = :table WHERE id = :feed

-- describe_all_again: units of a feed whose table has changed, unless something was sent for them
UPDATE units SET state = 'complete', code = 'reopened', reason = '', awaits = '', attempts = 0, not_before = 0,
    moved_at = :now, run = :run
WHERE feed = :feed AND (state = 'complete' AND awaits <> '' OR completed_at IS NOT NULL
    AND state IN ('described', 'ready', 'duplicate', 'held') AND NOT EXISTS (SELECT 1 FROM sent_units AS s WHERE s.id = units.id))

-- rows_with_keys: the rows for any of these keys
SELECT row, key, cells FROM table_rows INDEXED BY table_rows_by_key
WHERE feed = :feed AND key IN (SELECT value FROM json_each(:keys)) ORDER BY row

-- row_taken: a unit was described with this row
UPDATE table_rows SET unit = :unit WHERE feed = :feed AND row = :row

-- count_rows: how many rows there are, and how many no unit was described with
SELECT count(*) AS rows, count(*) - count(unit) AS unused FROM table_rows WHERE feed = :feed

-- names_of_units: what units may be called in a table: keys, and names of their files
SELECT u.key, uf.path FROM units AS u JOIN unit_files AS uf ON uf.unit = u.id WHERE u.feed = :feed LIMIT :limit
