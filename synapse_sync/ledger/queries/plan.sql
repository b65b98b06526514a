-- planned_units: units that are not registered, in order of their keys
SELECT id, key, version, state, reason, meta, sources, overruled, groups FROM units
WHERE feed = :feed AND state <> 'registered' ORDER BY key, version LIMIT :limit

-- planned_aside: files that belong to no unit and will not
SELECT asset, dir, name, state, reason FROM files
WHERE feed = :feed AND state IN ('unmatched', 'metadata', 'superseded', 'held') ORDER BY asset, dir, name LIMIT :limit

-- count_aside: how many those are
SELECT count(*) AS files FROM files WHERE feed = :feed AND state IN ('unmatched', 'metadata', 'superseded', 'held')

-- bytes_at_most: size of the files of units that would go, but for contents that the server is known to have
SELECT coalesce(sum(f.size), 0) AS bytes
FROM units AS u JOIN unit_files AS uf ON uf.unit = u.id JOIN files AS f ON f.id = uf.file
LEFT JOIN contents AS c ON c.id = f.content AND f.read_revision = f.revision
WHERE u.feed = :feed AND u.state IN ('complete', 'described', 'ready') AND u.awaits = '' AND (c.state IS NULL OR c.state <> 'present')

-- count_going: units that would be registered, without those that wait for the rest of a file
SELECT count(*) AS units FROM units WHERE feed = :feed AND state IN ('complete', 'described', 'ready') AND awaits = ''
    AND NOT (state = 'described' AND reason <> '')
