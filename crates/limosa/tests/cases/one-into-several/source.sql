CREATE TABLE person (id bigint NOT NULL PRIMARY KEY, name varchar(60) NOT NULL, email varchar(60), kind varchar(10) NOT NULL, card varchar(20));
CREATE TABLE place (id bigint NOT NULL PRIMARY KEY, person_id bigint, city varchar(30));
INSERT INTO person VALUES (1, 'Ada Lovelace', 'ada@example.org', 'c', '555500002221111'), (2, 'Max Planck', 'max@example.org', 's', '12'), (3, 'Bøb', NULL, 'c', '1233 4');
INSERT INTO place VALUES (1, 1, 'London'), (2, 2, 'Kiel'), (3, 9, NULL);
