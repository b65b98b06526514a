-- registered_as: units of a collection that the server calls by these ids
SELECT u.id, u.server_id, u.key, u.version, f.name AS feed FROM units AS u JOIN feeds AS f ON f.id = u.feed
WHERE u.destination = :destination AND u.collection = :collection
    AND u.server_id IN (SELECT value FROM json_each(:server_ids))

-- registered_before: units of a collection that the server had at a time, with what they are called there
SELECT id, server_id FROM units INDEXED BY units_by_server_id
WHERE destination = :destination AND collection = :collection AND server_id IS NOT NULL AND moved_at < :before

-- audited_unit: one unit, and whether each of its files is still here as it was sent
SELECT u.id, u.destination, u.collection, u.server_id, u.key, u.version, u.state, f.name AS feed, NOT EXISTS (
    SELECT 1 FROM unit_files AS uf JOIN files AS x ON x.id = uf.file WHERE uf.unit = u.id
        AND NOT (x.unit = u.id AND x.state = 'checksummed' AND x.content = uf.content AND x.read_revision = x.revision)
    ) AS intact
FROM units AS u JOIN feeds AS f ON f.id = u.feed WHERE u.id = :id

-- contents_of_collection: contents that registered units of a collection are made of, after one, in order
SELECT DISTINCT c.id, c.md5, c.sha1, c.size FROM contents AS c
JOIN unit_files AS uf ON uf.content = c.id JOIN units AS u ON u.id = uf.unit
WHERE u.destination = :destination AND u.collection = :collection AND u.server_id IS NOT NULL AND c.id > :after
ORDER BY c.id LIMIT :limit

-- path_of_content: one file that a content was sent from
SELECT path FROM unit_files WHERE content = :content LIMIT 1

-- put_back: a unit that the server has no longer is made again from its files
UPDATE units SET state = 'forming', code = 'missing', reason = '', server_id = NULL, outcome = '', registered_at = NULL,
    completed_at = NULL, fingerprint = '', attempts = 0, not_before = 0, decide_at = 0, moved_at = :now, run = NULL
WHERE id = :id AND server_id = :server_id

-- unfind: a unit that was found in a collection is there no longer
DELETE FROM found_units WHERE destination = :destination AND collection = :collection AND server_id = :server_id
