CREATE TABLE customer (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    email VARCHAR(100) UNIQUE,
    active BOOLEAN NOT NULL DEFAULT 1,
    photo BLOB,
    since DATE
);
CREATE TABLE sale (
    id INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL REFERENCES customer(id),
    amount DECIMAL(12,2) NOT NULL DEFAULT 0,
    weight REAL,
    quantity INTEGER NOT NULL CHECK (quantity > 0),
    sold_at DATETIME NOT NULL,
    note TEXT
);
CREATE INDEX sale_by_customer ON sale(customer_id, sold_at);
INSERT INTO customer VALUES
    (1, 'Åsa 🌞', 'asa@example.org', 1, x'00ff10', '2001-02-28'),
    (2, 'O''Hara \ "quoted"', NULL, 0, x'', NULL),
    (3, '札幌', 'sapporo@example.org', 1, NULL, '1969-12-31'),
    (-7, 'negative', '', 1, NULL, '9999-12-31');
INSERT INTO sale VALUES
    (1, 1, 12345678.9, 0.1, 1, '2024-02-29 23:59:59', 'a' || char(10) || 'b' || char(9) || 'c'),
    (2, 1, -0.01, -1e-10, 10, '1970-01-01 00:00:00', ''),
    (3, 3, 0, NULL, 100, '2038-01-19 03:14:08', NULL);
