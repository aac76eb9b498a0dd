-- The state store as schema version 1 made it, with one record: what an upgrade has
-- to migrate. It stays as it is when the schema changes.
PRAGMA journal_mode=WAL;
CREATE TABLE certificates(digest BLOB PRIMARY KEY, der BLOB NOT NULL, last_seen INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE observations(destination TEXT NOT NULL, mx TEXT NOT NULL, cert BLOB NOT NULL, authenticated_by TEXT NOT NULL, spki BLOB NOT NULL, names TEXT NOT NULL, not_after INTEGER, protocol TEXT NOT NULL, first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL, count INTEGER NOT NULL, PRIMARY KEY(destination,mx,cert,authenticated_by)) WITHOUT ROWID;
CREATE INDEX observations_seen ON observations(last_seen);
CREATE TABLE verdicts(id INTEGER PRIMARY KEY, at INTEGER NOT NULL, queue_id TEXT NOT NULL, destination TEXT NOT NULL, decision TEXT NOT NULL, record TEXT NOT NULL, chain BLOB NOT NULL);
CREATE INDEX verdicts_at ON verdicts(at);
CREATE INDEX verdicts_queue_id ON verdicts(queue_id) WHERE queue_id<>'';
CREATE INDEX verdicts_destination ON verdicts(destination,at);
INSERT INTO verdicts(at,queue_id,destination,decision,record,chain)
  VALUES(1790000000,'4Zb1cD2eF3z','old.test','defer','{}',x'');
PRAGMA application_id=1349473140;
PRAGMA user_version=1;
