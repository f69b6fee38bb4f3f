CREATE TABLE t (id bigint PRIMARY KEY, small smallint, big bigint, x double precision, y real, txt text, d date, ts timestamp(6), tz timestamptz, n numeric(30,10), b bytea, u uuid, ok boolean);
INSERT INTO t VALUES
 (1, 32767, 9223372036854775807, 1.7976931348623157e308, 3.4028235e38, '', '9999-12-31', '9999-12-31 23:59:59.999999', '2037-12-31 23:59:59.999999+00', 99999999999999999999.9999999999, '\x00', 'ffffffff-ffff-ffff-ffff-ffffffffffff', true),
 (2, -32768, -9223372036854775808, 5e-324, 1e-45, '🏳️‍🌈', '1000-01-01', '1000-01-01 00:00:00', '1970-01-02 00:00:00+05', -0.0000000001, decode(repeat('00', 100000), 'hex'), '00000000-0000-0000-0000-000000000000', false),
 (9223372036854775806, NULL, 0, 0.1, 0.1, repeat('x', 100000), NULL, NULL, NULL, 0, NULL, NULL, NULL);
