-- all_feeds: every feed the ledger knows
SELECT id, name, grouping, paused FROM feeds ORDER BY name

-- file_accounts: files of a feed by the state that accounts for them: that of their unit, else their own
SELECT coalesce(u.state, f.state) AS state, u.id IS NOT NULL AS in_unit, count(*) AS files, sum(f.size) AS bytes
FROM files AS f LEFT JOIN units AS u ON u.id = f.unit WHERE f.feed = :feed GROUP BY 1, 2

-- file_states: files of a feed by their own state
SELECT state, count(*) AS files FROM files WHERE feed = :feed GROUP BY state

-- unit_states: units of a feed by state
SELECT state, count(*) AS units FROM units WHERE feed = :feed GROUP BY state

-- units_needing_attention: units that wait for a person or lack a file, newest first
SELECT key, version, state, reason FROM units
WHERE feed = :feed AND state IN ('held', 'incomplete') ORDER BY moved_at DESC, id DESC LIMIT :limit

-- files_needing_attention: held files, and files that could not be read
SELECT asset, dir, name, state, reason FROM (
    SELECT id, asset, dir, name, state, reason FROM files WHERE feed = :feed AND state = 'held'
    UNION ALL
    SELECT id, asset, dir, name, state, reason FROM files INDEXED BY files_failing
    WHERE feed = :feed AND attempts > 0 AND state IN ('grouped', 'checksummed'))
ORDER BY id LIMIT :limit

-- files_waiting: files that a program has open, and those that are empty or break off and get the time to become whole
SELECT asset, dir, name, state, reason FROM files INDEXED BY files_waiting
WHERE feed = :feed AND state = 'seen' AND reason <> ''
UNION ALL
SELECT f.asset, f.dir, f.name, f.state, f.reason FROM files AS f INDEXED BY files_broken
WHERE f.feed = :feed AND f.broken_revision > f.accepted_revision AND f.broken_revision = f.revision AND f.attempts = 0
    AND f.state IN ('grouped', 'metadata') AND NOT EXISTS (SELECT 1 FROM units AS u WHERE u.id = f.unit AND u.state = 'held')
UNION ALL
SELECT f.asset, f.dir, f.name, f.state, u.reason FROM files AS f INDEXED BY files_empty JOIN units AS u ON u.id = f.unit
WHERE f.feed = :feed AND f.size = 0 AND f.state = 'grouped' AND u.state = 'forming'
LIMIT :limit

-- sending_in_trouble: contents that could not be sent yet
SELECT c.reason, count(DISTINCT c.id) AS contents FROM contents AS c
JOIN unit_files AS uf ON uf.content = c.id JOIN units AS u ON u.id = uf.unit
WHERE u.feed = :feed AND u.state = 'ready' AND c.state = 'unknown' AND c.attempts > 0
GROUP BY c.reason ORDER BY contents DESC LIMIT :limit

-- units_in_trouble: units whose registration or task failed and is tried again
SELECT key, version, state, reason FROM units
WHERE feed = :feed AND state IN ('ready', 'registering') AND attempts > 0 ORDER BY id LIMIT :limit

-- bytes_to_send: what ready units still have to send
SELECT coalesce(sum(size), 0) AS bytes, count(*) AS contents FROM contents WHERE state = 'unknown' AND id IN (
    SELECT uf.content FROM units AS u JOIN unit_files AS uf ON uf.unit = u.id WHERE u.feed = :feed AND u.state = 'ready')

-- last_runs: the newest runs, of one feed or of all
SELECT r.id, f.name AS feed, r.started_at, r.finished_at, r.counts, r.problems, r.times
FROM runs AS r JOIN feeds AS f ON f.id = r.feed
WHERE (:feed IS NULL OR r.feed = :feed) ORDER BY r.id DESC LIMIT :limit

-- run_by_id: one run
SELECT r.id, f.name AS feed, r.started_at, r.finished_at, r.counts, r.problems, r.times
FROM runs AS r JOIN feeds AS f ON f.id = r.feed WHERE r.id = :id

-- list_files: files in order of their paths, of one feed or all, in one state or all
SELECT f.id, d.name AS feed, f.asset, f.dir, f.name, f.size, f.mtime_ns, f.state, f.reason, u.key AS unit,
    u.version AS unit_version, u.state AS unit_state
FROM files AS f JOIN feeds AS d ON d.id = f.feed LEFT JOIN units AS u ON u.id = f.unit
WHERE (:feed IS NULL OR f.feed = :feed) AND (:state IS NULL OR f.state = :state)
ORDER BY f.feed, f.asset, f.dir, f.name LIMIT :limit

-- find_file: a file by its folder and name, in any feed and asset
SELECT f.id, d.name AS feed, f.asset, f.dir, f.name, f.size, f.mtime_ns, f.ctime_ns, f.token, f.detected, f.state, f.reason,
    f.attempts, f.not_before, f.observed_at, f.first_seen, f.revision, f.read_revision, u.key AS unit,
    u.version AS unit_version, u.state AS unit_state, u.reason AS unit_reason, u.server_id,
    c.md5, c.sha1, c.state AS content_state, c.checksum AS server_checksum, c.data_file
FROM files AS f JOIN feeds AS d ON d.id = f.feed LEFT JOIN units AS u ON u.id = f.unit
LEFT JOIN contents AS c ON c.id = f.content
WHERE f.dir = :dir AND f.name = :name ORDER BY f.id

