PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE metric_points (seq INTEGER PRIMARY KEY, project_id TEXT NOT NULL, run_id TEXT NOT NULL, key TEXT NOT NULL, step INTEGER NOT NULL, value REAL, logged_us INTEGER NOT NULL);
INSERT INTO "metric_points" VALUES(1,'sample','01a1ff6676cb7c42851d62037e7a0a95','auc',1,0.7,1795286267633460);
INSERT INTO "metric_points" VALUES(2,'sample','01a1ff6676cb7c42851d62037e7a0a95','auc',2,NULL,1795286267638422);
CREATE INDEX ix_metric_points_run_id_key_step ON metric_points (run_id, key, step);
COMMIT;
