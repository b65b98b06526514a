-- units_to_describe: units whose files are fixed
SELECT id, key, revision FROM units
WHERE feed = :feed AND state = 'complete' AND awaits = '' AND not_before <= :now LIMIT :limit

-- await_metadata: a complete unit waits for what belongs to its meta
UPDATE units SET awaits = :awaits, reason = :reason WHERE id = :id AND revision = :revision AND state = 'complete'

-- files_named: files of these names in one folder that are metadata, or that may turn out to be
SELECT id, asset, dir, name, sidecar, size, mtime_ns, ctime_ns, token, state FROM files
WHERE feed = :feed AND asset = :asset AND dir = :dir AND sidecar <> '' AND sidecar IN (SELECT value FROM json_each(:names))
    AND state IN ('metadata', 'seen', 'settled')

-- describe_again_beside: units with files of these names in one folder, unless something was sent for them
UPDATE units SET state = 'complete', code = 'reopened', reason = '', awaits = '', attempts = 0, not_before = 0,
    moved_at = :now, run = :run
WHERE id IN (SELECT uf.unit FROM files AS f CROSS JOIN unit_files AS uf ON uf.file = f.id
        WHERE f.feed = :feed AND f.asset = :asset AND f.dir = :dir AND f.name >= :first AND f.name < :end)
    AND (state = 'complete' AND awaits <> '' OR completed_at IS NOT NULL
        AND state IN ('described', 'ready', 'duplicate', 'held') AND NOT EXISTS (SELECT 1 FROM sent_units AS s WHERE s.id = units.id))

-- describe_again_below: units with files in or below a folder, unless something was sent for them
UPDATE units SET state = 'complete', code = 'reopened', reason = '', awaits = '', attempts = 0, not_before = 0,
    moved_at = :now, run = :run
WHERE id IN (SELECT uf.unit FROM files AS f CROSS JOIN unit_files AS uf ON uf.file = f.id
        WHERE f.feed = :feed AND f.asset = :asset AND f.dir = :dir
        UNION SELECT uf.unit FROM files AS f CROSS JOIN unit_files AS uf ON uf.file = f.id
        WHERE f.feed = :feed AND f.asset = :asset AND f.dir >= :first AND f.dir < :end)
    AND (state = 'complete' AND awaits <> '' OR completed_at IS NOT NULL
        AND state IN ('described', 'ready', 'duplicate', 'held') AND NOT EXISTS (SELECT 1 FROM sent_units AS s WHERE s.id = units.id))

-- describe_unit: a unit's meta and groups are known
UPDATE units SET state = 'described', code = 'described', reason = '', meta = :meta, groups = :groups,
    sources = :sources, overruled = :overruled, moved_at = :now, run = :run
WHERE id = :id AND revision = :revision AND state = 'complete'

-- hold_unit: a unit waits for a person; one that lacks its task is decided again once it has it
UPDATE units SET state = 'held', code = :code, reason = :reason,
    decide_at = CASE WHEN server_id IS NULL THEN NULL ELSE decide_at END, moved_at = :now, run = :run
WHERE id = :id

-- files_to_read: files of described units whose content isn't known, unless an asset may vouch for it, and changed files of units that were sent
SELECT f.id, f.asset, f.dir, f.name, f.size, f.mtime_ns, f.ctime_ns, f.token, f.revision, f.content, f.attempts,
    f.observed_at, f.accepted_revision = f.revision AS accepted, u.key AS unit, c.md5, c.sha1
FROM units AS u JOIN unit_files AS uf ON uf.unit = u.id JOIN files AS f ON f.id = uf.file
LEFT JOIN contents AS c ON c.id = f.content
WHERE u.feed = :feed AND u.state = 'described' AND f.state = 'grouped' AND f.not_before <= :now
    AND (f.unvouched_revision = f.revision OR f.asset NOT IN (SELECT value FROM json_each(:vouching)))
UNION ALL
SELECT f.id, f.asset, f.dir, f.name, f.size, f.mtime_ns, f.ctime_ns, f.token, f.revision, f.content, f.attempts,
    f.observed_at, f.accepted_revision = f.revision, u.key, c.md5, c.sha1
FROM files AS f INDEXED BY files_to_reread JOIN units AS u ON u.id = f.unit LEFT JOIN contents AS c ON c.id = f.content
WHERE f.feed = :feed AND f.state = 'grouped' AND f.code = 'reread' AND f.not_before <= :now
    AND EXISTS (SELECT 1 FROM sent_units AS s WHERE s.id = f.unit)
