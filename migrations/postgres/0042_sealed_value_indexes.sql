-- Home, /api/status and /metrics count the sealed values of each key. Few rows of these tables have one.
CREATE INDEX information_password ON information (scope, value) WHERE label = 'smtp_password';
CREATE INDEX revision_password ON revision (scope, number, password) WHERE password IS NOT NULL;
