-- upkeep_through: how far a chore has come
SELECT through FROM upkeep WHERE chore = :chore

-- upkeep_went: how far it has come by now
INSERT INTO upkeep (chore, through) VALUES (:chore, :through) ON CONFLICT (chore) DO UPDATE SET through = excluded.through

-- first_young_change: the first change that is not old yet; those of the future were made while the clock was wrong
SELECT id FROM history WHERE id > :after AND at >= :before AND at <= :now ORDER BY id LIMIT 1

-- newest_change: the last row of the history
SELECT coalesce(max(id), 0) AS id FROM history

-- old_changes: the last of the next so many old changes
SELECT max(id) AS last FROM (SELECT id FROM history WHERE id > :after AND id < :young ORDER BY id LIMIT :limit)

-- drop_content_changes: old changes of contents: their own rows say how they came to be what they are
DELETE FROM history NOT INDEXED WHERE id > :after AND id <= :last AND kind = 'content'

-- sum_up_changes: the last old change of each file and unit stands for all before it
UPDATE history SET times = sum.times, since = sum.since, was = sum.was
FROM (
    SELECT h.kind, h.ref, max(h.id) AS last, sum(h.times) AS times, min(coalesce(h.since, h.at)) AS since,
        (SELECT f.was FROM history AS f WHERE f.kind = h.kind AND f.ref = h.ref ORDER BY f.id LIMIT 1) AS was
    FROM (SELECT DISTINCT kind, ref FROM history WHERE id > :after AND id <= :last) AS touched
    CROSS JOIN history AS h ON h.kind = touched.kind AND h.ref = touched.ref AND h.id <= :last
    GROUP BY h.kind, h.ref HAVING count(*) > 1) AS sum
WHERE history.id = sum.last

-- drop_changes: old changes of files and units that a later old one stands for
DELETE FROM history WHERE id IN (
    SELECT h.id FROM (
        SELECT kind, ref, max(id) AS last FROM history WHERE id > :after AND id <= :last GROUP BY kind, ref) AS touched
    CROSS JOIN history AS h ON h.kind = touched.kind AND h.ref = touched.ref AND h.id < touched.last)

-- old_runs: the next so many runs that began before a day, but for the newest one
SELECT id, feed, started_at, finished_at, counts, problems, times FROM runs
WHERE id > :after AND id < (SELECT max(id) FROM runs) AND started_at < :before ORDER BY id LIMIT :limit

-- sum_up_run: a run stands for those of its day
UPDATE runs SET started_at = :started_at, finished_at = :finished_at, counts = :counts, problems = :problems, times = :times
WHERE id = :id

-- drop_runs: runs that another stands for
DELETE FROM runs WHERE id IN (SELECT value FROM json_each(:ids))

-- add_audit: what an audit found
INSERT INTO audits (feed, at, counts) VALUES (:feed, :now, :counts)
ON CONFLICT (feed) DO UPDATE SET at = excluded.at, counts = excluded.counts

-- forget_audits: what was found missing is being made again
DELETE FROM audits

-- audit_of: the last audit of a feed's collection
SELECT at, counts FROM audits WHERE feed = :feed

-- last_audit: when the collection was audited that waits longest for it; none where one was never
SELECT min(at) AS at FROM audits HAVING count(*) >= (SELECT count(*) FROM feeds) AND count(*) > 0

-- vital_counts: what of a feed needs a person, and how much is in progress since before these times, up to a thousand
SELECT f.paused,
    (SELECT count(*) FROM units WHERE feed = f.id AND state = 'held')
        + (SELECT count(*) FROM files WHERE feed = f.id AND state = 'held') AS held,
    (SELECT count(*) FROM units WHERE feed = f.id AND state = 'incomplete') AS incomplete,
    coalesce((SELECT json_extract(counts, '$.missing') + json_extract(counts, '$.different') + json_extract(counts, '$.lacking')
        FROM audits WHERE feed = f.id), 0) AS lost,
    (SELECT count(*) FROM (SELECT 1 FROM units WHERE feed = f.id AND awaits = '' AND completed_at < :units_before
        AND state IN ('complete', 'described', 'ready', 'registering') LIMIT 1000)) AS overdue,
    (SELECT count(*) FROM (SELECT 1 FROM files WHERE feed = f.id AND state IN ('seen', 'settled')
        AND max(observed_at, coalesce(moved_at, 0)) < :files_before LIMIT 1000)) AS unsettled
FROM feeds AS f WHERE f.name = :name