LIMIT :limit

-- content_id: the row of a content and its state, made where there is none
INSERT INTO contents (destination, md5, sha1, size) VALUES (:destination, :md5, :sha1, :size)
ON CONFLICT (destination, sha1, md5, size) DO UPDATE SET size = excluded.size RETURNING id, state

-- record_read: a file's content is known, by reading it or because it was vouched for; another content of a sent unit's file is decided on by grouping
UPDATE files SET state = CASE WHEN :differs THEN 'settled' ELSE 'checksummed' END, code = :code, reason = '',
    content = :content, read_revision = revision, attempts = 0, not_before = 0, moved_at = :now, run = :run,
    vouched_revision = CASE WHEN :vouched THEN revision ELSE 0 END
WHERE id = :id AND revision = :revision AND state = 'grouped'

-- sent_contents: what these files' units were registered with, of those that were; 0 for a file that its unit went without
SELECT f.id AS file, coalesce(uf.content, 0) AS content
FROM files AS f LEFT JOIN unit_files AS uf ON uf.file = f.id AND uf.unit = f.unit
WHERE f.id IN (SELECT value FROM json_each(:files)) AND EXISTS (SELECT 1 FROM sent_units AS s WHERE s.id = f.unit)

-- redecide_later_versions: a sent unit's file is what it was: the version that its change made is decided again
UPDATE units SET decide_at = 0 WHERE id IN (
    SELECT later.id FROM files AS f JOIN units AS base ON base.id = f.unit
    JOIN units AS later ON later.feed = base.feed AND later.key = base.key AND later.version > base.version
    WHERE f.id = :file) AND NOT EXISTS (SELECT 1 FROM sent_units AS s WHERE s.id = units.id)

-- file_changed: a file that differs from its observation is looked at again by the next listing
UPDATE files SET state = 'seen', code = 'changed', reason = :reason, observed_at = :now, revision = revision + 1,
    moved_at = :now, run = :run
WHERE id = :id AND revision = :revision

-- file_failed: a file that could not be read is tried again later
UPDATE files SET attempts = attempts + 1, not_before = :not_before, reason = :reason WHERE id = :id AND revision = :revision

-- await_rest: a file is empty or breaks off: it is looked at again when its time is over, or when it has changed
UPDATE files SET broken_revision = revision, not_before = :not_before, reason = :reason
WHERE id = :id AND revision = :revision

-- rest_not_awaited: the time of a file that is no unit's is over: what reads it says what comes of it
UPDATE files SET broken_revision = 0, reason = '' WHERE id = :id AND revision = :revision

-- unit_awaits_rest: described units say which of their files they wait for
UPDATE units SET reason = :reason
WHERE state = 'described' AND id IN (SELECT unit FROM unit_files WHERE file = :file)

-- hold_units_of_file: described units that can't go because of one of their files
UPDATE units SET state = 'held', code = :code, reason = :reason, decide_at = NULL, moved_at = :now, run = :run
WHERE state = 'described' AND id IN (SELECT unit FROM unit_files WHERE file = :file)

-- units_to_fingerprint: described units whose contents are all known
SELECT u.id, u.key, u.revision, u.meta, u.approved FROM units AS u
WHERE u.feed = :feed AND u.state = 'described' AND NOT EXISTS (
    SELECT 1 FROM unit_files AS uf JOIN files AS f ON f.id = uf.file
    WHERE uf.unit = u.id AND (f.state <> 'checksummed' OR f.read_revision <> f.revision))
ORDER BY u.id LIMIT :limit

-- contents_of_units: spec and content of each file of these units
SELECT uf.unit, uf.spec, uf.file, f.content, c.destination, c.md5, c.sha1, c.size
FROM unit_files AS uf JOIN files AS f ON f.id = uf.file JOIN contents AS c ON c.id = f.content
WHERE uf.unit IN (SELECT value FROM json_each(:units)) ORDER BY uf.unit, uf.spec

-- same_fingerprint: the oldest other unit that goes, or went, with this fingerprint, with its feed
SELECT u.id, u.feed, u.key, u.meta, u.state, f.name AS feed_name, f.paused FROM units AS u JOIN feeds AS f ON f.id = u.feed
WHERE u.fingerprint = :fingerprint AND u.fingerprint <> '' AND u.id <> :id
    AND (u.state = 'ready' OR EXISTS (SELECT 1 FROM sent_units AS s WHERE s.id = u.id))
