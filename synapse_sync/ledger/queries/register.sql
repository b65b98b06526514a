-- units_to_register: ready units whose contents the server has and whose files are still as they were read
SELECT u.id, u.key, u.meta, u.groups, u.attempts FROM units AS u INDEXED BY units_whole
WHERE u.feed = :feed AND u.state = 'ready' AND u.whole = 1 AND u.not_before <= :now AND NOT EXISTS (
    SELECT 1 FROM unit_files AS uf JOIN contents AS c ON c.id = uf.content JOIN files AS f ON f.id = uf.file
    WHERE uf.unit = u.id AND (c.state <> 'present' OR f.read_revision <> f.revision OR f.content <> uf.content))
ORDER BY u.id LIMIT :limit

-- units_still_going: those of these units that are to be registered, or that the server may have been asked for
SELECT id FROM units WHERE id IN (SELECT value FROM json_each(:units))
    AND (state = 'ready' OR state = 'registering' AND server_id IS NULL)

-- any_registered: whether the server has taken anything of a feed
SELECT 1 FROM units WHERE feed = :feed AND state = 'registered' LIMIT 1

-- refused_so_far: how many units of a feed the server refused, and the words about one
SELECT count(*) AS units, max(reason) AS reason FROM units WHERE feed = :feed AND state = 'held' AND code = 'rejected'

-- registered_of: one of these units that the server has made
SELECT id, server_id FROM units
WHERE id IN (SELECT value FROM json_each(:units)) AND server_id IS NOT NULL AND outcome = 'created' ORDER BY id LIMIT 1

-- units_to_ask_again: units whose answer was lost, as they were sent through v2; the same request is safe to repeat
SELECT u.id, u.key, u.meta, u.groups, u.attempts FROM units AS u
WHERE u.feed = :feed AND u.state = 'registering' AND u.server_id IS NULL AND u.not_before <= :now
    AND u.destination = :destination AND u.collection = :collection AND 'v2' = (
        SELECT i.api FROM intents AS i WHERE i.unit = u.id AND i.kind = 'register' ORDER BY i.id DESC LIMIT 1)
ORDER BY u.id LIMIT :limit

-- units_to_look_up: units whose answer was lost, as they were sent through v1, and when; they may be there or not
SELECT u.id, u.key, u.meta, u.groups, u.attempts, u.reason, i.created_at AS asked_at, i.outcome
FROM units AS u JOIN intents AS i ON i.id = (
    SELECT max(j.id) FROM intents AS j WHERE j.unit = u.id AND j.kind = 'register')
WHERE u.feed = :feed AND u.state = 'registering' AND u.server_id IS NULL AND u.not_before <= :now
    AND u.destination = :destination AND u.collection = :collection AND i.api = 'v1' AND i.resolved_at IS NOT NULL
ORDER BY u.id LIMIT :limit

-- made_since: the unit that the server made last of those that were sent to a collection after a time
SELECT u.server_id FROM intents AS i CROSS JOIN units AS u ON u.id = i.unit
WHERE i.kind = 'register' AND i.outcome = 'created' AND i.created_at >= :since
    AND u.destination = :destination AND u.collection = :collection AND u.server_id IS NOT NULL
ORDER BY i.id DESC LIMIT 1

-- units_in_doubt_elsewhere: units whose answer was lost, and whose feed goes to another place by now
SELECT id FROM units WHERE feed = :feed AND state = 'registering' AND server_id IS NULL
    AND NOT (destination = :destination AND collection = :collection)

-- digests_of_units: what each file of these units is known by, here and on the server
SELECT uf.unit, uf.spec, c.md5, c.sha1, c.checksum FROM unit_files AS uf JOIN contents AS c ON c.id = uf.content
WHERE uf.unit IN (SELECT value FROM json_each(:units))

-- bound_files: spec, server's checksum and path of each file of these units
SELECT uf.unit, uf.spec, uf.path, c.checksum FROM unit_files AS uf JOIN contents AS c ON c.id = uf.content
WHERE uf.unit IN (SELECT value FROM json_each(:units)) ORDER BY uf.unit, uf.spec

-- unit_registering: the intent is recorded, the request may go out
UPDATE units SET state = 'registering', code = 'intent', reason = '', moved_at = :now, run = :run
WHERE id = :id AND state = 'ready'

