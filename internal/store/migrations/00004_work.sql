CREATE TABLE scan (
  id TEXT PRIMARY KEY,
  connector_id TEXT NOT NULL DEFAULT '',
  account TEXT NOT NULL,
  asset_pk BIGINT NOT NULL,
  state TEXT NOT NULL,
  queued_at BIGINT NOT NULL,
  body TEXT NOT NULL
);
CREATE INDEX scan_asset ON scan (asset_pk, queued_at);
CREATE INDEX scan_queued ON scan (queued_at, id);
CREATE INDEX scan_open ON scan (state);

-- What we made, or were about to make, in somebody's account. Rows outlive their scan and its connector.
CREATE TABLE scan_resource (
  seq SERIAL64,
  scan_id TEXT NOT NULL,
  connector_id TEXT NOT NULL,
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  kind TEXT NOT NULL,
  of_id TEXT NOT NULL,
  id TEXT NOT NULL DEFAULT '',
  state TEXT NOT NULL,
  detail TEXT NOT NULL DEFAULT '',
  created_at BIGINT NOT NULL,
  deleted_at BIGINT NOT NULL DEFAULT 0,
  UNIQUE (scan_id, kind, of_id)
);
CREATE INDEX scan_resource_open ON scan_resource (account, region) WHERE deleted_at = 0;

CREATE TABLE feed (
  name TEXT PRIMARY KEY,
  tried_at BIGINT NOT NULL,
  error TEXT NOT NULL DEFAULT '',
  body TEXT NOT NULL
);

-- The queue's own record of each job; the queue behind it may forget and reuse its ids.
CREATE TABLE job_run (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  job_key TEXT NOT NULL DEFAULT '',
  queue_id BIGINT NOT NULL DEFAULT 0,
  state TEXT NOT NULL,
  args TEXT NOT NULL,
  priority SMALLINT NOT NULL,
  attempt BIGINT NOT NULL DEFAULT 0,
  max_attempts BIGINT NOT NULL,
  worker TEXT NOT NULL DEFAULT '',
  stage TEXT NOT NULL DEFAULT '',
  done BIGINT NOT NULL DEFAULT 0,
  total BIGINT NOT NULL DEFAULT 0,
  error TEXT NOT NULL DEFAULT '',
  cancel_at BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  started_at BIGINT NOT NULL DEFAULT 0,
  ended_at BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX job_run_unique ON job_run (kind, job_key) WHERE ended_at = 0 AND job_key <> '';
CREATE INDEX job_run_created ON job_run (created_at, id);
CREATE INDEX job_run_state ON job_run (state);

CREATE TABLE job_worker (
  id TEXT PRIMARY KEY,
  beat_at BIGINT NOT NULL
);

CREATE TABLE job_schedule (
  name TEXT PRIMARY KEY,
  next_at BIGINT NOT NULL
);
