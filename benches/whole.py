"""A whole database in the manner of TPC-H: eight tables with keys, foreign keys and indexes, made around `lineitem`.

Every other table is made in the server from what `lineitem` names, so that each foreign key holds at every number
of rows. Unlike TPC-H, a part's supplier in `lineitem` need not be one of its four in `partsupp`.
"""

WORDS = "(array['carefully','final','ironic','pending','quick','silent','special','unusual'])[1 + hashint8({0} + 64 * n) & 7]"


def words(seed, most):
    """A text of three to `most` words that follows from a number."""
    return f"(select string_agg({WORDS.format(seed)}, ' ') from generate_series(1, 3 + (hashint8({seed}) & 255) % {most - 2}) n)"


TABLES = [
    "create table region as select r r_regionkey, ('REGION ' || r)::char(25) r_name, repeat('r', 60)::varchar(152) r_comment "
    "from generate_series(0, 4) r",
    "create table nation as select n n_nationkey, ('NATION ' || n)::char(25) n_name, n % 5 n_regionkey, repeat('n', 70)::varchar(152) n_comment "
    "from generate_series(0, 24) n",
    f"create table supplier as select s s_suppkey, format('Supplier#%s', lpad(s::text, 9, '0'))::char(25) s_name, "
    f"{words('s', 4)}::varchar(40) s_address, s % 25 s_nationkey, lpad((s * 7919 % 10000000)::text, 15, '0')::char(15) s_phone, "
    f"(s * 37 % 1000000 / 100.0)::decimal(15,2) s_acctbal, {words('s', 9)}::varchar(101) s_comment "
    "from (select generate_series(1, max(l_suppkey)) s from lineitem) x",
    f"create table part as select p p_partkey, {words('p', 5)}::varchar(55) p_name, ('Manufacturer#' || p % 5)::char(25) p_mfgr, "
    f"('Brand#' || p % 25)::char(10) p_brand, upper({words('p + 1', 3)})::varchar(25) p_type, p % 50 + 1 p_size, "
    f"'JUMBO BOX'::char(10) p_container, (900 + p % 1000 / 10.0)::decimal(15,2) p_retailprice, 'part ' || p % 997 p_comment "
    "from (select generate_series(1, max(l_partkey)) p from lineitem) x",
    f"create table partsupp as select p_partkey ps_partkey, ((p_partkey + i * m / 4) % m + 1)::int ps_suppkey, p_partkey * 13 % 9999 + 1 ps_availqty, "
    f"(p_partkey * 3 % 100000 / 100.0)::decimal(15,2) ps_supplycost, {words('p_partkey', 18)}::varchar(199) ps_comment "
    "from part, generate_series(0, 3) i, (select max(s_suppkey) m from supplier) x",
    f"create table customer as select c c_custkey, format('Customer#%s', lpad(c::text, 9, '0'))::varchar(25) c_name, "
    f"{words('c', 4)}::varchar(40) c_address, c % 25 c_nationkey, lpad((c * 7919 % 10000000)::text, 15, '0')::char(15) c_phone, "
    f"(c * 37 % 1000000 / 100.0)::decimal(15,2) c_acctbal, 'BUILDING'::char(10) c_mktsegment, {words('c', 11)}::varchar(117) c_comment "
    "from (select generate_series(1, 1 + max(l_orderkey) / 40) c from lineitem) x",
    f"create table orders as select l_orderkey o_orderkey, 1 + l_orderkey / 40 o_custkey, 'O'::char(1) o_orderstatus, sum(l_extendedprice)::decimal(15,2) o_totalprice, "
    f"min(l_shipdate) - 30 o_orderdate, '3-MEDIUM'::char(15) o_orderpriority, ('Clerk#' || l_orderkey % 1000)::char(15) o_clerk, 0 o_shippriority, "
    f"{words('l_orderkey', 7)}::varchar(79) o_comment from lineitem group by l_orderkey order by l_orderkey",
]
KEYS = {
    "region": "r_regionkey", "nation": "n_nationkey", "supplier": "s_suppkey", "part": "p_partkey",
    "partsupp": "ps_partkey, ps_suppkey", "customer": "c_custkey", "orders": "o_orderkey",
}
FOREIGN_KEYS = {
    "nation": ["n_regionkey region"], "supplier": ["s_nationkey nation"], "customer": ["c_nationkey nation"],
    "partsupp": ["ps_partkey part", "ps_suppkey supplier"], "orders": ["o_custkey customer"],
    "lineitem": ["l_orderkey orders", "l_partkey part", "l_suppkey supplier"],
}
# Those of the foreign keys' columns that no primary key begins with, and two that queries would want.
INDEXES = {
    "nation": ["n_regionkey"], "supplier": ["s_nationkey"], "customer": ["c_nationkey"], "partsupp": ["ps_suppkey"],
    "orders": ["o_custkey", "o_orderdate"], "lineitem": ["l_partkey", "l_suppkey", "l_shipdate"],
}
COUNTS = "select " + ", ".join(f"(select count(*) from {t})" for t in [*KEYS, "lineitem"])
OBJECTS = ("select (select count(*) from pg_index i join pg_class c on c.oid = i.indrelid where c.relkind = 'r' and i.indisvalid "
           "and c.relnamespace = 'public'::regnamespace), (select count(*) from pg_constraint where contype = 'f' and convalidated), "
           "(select (sum(l_extendedprice) * 100)::bigint from lineitem), (select (sum(o_totalprice) * 100)::bigint from orders)")


def make(servers, name, database):
    """Adds the other seven tables, and all keys and indexes, to a database that holds `lineitem` with its primary key."""
    statements = [*TABLES]
    statements += [f"alter table {t} add primary key ({k})" for t, k in KEYS.items()]
    statements += [f"create index on {t} ({c})" for t, columns in INDEXES.items() for c in columns]
    statements += [f"alter table {t} add foreign key ({k.split()[0]}) references {k.split()[1]}" for t, keys in FOREIGN_KEYS.items() for k in keys]
    servers.pg(name, database, *statements, "vacuum analyze")


def facts(servers, name, database):
    """The rows of each table, the indexes and foreign keys, and two sums: what a true copy has as well."""
    return servers.pg(name, database, COUNTS, OBJECTS).split()
