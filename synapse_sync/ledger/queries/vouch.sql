-- voucher_of: how far a root has proved true
SELECT agreed, refuted FROM vouchers WHERE feed = :feed AND asset = :asset AND root = :root

-- note_voucher: contents of a root were read: so many are what it vouched for, and whether one is not
INSERT INTO vouchers (feed, asset, root, agreed, refuted) VALUES (:feed, :asset, :root, :agreed, :refuted)
ON CONFLICT (feed, asset, root) DO UPDATE SET agreed = agreed + excluded.agreed, refuted = max(refuted, excluded.refuted)

-- files_to_vouch: files of described units, of these assets, whose content need not be read if the server has it
SELECT f.id, f.asset, f.dir, f.name, f.size, f.mtime_ns, f.ctime_ns, f.token, f.revision, f.content, c.md5
FROM units AS u JOIN unit_files AS uf ON uf.unit = u.id JOIN files AS f ON f.id = uf.file
LEFT JOIN contents AS c ON c.id = f.content
WHERE u.feed = :feed AND u.state = 'described' AND f.state = 'grouped' AND f.not_before <= :now
    AND f.unvouched_revision <> f.revision AND f.asset IN (SELECT value FROM json_each(:assets))
LIMIT :limit

-- contents_known_as: what is known of contents with these MD5s
SELECT id, md5, sha1, size, state FROM contents INDEXED BY contents_by_md5
WHERE md5 IN (SELECT value FROM json_each(:md5s)) AND destination = :destination

-- read_all_the_same: files whose content is to be read, whatever is vouched for
UPDATE files SET unvouched_revision = revision WHERE id IN (SELECT value FROM json_each(:files))

-- vouched_id: the row of a content that nobody has read, made where there is none
INSERT INTO contents (destination, md5, sha1, size, vouched) VALUES (:destination, :md5, '', :size, 1)
ON CONFLICT (destination, sha1, md5, size) DO UPDATE SET vouched = 1 RETURNING id

-- vouched_was_read: a content that was vouched for was read, and is what was said
UPDATE contents SET sha1 = :sha1, vouched = 0
WHERE id = (SELECT id FROM contents INDEXED BY contents_by_md5
    WHERE md5 = :md5 AND destination = :destination AND size = :size AND vouched = 1)
RETURNING id, state

-- fingerprinted_with: units that go with a content, and what their fingerprints are made of
SELECT DISTINCT u.id, u.destination, u.collection FROM unit_files AS uf JOIN units AS u ON u.id = uf.unit
WHERE uf.content = :content AND u.fingerprint <> ''

-- contents_of_fingerprint: spec and content of each file of a unit, as its fingerprint has them
SELECT uf.spec, c.md5, c.sha1, c.size FROM unit_files AS uf JOIN contents AS c ON c.id = uf.content
WHERE uf.unit = :unit ORDER BY uf.spec

-- renew_fingerprint: a content of a unit is known better
UPDATE units SET fingerprint = :fingerprint WHERE id = :id

-- units_lacking_vouched: ready units of a feed that need a content which was vouched for and which the server lacks
SELECT DISTINCT u.id FROM contents AS c INDEXED BY contents_to_read CROSS JOIN unit_files AS uf ON uf.content = c.id
CROSS JOIN units AS u ON u.id = uf.unit
WHERE c.vouched = 1 AND c.state = 'unknown' AND c.asked_at IS NOT NULL AND u.feed = :feed AND u.state = 'ready'

-- units_vouched_by: units of a feed that are not sent yet, with contents that an asset vouched for
SELECT DISTINCT f.unit AS id FROM files AS f INDEXED BY files_vouched
WHERE f.feed = :feed AND f.vouched_revision > 0 AND f.vouched_revision = f.revision AND f.asset = :asset AND f.unit IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM sent_units AS s WHERE s.id = f.unit)

-- units_vouched_for: those of these units that have a content which nobody has read
SELECT DISTINCT uf.unit AS id FROM unit_files AS uf JOIN files AS f ON f.id = uf.file JOIN contents AS c ON c.id = f.content
WHERE uf.unit IN (SELECT value FROM json_each(:units)) AND c.vouched = 1

-- read_vouched_of: files of units whose content was vouched for are read all the same
UPDATE files SET state = 'grouped', reason = '', content = NULL, read_revision = 0, unvouched_revision = revision,
    vouched_revision = 0,
    code = CASE WHEN EXISTS (SELECT 1 FROM sent_units AS s WHERE s.id = files.unit) THEN 'reread' ELSE 'unvouched' END,
    attempts = 0, not_before = 0, moved_at = :now, run = :run
WHERE state = 'checksummed' AND id IN (
        SELECT id FROM files WHERE unit IN (SELECT value FROM json_each(:units))
        UNION SELECT file FROM unit_files WHERE unit IN (SELECT value FROM json_each(:units)))
    AND vouched_revision = revision

-- await_reading: ready units wait for contents that are read all the same
UPDATE units SET state = 'described', code = 'reopened', reason = '', moved_at = :now, run = :run
WHERE state = 'ready' AND id IN (SELECT value FROM json_each(:units))

-- files_taken_on_trust: files of a feed whose content nobody has read, after one, in order
SELECT f.id, f.asset, f.dir, f.name, f.size, f.mtime_ns, f.ctime_ns, f.token, f.revision, f.content, u.key AS unit
FROM files AS f INDEXED BY files_vouched LEFT JOIN units AS u ON u.id = f.unit
WHERE f.feed = :feed AND f.id > :after AND f.vouched_revision > 0 AND f.vouched_revision = f.revision
    AND f.read_revision = f.revision AND f.content IS NOT NULL
ORDER BY f.id LIMIT :limit

-- file_on_trust: such a file, if it still is as it was read, and its content
SELECT f.id, f.feed, f.asset, f.dir, f.name, f.unit, f.content, c.destination, c.md5, c.sha1, c.size
FROM files AS f JOIN contents AS c ON c.id = f.content
WHERE f.id = :file AND f.revision = :revision AND f.vouched_revision = f.revision AND f.read_revision = f.revision

-- proved: a file's content was read, and is what was vouched for
UPDATE files SET vouched_revision = 0 WHERE id = :file

-- units_sent_with: units that the server has with this content of this file
SELECT u.id, u.server_id FROM unit_files AS uf JOIN units AS u ON u.id = uf.unit
WHERE uf.file = :file AND uf.content = :content AND u.state <> 'held' AND EXISTS (SELECT 1 FROM sent_units AS s WHERE s.id = u.id)
