//! What a server sends is not trusted.

mod common;

use limosa_testkit::damage::damaged_answers_are_errors;

const TABLES: &str = "create table a (i bigint primary key, n decimal(20,6), t text, b varbinary(20), d date, ts datetime(6), j json, f double, y year, e enum('x','y'), s set('p','q'), bi bit(9));\
insert into a with recursive r (i) as (select 1 union all select i + 1 from r where i < 300) select i, i / 7, repeat('x', i % 300), x'00ff', '2024-02-29', '2024-02-29 12:00:00.5', '{\"a\": 1}', i / 3, 2024, 'y', 'p,q', b'101' from r;\
create table k (x text, y varchar(10)); insert into k values ('a', null), (null, 'b'); create view v as select i from a;";

#[test]
fn damaged_answers_are_no_more_than_errors() {
    let (engine, url) = common::open(TABLES);
    drop(engine);
    let port = limosa_testkit::mariadb().port();
    damaged_answers_are_errors(port, &|own| {
        let url = url.replace(&format!(":{port}/"), &format!(":{own}/"));
        limosa_mysql::open(&format!("{url}?ssl-mode=DISABLED&get-server-public-key=1"))
    });
}
