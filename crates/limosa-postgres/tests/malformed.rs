//! What a server sends is not trusted.

mod common;

use limosa_testkit::damage::damaged_answers_are_errors;

const TABLES: &str = "create table a (i bigint primary key, n numeric, t text, b bytea, d date, ts timestamptz, j jsonb, u uuid, f float8, a int[], v interval);\
insert into a select i, i / 7.0, repeat('x', i::int % 300), decode('00ff', 'hex'), '2024-02-29', '2024-02-29 12:00:00.5+00', '{\"a\": 1}', gen_random_uuid(), i / 3.0, array[1, null, 3], '1 day 2 hours' from generate_series(1, 300) i;\
create table k (x text, y varchar(10)); insert into k values ('a', null), (null, 'b'); create view v as select i from a;";

#[test]
fn damaged_answers_are_no_more_than_errors() {
    let (url, engine) = common::database(TABLES);
    drop(engine);
    let port = limosa_testkit::postgres().port();
    damaged_answers_are_errors(port, &|own| {
        let url = url.replace(&format!(":{port}/"), &format!(":{own}/"));
        limosa_postgres::open(&format!("{url}?sslmode=disable"))
    });
}