-- add_intent: what is asked of the server, before it is asked
INSERT INTO intents (unit, kind, api, batch, created_at) VALUES (:unit, :kind, :api, :batch, :now)

-- resolve_intents: what became of those of these units
UPDATE intents SET resolved_at = :now, outcome = :outcome
WHERE unit IN (SELECT value FROM json_each(:units)) AND kind = :kind AND resolved_at IS NULL

-- lacked_before: whether the server said before that it lacks a content of this unit
SELECT 1 FROM history WHERE kind = 'unit' AND ref = :unit AND code = 'lacking' LIMIT 1

-- unit_created: the server has the unit; with a project it still lacks its task
UPDATE units SET server_id = :server_id, outcome = :outcome, code = :outcome, reason = '', attempts = 0, not_before = 0,
    approved = 0, state = CASE WHEN :task THEN 'registering' ELSE 'registered' END,
    registered_at = CASE WHEN :task THEN NULL ELSE :now END,
    decide_at = CASE WHEN :task THEN decide_at WHEN decide_at IS NULL THEN NULL ELSE 0 END,
    moved_at = :now, run = :run
WHERE id = :id AND state IN ('registering', 'ready')

-- unit_unsent: the request did not change anything: the unit goes with a later one
UPDATE units SET state = 'ready', code = :code, reason = :reason, attempts = attempts + :failed,
    not_before = :not_before, decide_at = 0, moved_at = :now, run = :run
WHERE id = :id AND state = 'registering'

-- units_without_task: units created at this destination whose task is to be asked for; since when they may have one
SELECT u.id, u.key, u.server_id, u.attempts, u.reason, u.approved, u.moved_at, coalesce((
    SELECT max(i.created_at) FROM intents AS i
    WHERE i.unit = u.id AND i.kind = 'task' AND i.api = 'v1' AND i.outcome = 'unknown'),
    (SELECT 0 FROM found_units AS f WHERE f.unit = u.id)) AS doubted_at FROM units AS u
WHERE u.feed = :feed AND u.state = 'registering' AND u.server_id IS NOT NULL AND u.not_before <= :now
    AND u.destination = :destination
    AND NOT EXISTS (SELECT 1 FROM intents AS i WHERE i.unit = u.id AND i.resolved_at IS NULL)
ORDER BY u.id LIMIT :limit

-- doubt_tasks: units that the server has and that lack their task: it may have been asked for through v1
INSERT INTO intents (unit, kind, api, batch, created_at, resolved_at, outcome)
SELECT id, 'task', 'v1', '', 0, 0, 'unknown' FROM units WHERE state IN ('registering', 'held') AND server_id IS NOT NULL

-- unit_tasked: the unit exists and its task too, or none is wanted any more
UPDATE units SET state = 'registered', code = :code, reason = '', attempts = 0, not_before = 0, registered_at = :now,
    decide_at = CASE WHEN decide_at IS NULL THEN NULL ELSE 0 END, moved_at = :now, run = :run
WHERE id = :id AND state = 'registering'

-- ask_later: the unit stays where it is: the same is asked for again later
UPDATE units SET attempts = attempts + :failed, not_before = :not_before, reason = :reason WHERE id = :id

-- answers_awaited_anew: units and tasks whose answer was lost are not asked for before :not_before
UPDATE units SET not_before = max(not_before, :not_before) WHERE feed = :feed AND state = 'registering'

-- asked_long_ago: requests from the future: the server may have done them at any time
UPDATE intents SET created_at = 0 WHERE created_at > :now AND unit IN (
    SELECT id FROM units WHERE feed = :feed AND state = 'registering')

-- units_due_by: no unit waits for its next attempt longer than until :latest
UPDATE units SET not_before = :latest WHERE feed = :feed AND state IN ('ready', 'registering') AND not_before > :latest

-- decisions_due_by: no unit waits for what it lacks longer than until :latest
UPDATE units SET decide_at = min(decide_at, :latest), changed_at = min(changed_at, :now)
WHERE feed = :feed AND decide_at IS NOT NULL AND (decide_at > :latest OR changed_at > :now)

-- open_intents: what was in flight when the last process ended
SELECT i.id, i.unit, i.kind, i.api, u.key, u.server_id FROM intents AS i CROSS JOIN units AS u ON u.id = i.unit
WHERE u.feed = :feed AND i.resolved_at IS NULL
