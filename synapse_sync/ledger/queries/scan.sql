-- known_in_directory: what the ledger knows of one directory, as plain rows for reconcile()
SELECT name, id, size, mtime_ns, ctime_ns, token, state = 'gone'
FROM files WHERE feed = :feed AND asset = :asset AND dir = :dir

-- known_between: the same of the names from one to another of one directory
SELECT name, id, size, mtime_ns, ctime_ns, token, state = 'gone'
FROM files WHERE feed = :feed AND asset = :asset AND dir = :dir AND name BETWEEN :low AND :high

-- present_before: ids of an asset's files that aren't gone and were not first seen by the listing that began then
SELECT id FROM files WHERE feed = :feed AND asset = :asset AND state <> 'gone' AND first_seen <> :began

-- known_directories: every directory that has files which aren't gone
SELECT DISTINCT dir FROM files WHERE feed = :feed AND asset = :asset AND state <> 'gone'

-- present_in_directory: ids of the files of one directory that aren't gone
SELECT id FROM files WHERE feed = :feed AND asset = :asset AND dir = :dir AND state <> 'gone'

-- count_present: how many files of an asset aren't gone
SELECT count(*) AS files FROM files WHERE feed = :feed AND asset = :asset AND state <> 'gone'

-- add_file: a file that a listing shows for the first time
INSERT INTO files (feed, asset, dir, name, size, mtime_ns, ctime_ns, token, device, observed_at, first_seen, untyped, sidecar)
VALUES (:feed, :asset, :dir, :name, :size, :mtime_ns, :ctime_ns, :token, :device, :at, :first_seen, :untyped, :sidecar)

-- observe_change: a known file with another observation, or one that was gone and is there again
UPDATE files SET size = :size, mtime_ns = :mtime_ns, ctime_ns = :ctime_ns, token = :token, device = :device,
    observed_at = :now, revision = revision + 1, attempts = 0, not_before = 0, reason = '',
    code = CASE state WHEN 'gone' THEN 'returned' ELSE 'changed' END, moved_at = :now, run = :run, state = 'seen'
WHERE id = :id

-- rename_candidates: absent files beside the files first seen in this scan with the same inode, size and times
SELECT old.id AS old_id, old.device AS old_device, old.token AS old_token, old.size AS old_size,
    old.mtime_ns AS old_mtime_ns, new.id AS new_id, new.device AS new_device, new.token AS new_token,
    new.size AS new_size, new.mtime_ns AS new_mtime_ns
FROM files AS old JOIN files AS new ON new.feed = old.feed AND new.token = old.token
WHERE old.id IN (SELECT value FROM json_each(:absent)) AND new.first_seen = :first_seen AND new.id <> old.id

-- known_elsewhere: whether a file that seems new has the inode, size and times of one that is known under another name
SELECT 1 FROM files WHERE feed = :feed AND token = :token AND device = :device AND size = :size AND mtime_ns = :mtime_ns
    AND state <> 'gone' LIMIT 1

-- file_observation: one file's name and observation
SELECT asset, dir, name, untyped, sidecar, size, mtime_ns, ctime_ns, token, device, observed_at FROM files WHERE id = :id

-- remove_file: a row whose file is known under another row from now on; nothing refers to it yet
DELETE FROM files WHERE id = :id

-- rename_file: the same file under another name; its content is read again before anything is concluded
UPDATE files SET asset = :asset, dir = :dir, name = :name, untyped = :untyped, sidecar = :sidecar, size = :size, mtime_ns = :mtime_ns, ctime_ns = :ctime_ns,
    token = :token, device = :device, observed_at = :observed_at, revision = revision + 1, attempts = 0,
    not_before = 0, reason = :reason, code = 'renamed', moved_at = :now, run = :run, state = 'seen',
    unit = (SELECT s.id FROM sent_units AS s WHERE s.id = files.unit),
    bucket = CASE WHEN EXISTS (SELECT 1 FROM sent_units AS s WHERE s.id = files.unit) THEN bucket END
WHERE id = :id

-- redecide_units_of_files: units that lose one of these files are decided again, unless something was sent for them
UPDATE units SET decide_at = 0
WHERE id IN (
    SELECT unit FROM files WHERE id IN (SELECT value FROM json_each(:files))
    UNION SELECT unit FROM unit_files WHERE file IN (SELECT value FROM json_each(:files)))
    AND NOT EXISTS (SELECT 1 FROM sent_units AS s WHERE s.id = units.id)

