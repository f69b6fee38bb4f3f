CREATE TABLE customer (
    id int NOT NULL AUTO_INCREMENT PRIMARY KEY,
    name text NOT NULL,
    email varchar(100) UNIQUE,
    active tinyint(1) NOT NULL DEFAULT 1,
    photo blob,
    since date
) DEFAULT CHARSET = utf8mb4;
CREATE TABLE sale (
    id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
    customer_id int NOT NULL,
    amount decimal(12,2) NOT NULL DEFAULT 0,
    weight double,
    quantity smallint NOT NULL CHECK (quantity > 0),
    sold_at datetime(6) NOT NULL,
    note text,
    KEY sale_by_customer (customer_id, sold_at),
    CONSTRAINT sale_customer FOREIGN KEY (customer_id) REFERENCES customer(id)
) DEFAULT CHARSET = utf8mb4;
INSERT INTO customer VALUES
    (1, 'Åsa 🌞', 'asa@example.org', 1, x'00ff10', '2001-02-28'),
    (2, 'O''Hara \\ "quoted"', NULL, 0, '', NULL),
    (3, '札幌', 'sapporo@example.org', 1, NULL, '1969-12-31'),
    (-7, 'negative', '', 1, NULL, '9999-12-31');
INSERT INTO sale VALUES
    (1, 1, 12345678.9, 0.1, 1, '2024-02-29 23:59:59.123456', 'a\nb\tc'),
    (2, 1, -0.01, -1e-10, 10, '1970-01-01 00:00:00', ''),
    (3, 3, 0, NULL, 100, '2038-01-19 03:14:08', NULL);
