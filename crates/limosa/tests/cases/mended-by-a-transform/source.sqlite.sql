CREATE TABLE t (id INTEGER PRIMARY KEY, d date NOT NULL, n varchar(20) NOT NULL, q int);
INSERT INTO t VALUES (1, '2024-02-29', 'a', 1), (2, '0000-00-00', 'b', 2), (3, '2024-00-10', 'x', 'many');
