-- add_feed: a feed's row, made where there is none
INSERT INTO feeds (name, created_at) VALUES (:name, :now) ON CONFLICT (name) DO NOTHING

-- feed_by_name: a feed as the ledger knows it
SELECT id, name, settings, collection, grouping, roots, paused, metadata_table FROM feeds WHERE name = :name

-- feed_by_id: the same by id
SELECT id, name, settings, collection, grouping, roots, paused, metadata_table FROM feeds WHERE id = :id

-- remember_roots: which folders the feed's roots are
UPDATE feeds SET roots = :roots WHERE id = :feed

-- remember_settings: decisions from now on are made with these settings
UPDATE feeds SET settings = :settings WHERE id = :feed

-- remember_collection: decisions from now on are made with these specs and this schema
UPDATE feeds SET collection = :collection WHERE id = :feed

-- remember_grouping: how this feed's files group, as inferred once
UPDATE feeds SET grouping = :grouping WHERE id = :feed

-- pause_feed: why a feed waits, '' when it goes on
UPDATE feeds SET paused = :reason WHERE id = :feed AND paused <> :reason

-- reopen_files: files that nothing was sent for are placed anew; readings for another destination are forgotten
UPDATE files SET state = 'settled', code = 'reopened', reason = '', attempts = 0, not_before = 0, moved_at = :now, run = :run,
    read_revision = CASE WHEN content IN (SELECT id FROM contents WHERE destination = :destination)
        THEN read_revision ELSE 0 END,
    content = CASE WHEN content IN (SELECT id FROM contents WHERE destination = :destination) THEN content END
WHERE feed = :feed AND state IN ('grouped', 'checksummed', 'unmatched', 'metadata', 'superseded', 'held')
    AND NOT EXISTS (SELECT 1 FROM sent_units AS s WHERE s.id = files.unit)

-- reopen_units: units that nothing was sent for are decided anew
UPDATE units SET state = 'forming', code = 'reopened', reason = '', completed_at = NULL, fingerprint = '', awaits = '',
    attempts = 0, not_before = 0, decide_at = 0, destination = :destination, collection = :collection,
    moved_at = :now, run = :run
WHERE feed = :feed AND NOT EXISTS (SELECT 1 FROM sent_units AS s WHERE s.id = units.id)

-- reopen_tasks: units that lack nothing but their task, which was refused: it is asked for again
UPDATE units SET state = 'registering', code = 'reopened', reason = '', attempts = 0, not_before = 0, moved_at = :now,
    run = :run
WHERE feed = :feed AND state = 'held' AND code = 'rejected' AND server_id IS NOT NULL

-- add_run: a run's row
INSERT INTO runs (feed, started_at) VALUES (:feed, :at) RETURNING id

-- finish_run: what a run did
UPDATE runs SET finished_at = :at, counts = :counts, problems = :problems WHERE id = :id

-- next_attempt: when the next failed attempt is due, up to :limit of one row; what was due at :now waits for other things
SELECT min(due) AS due FROM (
    SELECT min(not_before) AS due FROM files INDEXED BY files_failing
    WHERE feed = :feed AND attempts > 0 AND attempts <= :limit AND state IN ('grouped', 'checksummed')
        AND not_before > :now
    UNION ALL
    SELECT min(not_before) FROM units
    WHERE feed = :feed AND state IN ('ready', 'registering') AND attempts BETWEEN 1 AND :limit AND not_before > :now
    UNION ALL
    SELECT min(c.not_before) FROM contents AS c
    JOIN unit_files AS uf ON uf.content = c.id JOIN units AS u ON u.id = uf.unit
    WHERE u.feed = :feed AND u.state = 'ready' AND c.state = 'unknown' AND c.attempts BETWEEN 1 AND :limit
        AND c.not_before > :now)

-- resting_feeds: names of the feeds that a person has asked to rest
SELECT name FROM feeds WHERE resting = 1

-- rest_feed: a person asks a feed to rest, or to go on
UPDATE feeds SET resting = :resting WHERE name = :name AND resting <> :resting