-- list_units: units in order of their keys, of one feed or all, in one state or all
SELECT u.id, d.name AS feed, u.key, u.version, u.state, u.reason, u.server_id, u.outcome, u.registered_at,
    u.meta, u.pending, (SELECT count(*) FROM unit_files AS uf WHERE uf.unit = u.id) AS files
FROM units AS u JOIN feeds AS d ON d.id = u.feed
WHERE (:feed IS NULL OR u.feed = :feed) AND (:state IS NULL OR u.state = :state) AND (NOT :meta_changed OR u.pending <> '')
ORDER BY u.feed, u.key, u.version LIMIT :limit

-- find_units: all versions of a unit key, in one feed or all
SELECT u.id, d.name AS feed, u.key, u.version, u.state, u.code, u.reason, u.meta, u.sources, u.overruled, u.groups, u.pending, u.fingerprint, u.destination,
    u.collection, u.server_id, u.outcome, u.attempts, u.not_before, u.decide_at, u.created_at, u.changed_at,
    u.completed_at, u.registered_at
FROM feeds AS d CROSS JOIN units AS u ON u.feed = d.id
WHERE u.key = :key AND (:feed IS NULL OR d.name = :feed) ORDER BY u.feed, u.version

-- held_units: everything that waits for a person and that a person need not look at one by one
SELECT u.id, d.name AS feed, u.key, u.version, u.state, u.code FROM feeds AS d CROSS JOIN units AS u ON u.feed = d.id
WHERE u.state = 'held' AND u.code <> 'unknown'

-- details_of_unit_files: the files of one unit with their contents
SELECT uf.spec, uf.path, f.asset, f.dir, f.name, f.size, f.state, f.reason, f.id AS file, c.md5, c.sha1,
    c.state AS content_state, c.checksum AS server_checksum, c.data_file
FROM unit_files AS uf JOIN files AS f ON f.id = uf.file LEFT JOIN contents AS c ON c.id = coalesce(uf.content, f.content)
WHERE uf.unit = :unit ORDER BY uf.spec

-- other_files_of_unit: files that belong to a unit without having a place in it
SELECT f.asset, f.dir, f.name, f.size, f.state, f.reason FROM files AS f
WHERE f.unit = :unit AND f.id NOT IN (SELECT file FROM unit_files WHERE unit = :unit) ORDER BY f.id

-- intents_of_unit: what was asked of the server for a unit
SELECT kind, api, batch, created_at, resolved_at, outcome FROM intents WHERE unit = :unit ORDER BY id

-- history_of: what became of one file, unit or content, in order
SELECT at, run, was, became, code, detail, times, since FROM history WHERE kind = :kind AND ref = :ref ORDER BY id

-- retry_unit: a held unit is decided again; one that only lacks its task goes on there
UPDATE units SET reason = '', attempts = 0, not_before = 0, approved = :approved, moved_at = :now,
    state = CASE WHEN server_id IS NOT NULL THEN 'registering' ELSE 'forming' END,
    completed_at = CASE WHEN server_id IS NOT NULL THEN completed_at END,
    decide_at = CASE WHEN server_id IS NOT NULL THEN decide_at ELSE 0 END,
    code = 'reopened', run = NULL
WHERE id = :id AND state = 'held'

-- accept_files: files of a unit that are empty or break off go as they are
UPDATE files SET accepted_revision = revision, attempts = 0, not_before = 0, reason = ''
WHERE (broken_revision = revision OR size = 0) AND accepted_revision <> revision AND state = 'grouped'
    AND (unit = :unit OR id IN (SELECT file FROM unit_files WHERE unit = :unit))

-- decide_soon: a unit whose files count for more than before
UPDATE units SET decide_at = 0 WHERE id = :id AND state IN ('forming', 'incomplete')

-- retry_files: the files of a unit are read again without waiting for their turn
UPDATE files SET attempts = 0, not_before = 0 WHERE unit = :unit AND attempts > 0

-- retry_contents: the contents of a unit are sent again without waiting for their turn
UPDATE contents SET attempts = 0, not_before = 0, asked_at = CASE WHEN code = 'lacking' THEN asked_at END
WHERE state = 'unknown' AND id IN (SELECT content FROM unit_files WHERE unit = :unit)

-- retry_held_files: files that wait for a person are placed again
UPDATE files SET state = 'settled', code = 'reopened', reason = '', moved_at = :now, run = NULL WHERE state = 'held'

-- retry_everything: nothing that failed waits for its turn
UPDATE contents SET attempts = 0, not_before = 0, asked_at = CASE WHEN code = 'lacking' THEN asked_at END
WHERE state = 'unknown' AND attempts > 0

-- retry_all_units: nothing whose registration or task failed waits for its turn
UPDATE units SET attempts = 0, not_before = 0 WHERE state IN ('ready', 'registering') AND attempts > 0

-- retry_all_files: nothing that could not be read waits for its turn
UPDATE files SET attempts = 0, not_before = 0 WHERE attempts > 0

-- last_registration: when the server said last that it has a unit, as far as it was asked to make one
SELECT (SELECT resolved_at FROM intents WHERE kind = 'register' AND outcome IN ('created', 'reused')
    ORDER BY id DESC LIMIT 1) AS at
