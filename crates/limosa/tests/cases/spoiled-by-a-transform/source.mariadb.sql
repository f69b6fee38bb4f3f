CREATE TABLE t (id int PRIMARY KEY, b varbinary(10)); INSERT INTO t VALUES (1, x'61'), (2, x'6100');
