-- contents_to_ask: contents of ready units that the server has not been asked about
SELECT c.id, c.md5, c.sha1, c.size FROM contents AS c
WHERE c.state = 'unknown' AND c.asked_at IS NULL AND c.not_before <= :now AND EXISTS (
    SELECT 1 FROM unit_files AS uf CROSS JOIN units AS u ON u.id = uf.unit
    WHERE uf.content = c.id AND u.feed = :feed AND u.state = 'ready')
ORDER BY c.id LIMIT :limit

-- content_present: the server has a content
UPDATE contents SET state = 'present', code = :code, checksum = :checksum, data_file = :data_file, attempts = 0,
    not_before = 0, reason = '', moved_at = :now, run = :run
WHERE id = :id

-- content_lacking: the server was asked and does not have it: it may be sent
UPDATE contents SET asked_at = :now WHERE id = :id AND state = 'unknown'

-- content_lost: the server says that it lacks a content which we thought it had: it is sent without asking
UPDATE contents SET state = 'unknown', code = 'lacking', asked_at = :now, reason = :reason, moved_at = :now, run = :run
WHERE id IN (SELECT content FROM unit_files WHERE unit = :unit) AND lower(checksum) IN (SELECT value FROM json_each(:lacking))

-- doubt_contents: the server may lack contents of a unit which we thought it had: it is asked again
UPDATE contents SET state = 'unknown', code = 'lacking', asked_at = NULL, reason = '', moved_at = :now, run = :run
WHERE state = 'present' AND id IN (SELECT content FROM unit_files WHERE unit = :unit)

-- mistrust_contents: what the server says of contents of a unit seems to be wrong: they are sent without asking
UPDATE contents SET state = 'unknown', code = 'lacking', asked_at = :now, reason = '', moved_at = :now, run = :run
WHERE state = 'present' AND id IN (SELECT content FROM unit_files WHERE unit = :unit)

-- any_asked: whether a content waits for nothing but being sent
SELECT 1 FROM contents INDEXED BY contents_to_send
WHERE destination = :destination AND state = 'unknown' AND asked_at IS NOT NULL AND code <> 'lacking' LIMIT 1

-- ask_again: what a former process was told may be out of date: the server is asked again before anything is sent
UPDATE contents INDEXED BY contents_to_send SET asked_at = NULL
WHERE destination = :destination AND state = 'unknown' AND asked_at IS NOT NULL
    AND code <> 'lacking'

-- content_failed: an attempt to send it failed; before the next one the server is asked again, unless its word was wrong
UPDATE contents SET asked_at = CASE WHEN code = 'lacking' THEN asked_at END, attempts = attempts + 1,
    not_before = :not_before, reason = :reason
WHERE id = :id

-- contents_to_send: what ready units need and the server lacks, as far as it was read, with a file that has it and how far sending came
SELECT c.id, c.md5, c.sha1, c.size, c.attempts AS content_attempts, min(f.id) AS file, p.route, p.upload_id,
    p.offset, p.parts
FROM contents AS c LEFT JOIN uploads AS p ON p.content = c.id
CROSS JOIN files AS f ON f.content = c.id AND f.feed = :feed AND f.state = 'checksummed' AND f.read_revision = f.revision
    AND f.not_before <= :now
WHERE c.state = 'unknown' AND c.asked_at IS NOT NULL AND c.not_before <= :now AND c.vouched = 0
    AND (c.size BETWEEN 1 AND :small AND p.upload_id IS NULL) = :by_lane
    AND c.id NOT IN (SELECT value FROM json_each(:under_way)) AND EXISTS (
        SELECT 1 FROM unit_files AS uf CROSS JOIN units AS u ON u.id = uf.unit
        WHERE uf.content = c.id AND u.feed = :feed AND u.state = 'ready')
GROUP BY c.id ORDER BY c.id LIMIT :limit

-- contents_due_by: no content of a feed waits for its next attempt longer than until :latest
UPDATE contents SET not_before = :latest WHERE state = 'unknown' AND not_before > :latest AND id IN (
    SELECT uf.content FROM units AS u CROSS JOIN unit_files AS uf ON uf.unit = u.id
    WHERE u.feed = :feed AND u.state = 'ready')

-- files_to_send: the files themselves
SELECT id, asset, dir, name, size, mtime_ns, ctime_ns, token, revision, attempts FROM files
WHERE id IN (SELECT value FROM json_each(:files))

-- save_progress: a piece was acknowledged
INSERT INTO uploads (content, route, upload_id, offset, parts, updated_at)
VALUES (:content, :route, :upload_id, :offset, :parts, :now)
ON CONFLICT (content) DO UPDATE SET route = excluded.route, upload_id = excluded.upload_id, offset = excluded.offset,
    parts = excluded.parts, updated_at = excluded.updated_at

-- forget_progress: the uploads of these contents have ended
DELETE FROM uploads WHERE content IN (SELECT value FROM json_each(:contents))

-- hold_units_of_content: units that can't go because the server refuses one of their contents
UPDATE units SET state = 'held', code = 'rejected', reason = :reason, decide_at = NULL, moved_at = :now, run = :run
WHERE state = 'ready' AND id IN (SELECT unit FROM unit_files WHERE content = :content)

-- forget_urls: uploads that hold presigned URLs
DELETE FROM uploads WHERE parts <> '{}'

-- contents_not_awaited: those of these contents that no unit waits for any more
SELECT c.sha1 FROM json_each(:sha1s) AS k CROSS JOIN contents AS c ON c.destination = :destination AND c.sha1 = k.value
WHERE c.state = 'present' OR NOT EXISTS (
    SELECT 1 FROM files AS f CROSS JOIN units AS u ON u.id = f.unit
    WHERE f.content = c.id AND f.state = 'checksummed' AND u.state IN ('forming', 'complete', 'described', 'ready'))