ORDER BY u.id LIMIT 1

-- give_way: a ready unit whose feed does not run: another with its fingerprint goes in its place
UPDATE units SET state = 'duplicate', code = 'duplicate', reason = :reason, moved_at = :now, run = :run
WHERE id = :id AND state = 'ready'

-- move_content: a file's content as another destination has it
UPDATE files SET content = :content WHERE id = :file

-- fix_contents: what these units go with, now that their fingerprints are known
UPDATE unit_files SET content = (SELECT content FROM files WHERE id = unit_files.file)
WHERE unit IN (SELECT value FROM json_each(:units))

-- unit_ready: a unit may go, or another goes in its place
UPDATE units SET state = :became, code = :code, reason = :reason, fingerprint = :fingerprint, meta = :meta,
    moved_at = :now, run = :run
WHERE id = :id AND revision = :revision AND state = 'described'

-- bereft_duplicates: duplicates whose first unit no longer goes: the oldest of each fingerprint takes its place
SELECT min(d.id) AS id FROM units AS d
WHERE d.feed = :feed AND d.state = 'duplicate' AND NOT EXISTS (
    SELECT 1 FROM units AS u WHERE u.fingerprint = d.fingerprint AND u.fingerprint <> '' AND u.id <> d.id
        AND (u.state IN ('ready', 'described', 'complete')
            OR EXISTS (SELECT 1 FROM sent_units AS s WHERE s.id = u.id)))
GROUP BY d.fingerprint LIMIT :limit

-- promote_duplicate: a duplicate takes the place of the unit that no longer goes
UPDATE units SET state = 'described', code = 'reopened', reason = '', moved_at = :now, run = :run WHERE id = :id

-- doubt_meta_beside: sent units with files of these names in one folder: what is beside them has changed
UPDATE units SET meta_due = 1 WHERE EXISTS (SELECT 1 FROM sent_units AS s WHERE s.id = units.id) AND id IN (
    SELECT uf.unit FROM files AS f CROSS JOIN unit_files AS uf ON uf.file = f.id
    WHERE f.feed = :feed AND f.asset = :asset AND f.dir = :dir AND f.name >= :first AND f.name < :end)

-- doubt_meta_below: sent units with files in or below a folder whose sidecar has changed
UPDATE units SET meta_due = 1 WHERE EXISTS (SELECT 1 FROM sent_units AS s WHERE s.id = units.id) AND id IN (
    SELECT uf.unit FROM files AS f CROSS JOIN unit_files AS uf ON uf.file = f.id
    WHERE f.feed = :feed AND f.asset = :asset AND f.dir = :dir
    UNION SELECT uf.unit FROM files AS f CROSS JOIN unit_files AS uf ON uf.file = f.id
    WHERE f.feed = :feed AND f.asset = :asset AND f.dir >= :first AND f.dir < :end)

-- doubt_meta: every sent unit of a feed: its table, its settings or its collection have changed
UPDATE units SET meta_due = 1 WHERE feed = :feed AND EXISTS (SELECT 1 FROM sent_units AS s WHERE s.id = units.id)

-- units_to_compare: registered units whose meta is to be made again
SELECT id, key, meta, sources, pending FROM units INDEXED BY units_meta_due
WHERE feed = :feed AND meta_due = 1 AND state = 'registered' LIMIT :limit

-- meta_compared: what a registered unit's meta would be now, '' where it is as it was sent
UPDATE units SET meta_due = 0, pending = :pending WHERE id = :id

-- units_to_update: registered units whose new meta the server is to have
SELECT id, key, server_id, meta, pending, attempts FROM units INDEXED BY units_pending
WHERE feed = :feed AND pending <> '' AND state = 'registered' AND destination = :destination AND not_before <= :now
    AND json_extract(pending, '$.problem') = '' ORDER BY id LIMIT :limit

-- meta_updated: the server has the new meta
UPDATE units SET meta = :meta, sources = :sources, overruled = :overruled, pending = '', attempts = 0, not_before = 0
WHERE id = :id

-- add_history: what happened to a unit that stays as it is
INSERT INTO history (at, run, kind, ref, was, became, code, detail)
SELECT :now, :run, 'unit', id, state, state, :code, :detail FROM units WHERE id = :id

-- retry_meta: units whose new metadata the server refused: it is made, and sent, again
UPDATE units SET meta_due = 1 WHERE pending <> '' AND json_extract(pending, '$.problem') <> ''
