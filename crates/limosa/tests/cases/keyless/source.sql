CREATE TABLE log_line (who varchar(20), what varchar(20));
INSERT INTO log_line VALUES ('a', 'x'), ('a', 'x'), ('a', 'x'), (NULL, NULL), ('', '');