-- names_of_files: where these files stand
SELECT asset, dir, name FROM files WHERE id IN (SELECT value FROM json_each(:files))

-- believe_gone: files that a complete listing did not have; a registered unit keeps them, others lose them
UPDATE files SET state = 'gone', code = :code, reason = '', moved_at = :now, run = :run, revision = revision + 1,
    unit = (SELECT s.id FROM sent_units AS s WHERE s.id = files.unit)
WHERE id IN (SELECT value FROM json_each(:files)) AND state <> 'gone'

-- files_without_source: files of assets that the config no longer has
SELECT id FROM files WHERE feed = :feed AND state <> 'gone' AND asset NOT IN (SELECT value FROM json_each(:assets))

-- settle_files: files that a listing (of all, or of these folders in hexadecimal) confirmed, unchanged for the settle time, without these
UPDATE files SET state = 'settled', code = 'settled', reason = '', moved_at = :now, run = :run
WHERE id IN (
    SELECT id FROM files WHERE feed = :feed AND state = 'seen' AND asset = :asset AND observed_at <= :until
        AND (:folders IS NULL OR hex(dir) IN (SELECT value FROM json_each(:folders)))
        AND id NOT IN (SELECT value FROM json_each(:without)) LIMIT :limit)

-- candidates_with_tokens: files that could settle, among those with these inodes
SELECT id, device, token, reason FROM files INDEXED BY files_by_token
WHERE feed = :feed AND token IN (SELECT value FROM json_each(:tokens)) AND state = 'seen' AND asset = :asset
    AND observed_at <= :until

-- say_who_writes: which program has a file open that could settle
UPDATE files SET reason = :reason WHERE id = :id AND state = 'seen'

-- any_from_the_future: whether the clock was set back since a file was observed
SELECT 1 FROM files WHERE feed = :feed AND state = 'seen' AND observed_at > :now LIMIT 1

-- observed_now: files that were observed before the clock was set back settle from now on
UPDATE files SET observed_at = :now WHERE feed = :feed AND state = 'seen' AND observed_at > :now

-- settle_anew: files that have not settled wait for all of their time from now on
UPDATE files SET observed_at = :now WHERE feed = :feed AND state = 'seen'

-- files_due_by: no file waits for its next attempt longer than until :latest
UPDATE files SET not_before = :latest WHERE feed = :feed AND state IN ('grouped', 'checksummed') AND not_before > :latest

-- move_device: the same folder was mounted anew: its files are on a device of another number
UPDATE files SET device = :now WHERE feed = :feed AND asset = :asset AND device = :before

-- unsettled: how many files are still settling, and when the latest of them was observed
SELECT count(*) AS files, max(observed_at) AS latest FROM files WHERE feed = :feed AND state = 'seen'

-- count_unplaced: how many files wait to be placed, settled or not
SELECT count(*) AS files FROM files WHERE feed = :feed AND state IN ('seen', 'settled')

-- unsettled_files: the files that are still settling
SELECT asset, dir, name FROM files WHERE feed = :feed AND state = 'seen' LIMIT :limit

-- any_to_settle: whether a file of this asset (in all, or in these folders) has settled, without these
SELECT 1 FROM files WHERE feed = :feed AND state = 'seen' AND asset = :asset AND observed_at <= :until
    AND (:folders IS NULL OR hex(dir) IN (SELECT value FROM json_each(:folders)))
    AND id NOT IN (SELECT value FROM json_each(:without)) LIMIT 1

-- unsettled_folders: folders with files that still settle, and when the latest of them was observed
SELECT asset, dir, max(observed_at) AS latest FROM files INDEXED BY files_by_state
WHERE feed = :feed AND state = 'seen' GROUP BY asset, dir

-- next_directory: the first directory in this range that has files which aren't gone
SELECT dir FROM files WHERE feed = :feed AND asset = :asset AND dir >= :low AND dir < :high AND state <> 'gone'
ORDER BY dir LIMIT 1

-- present_below: ids of files that aren't gone, of a directory and all below it
SELECT id FROM files WHERE feed = :feed AND asset = :asset AND dir = :dir AND state <> 'gone'
UNION SELECT id FROM files WHERE feed = :feed AND asset = :asset AND dir >= :low AND dir < :high AND state <> 'gone'
