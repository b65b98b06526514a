-- learned_of: what a destination has told of itself
SELECT learned FROM destinations WHERE name = :name

-- keep_learned: what it has told by now
INSERT INTO destinations (name, learned) VALUES (:name, :learned) ON CONFLICT (name) DO UPDATE SET learned = excluded.learned

-- survey_of: when a collection was looked through (0: it is to be again), and what was found
SELECT at, units, silent, rebuilt FROM surveys WHERE destination = :destination AND collection = :collection

-- add_survey: a collection was looked through to its end
INSERT INTO surveys (destination, collection, at, units, silent, rebuilt)
SELECT :destination, :collection, :now, count(*), coalesce(sum(sync_key = '' AND composition = ''), 0), :rebuilt FROM found_units
WHERE destination = :destination AND collection = :collection AND unit IS NULL
ON CONFLICT (destination, collection) DO UPDATE SET at = excluded.at, units = excluded.units, silent = excluded.silent

-- doubt_surveys: every collection that this ledger knows is to be looked through again, for units of its own
INSERT INTO surveys (destination, collection, at, units, silent, rebuilt)
SELECT destination, collection, 0, 0, 0, 1 FROM (
    SELECT destination, collection FROM units UNION SELECT destination, collection FROM surveys) WHERE true
ON CONFLICT (destination, collection) DO UPDATE SET at = 0, rebuilt = 1

-- survey_again: a collection is looked through again; until the end of it nothing counts as found
UPDATE surveys SET at = 0 WHERE destination = :destination AND collection = :collection

-- forget_strangers: what was found in a collection and is none of our units
DELETE FROM found_units WHERE destination = :destination AND collection = :collection AND unit IS NULL

-- known_server_ids: which of these units of a collection are ours
SELECT server_id FROM units WHERE destination = :destination AND collection = :collection
    AND server_id IN (SELECT value FROM json_each(:server_ids))

-- add_found_unit: a unit that the collection has and the ledger does not know
INSERT INTO found_units (destination, collection, server_id, sync_key, composition, key)
VALUES (:destination, :collection, :server_id, :sync_key, :composition, :key)
ON CONFLICT (destination, collection, server_id) DO UPDATE SET sync_key = excluded.sync_key,
    composition = excluded.composition, key = excluded.key

-- found_like: units found with this sync key or composition that are none of ours yet; made_by_us: not those whose meta lacks the key
SELECT server_id, key FROM found_units INDEXED BY found_by_sync_key
WHERE sync_key <> '' AND sync_key = :sync_key
    AND destination = :destination AND collection = :collection AND unit IS NULL
UNION
SELECT server_id, key FROM found_units INDEXED BY found_by_composition
WHERE composition <> '' AND composition IN (SELECT value FROM json_each(:compositions))
    AND (NOT :made_by_us OR key IS NULL)
    AND destination = :destination AND collection = :collection AND unit IS NULL
ORDER BY server_id

-- any_found: whether a collection has units that are none of ours yet
SELECT 1 FROM found_units WHERE destination = :destination AND collection = :collection AND unit IS NULL LIMIT 1

-- take_found: a unit that was found is one of ours
UPDATE found_units SET unit = :unit WHERE destination = :destination AND collection = :collection AND server_id = :server_id

-- let_found_go: what was found for a unit that is forgotten is anyone's again
UPDATE found_units SET unit = NULL WHERE unit = :unit
