-- A queue from which events come. The counts add up over all workers.
CREATE TABLE stream_queue (
  id TEXT PRIMARY KEY,
  url TEXT NOT NULL UNIQUE,
  body TEXT NOT NULL,
  received BIGINT NOT NULL DEFAULT 0,
  handled BIGINT NOT NULL DEFAULT 0,
  strange BIGINT NOT NULL DEFAULT 0,
  duplicate BIGINT NOT NULL DEFAULT 0,
  malformed BIGINT NOT NULL DEFAULT 0,
  failed BIGINT NOT NULL DEFAULT 0,
  odd BIGINT NOT NULL DEFAULT 0,
  oldest_secs BIGINT NOT NULL DEFAULT 0,
  last_at BIGINT NOT NULL DEFAULT 0,
  fault TEXT NOT NULL DEFAULT '',
  fault_at BIGINT NOT NULL DEFAULT 0
);

-- What events say must be read again and was not yet. A row that an event names once more gets a new token, so that what was read before does
-- not take it away.
CREATE TABLE stream_pending (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  kind TEXT NOT NULL,
  asset_id TEXT NOT NULL,
  token TEXT NOT NULL,
  at BIGINT NOT NULL,
  tried_at BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (account, region, kind, asset_id)
);
