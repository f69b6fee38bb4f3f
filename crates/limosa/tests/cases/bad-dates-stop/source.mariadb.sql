SET sql_mode = '';
CREATE TABLE t (id int PRIMARY KEY, d date NOT NULL);
INSERT INTO t VALUES (1, '2024-02-29'), (2, '0000-00-00'), (3, '2024-00-10');
