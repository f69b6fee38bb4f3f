CREATE TABLE t (id INTEGER PRIMARY KEY, txt TEXT);
INSERT INTO t VALUES (1, 'plain'), (2, 'a' || char(0) || 'b');
