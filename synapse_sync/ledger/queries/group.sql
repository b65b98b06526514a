-- files_to_detect: settled files whose names don't say what they are, and that nobody has looked into
SELECT id, asset, dir, name, size, mtime_ns, ctime_ns, token, revision, attempts FROM files INDEXED BY files_to_detect
WHERE feed = :feed AND untyped = 1 AND state = 'settled' AND detected_revision <> revision LIMIT :limit

-- record_detected: what a file is by its content, '' where nobody can tell
UPDATE files SET detected = :detected, detected_revision = revision WHERE id = :id AND revision = :revision

-- files_to_place: settled files whose type is known, as far as it is looked for, with what is known of their unit
SELECT f.id, f.asset, f.dir, f.name, f.size, f.mtime_ns, f.detected, f.revision, f.read_revision = f.revision AS current,
    f.accepted_revision = f.revision AS accepted,
    f.bucket, f.unit, u.bucket AS unit_bucket, EXISTS (SELECT 1 FROM sent_units AS s WHERE s.id = f.unit) AS sent
FROM files AS f LEFT JOIN units AS u ON u.id = f.unit
WHERE f.feed = :feed AND f.state = 'settled' AND (NOT :detects OR f.untyped = 0 OR f.detected_revision = f.revision)
LIMIT :limit

-- sample_by_directory: names of settled files, whole folders together
SELECT id, asset, dir, name, size, mtime_ns, detected, accepted_revision = revision AS accepted FROM files
WHERE feed = :feed AND state IN ('settled', 'grouped', 'checksummed', 'unmatched') ORDER BY asset, dir, name LIMIT :limit

-- sample_by_name: names of settled files, equal names together
SELECT id, asset, dir, name, size, mtime_ns, detected, accepted_revision = revision AS accepted FROM files
WHERE feed = :feed AND state IN ('settled', 'grouped', 'checksummed', 'unmatched') ORDER BY name, dir LIMIT :limit

-- buckets_due: buckets with a unit that is to be decided again by now, unless the server's answer about it is awaited
SELECT DISTINCT bucket FROM units WHERE feed = :feed AND decide_at <= :now
    AND (state = 'registered' OR NOT EXISTS (SELECT 1 FROM sent_units AS s WHERE s.id = units.id)) LIMIT :limit

-- place_file: a file's bucket; it stays settled until its unit is decided
UPDATE files SET bucket = :bucket, unit = CASE WHEN :detach THEN NULL ELSE unit END
WHERE id = :id AND revision = :revision AND state = 'settled'

-- put_aside: a settled file that belongs to no unit
UPDATE files SET state = :became, code = :code, reason = :reason, bucket = NULL, unit = NULL, moved_at = :now, run = :run
WHERE id = :id AND revision = :revision AND state = 'settled'

-- reread_file: a changed file of a registered unit is read again before anything is concluded
UPDATE files SET state = 'grouped', code = 'reread', reason = '', moved_at = :now, run = :run
WHERE id = :id AND revision = :revision AND state = 'settled'

-- read_for_unit: a file that stands where its sent unit had another is read before anything is concluded
UPDATE files SET state = 'grouped', code = 'reread', reason = '', unit = :unit, moved_at = :now, run = :run
WHERE id = :id AND (unit IS NOT :unit OR state <> 'grouped' OR code <> 'reread')

-- members_of_buckets: every file that can be part of the units of these buckets
SELECT id, asset, dir, name, size, mtime_ns, detected, state, bucket, unit, content, read_revision = revision AS current,
    accepted_revision = revision AS accepted
FROM files WHERE feed = :feed AND bucket IN (SELECT value FROM json_each(:buckets))
    AND state IN ('settled', 'grouped', 'checksummed', 'superseded')

-- units_of_buckets: every unit of these buckets, each key's versions in order
SELECT id, key, version, bucket, state, reason, approved, changed_at, completed_at, server_id,
    EXISTS (SELECT 1 FROM sent_units AS s WHERE s.id = units.id) AS sent
FROM units INDEXED BY units_by_bucket
WHERE feed = :feed AND bucket IN (SELECT value FROM json_each(:buckets)) ORDER BY key, version

-- files_of_units: what these units are made of
SELECT uf.unit, uf.spec, uf.file, uf.content, uf.path, f.asset, f.dir, f.name, f.size, f.mtime_ns
FROM unit_files AS uf JOIN files AS f ON f.id = uf.file
WHERE uf.unit IN (SELECT value FROM json_each(:units)) ORDER BY uf.unit, uf.spec

-- add_unit: a unit's row, forming; its version is new also where another grouping had the key before
INSERT INTO units (feed, key, version, bucket, state, destination, collection, changed_at, created_at)
SELECT :feed, :key, max(:version, coalesce(max(version) + 1, 1)), :bucket, 'forming', :destination, :collection, :now, :now
FROM units WHERE feed = :feed AND key = :key
RETURNING id, state, reason, changed_at, completed_at

-- decide_unit: a unit's state as its files make it now; what was derived from other files is forgotten
UPDATE units SET state = :became, code = :code, reason = :reason, decide_at = :decide_at, changed_at = :changed_at,
    completed_at = CASE WHEN :became = 'complete' THEN :now END, fingerprint = '', meta = '{}', groups = '[]',
    sources = '{}', overruled = '[]', awaits = '', attempts = 0,
    not_before = 0, revision = revision + 1, moved_at = :now, run = :run
WHERE id = :id

-- keep_unit: nothing to decide until its files change or the time comes
UPDATE units SET decide_at = :decide_at WHERE id = :id

-- forget_intents: what was asked for a unit that is about to be dissolved
DELETE FROM intents WHERE unit = :unit

-- dissolve_unit: a unit whose files all went elsewhere, or that a person wants forgotten
DELETE FROM units WHERE id = :id

-- release_files: files whose unit is about to be dissolved
UPDATE files SET unit = NULL WHERE unit = :unit

-- forget_files: files of a unit that a person wants forgotten: they are placed and read as if never before
UPDATE files SET state = CASE WHEN state IN ('gone', 'seen') THEN state ELSE 'settled' END, code = 'forgotten', reason = '',
    unit = NULL, content = NULL, read_revision = 0, attempts = 0, not_before = 0, moved_at = :now, run = NULL
WHERE unit = :unit OR id IN (SELECT file FROM unit_files WHERE unit = :unit) AND unit IS NULL

-- clear_unit_files: before a unit's composition is written anew
DELETE FROM unit_files WHERE unit = :unit

-- add_unit_file: one file of a unit
INSERT INTO unit_files (unit, spec, file, path) VALUES (:unit, :spec, :file, :path)

-- join_unit: a file's place in its unit is known; content that is current needs no reading
UPDATE files SET unit = :unit, code = 'placed', reason = '', moved_at = :now, run = :run,
    state = CASE WHEN read_revision = revision THEN 'checksummed' ELSE 'grouped' END
WHERE id = :id AND state IN ('settled', 'grouped', 'checksummed', 'superseded')
    AND (unit IS NOT :unit OR state NOT IN ('grouped', 'checksummed'))

-- leave_out: a file that its unit goes without
UPDATE files SET state = 'superseded', code = 'left_out', reason = :reason, unit = NULL, moved_at = :now, run = :run
WHERE id = :id AND state IN ('settled', 'grouped', 'checksummed')
