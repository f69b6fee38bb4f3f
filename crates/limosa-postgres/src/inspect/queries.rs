//! The questions to the catalog: fixed texts, one per kind of object, none per table.
//!
//! `search_path` is `pg_catalog`, so names need no namespace here and `format_type` and
//! `pg_get_expr` qualify everything of the user's. None of them locks a user's table.

/// Namespaces that are the user's.
macro_rules! user_schema {
    () => {
        "n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'limosa')"
    };
}

/// Not made by an extension.
macro_rules! own {
    ($class:literal, $oid:literal) => {
        concat!(
            " AND NOT EXISTS (SELECT 1 FROM pg_depend x WHERE x.classid = '",
            $class,
            "'::regclass AND x.objid = ",
            $oid,
            " AND x.deptype = 'e')"
        )
    };
}

/// Tables that are listed: ordinary and partitioned ones, no partitions, not ours.
macro_rules! listed {
    () => {
        concat!(
            user_schema!(),
            " AND c.relname !~ '^limosa_' AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'",
            own!("pg_class", "c.oid")
        )
    };
}

/// A statement that makes a trigger, and sets it to what it is where that is not what a new one is.
macro_rules! trigger_text {
    () => {
        "pg_get_triggerdef(g.oid) || CASE g.tgenabled WHEN 'O' THEN '' ELSE '; ALTER TABLE ' || g.tgrelid::regclass || \
         CASE g.tgenabled WHEN 'D' THEN ' DISABLE' WHEN 'R' THEN ' ENABLE REPLICA' ELSE ' ENABLE ALWAYS' END || ' TRIGGER ' || quote_ident(g.tgname) END"
    };
}

pub(super) const SETTINGS: &str = "\
SELECT (SELECT datcollate FROM pg_database WHERE datname = current_database()), \
  length(split_part(1::money::numeric::text, '.', 2)), \
  current_setting('server_encoding'), current_setting('block_size')::bigint";

pub(super) const TABLES: &str = concat!(
    "SELECT c.oid, n.nspname, c.relname, c.relkind, c.relpersistence, ",
    "obj_description(c.oid, 'pg_class'), ",
    "CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END, ",
    "CASE WHEN c.relkind = 'p' THEN (SELECT sum(greatest(l.reltuples, 0)) FROM pg_partition_tree(c.oid) p JOIN pg_class l ON l.oid = p.relid WHERE p.isleaf) ",
    "  WHEN c.reltuples < 0 OR (c.reltuples = 0 AND c.relpages = 0) THEN NULL ELSE c.reltuples END::bigint, ",
    "CASE WHEN c.relkind = 'p' THEN (SELECT sum(l.relpages::bigint) FROM pg_partition_tree(c.oid) p JOIN pg_class l ON l.oid = p.relid WHERE p.isleaf) ",
    "  ELSE c.relpages::bigint + coalesce((SELECT o.relpages FROM pg_class o WHERE o.oid = c.reltoastrelid), 0) END, ",
    "(SELECT string_agg(i.inhparent::regclass::text, ', ') FROM pg_inherits i WHERE i.inhrelid = c.oid), ",
    // Parts of parts too, each after what it is a part of.
    "CASE WHEN c.relkind = 'p' THEN (SELECT json_agg(json_build_array(pn.nspname, pc.relname, ",
    "    'PARTITION OF ' || p.parentrelid::regclass || ' ' || pg_get_expr(pc.relpartbound, pc.oid) || CASE WHEN pc.relkind = 'p' THEN ' PARTITION BY ' || pg_get_partkeydef(pc.oid) ELSE '' END, pc.relkind) ORDER BY p.level, pc.oid) ",
    "  FROM pg_partition_tree(c.oid) p JOIN pg_class pc ON pc.oid = p.relid JOIN pg_namespace pn ON pn.oid = pc.relnamespace WHERE p.level > 0) END ",
    "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ",
    listed!(),
    " ORDER BY n.nspname, c.relname"
);

pub(super) const COLUMNS: &str = concat!(
    "SELECT a.attrelid, a.attname, a.atttypid, a.atttypmod, format_type(a.atttypid, a.atttypmod), a.attnotnull, ",
    "a.attidentity, a.attgenerated, pg_get_expr(d.adbin, d.adrelid), ",
    "CASE WHEN a.attcollation <> t.typcollation AND l.collname <> 'default' THEN quote_ident(ln.nspname) || '.' || quote_ident(l.collname) END, ",
    "l.collisdeterministic, col_description(a.attrelid, a.attnum), ",
    "s.oid, s.nspname, s.relname, s.seqincrement, s.uses ",
    "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace ",
    "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ",
    "JOIN pg_type t ON t.oid = a.atttypid ",
    "LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum ",
    "LEFT JOIN pg_collation l ON l.oid = a.attcollation LEFT JOIN pg_namespace ln ON ln.oid = l.collnamespace ",
    "LEFT JOIN LATERAL (SELECT sc.oid, sn.nspname, sc.relname, q.seqincrement, ",
    "    EXISTS (SELECT 1 FROM pg_depend u WHERE u.classid = 'pg_attrdef'::regclass AND u.objid = d.oid AND u.refclassid = 'pg_class'::regclass AND u.refobjid = sc.oid) AS uses ",
    "  FROM pg_depend o JOIN pg_class sc ON sc.oid = o.objid AND sc.relkind = 'S' JOIN pg_namespace sn ON sn.oid = sc.relnamespace JOIN pg_sequence q ON q.seqrelid = sc.oid ",
    "  WHERE o.classid = 'pg_class'::regclass AND o.refclassid = 'pg_class'::regclass AND o.refobjid = a.attrelid AND o.refobjsubid = a.attnum AND o.deptype IN ('a', 'i') ",
    "  ORDER BY o.deptype DESC, sc.oid LIMIT 1) s ON true ",
    "WHERE ",
    listed!(),
    " ORDER BY a.attrelid, a.attnum"
);

pub(super) const CONSTRAINTS: &str = concat!(
    "SELECT k.conrelid, k.conname, k.contype, ",
    "(SELECT json_agg(a.attname ORDER BY u.o) FROM unnest(k.conkey) WITH ORDINALITY u(n, o) JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.n), ",
    "fn.nspname, fc.relname, ",
    "(SELECT json_agg(a.attname ORDER BY u.o) FROM unnest(k.confkey) WITH ORDINALITY u(n, o) JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.n), ",
    "k.confdeltype, k.confupdtype, k.confmatchtype, k.condeferrable, k.condeferred, k.convalidated, ",
    "pg_get_expr(k.conbin, k.conrelid), ",
    "pg_get_constraintdef(k.oid), coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::bool, false), coalesce(i.indnatts <> i.indnkeyatts, false), ",
    "coalesce((to_jsonb(k) ->> 'conperiod')::bool, false), k.connoinherit ",
    "FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace ",
    "LEFT JOIN pg_index i ON i.indexrelid = k.conindid AND k.contype IN ('p', 'u') ",
    "LEFT JOIN pg_class fc ON fc.oid = k.confrelid LEFT JOIN pg_namespace fn ON fn.oid = fc.relnamespace ",
    // Constraints that stand in for a foreign key to one partition have a parent of the same table.
    "WHERE k.contype IN ('p', 'u', 'f', 'c', 'x') AND (k.conparentid = 0 OR k.contype <> 'f') AND ",
    listed!(),
    " ORDER BY k.conrelid, k.conname"
);

pub(super) const INDEXES: &str = concat!(
    "SELECT i.indrelid, ic.relname, i.indisunique, am.amname, i.indisvalid, pg_get_expr(i.indpred, i.indrelid), ",
    "coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::bool, false), ",
    "(SELECT json_agg(json_build_object('column', a.attname, 'text', pg_get_indexdef(i.indexrelid, k, false), 'option', i.indoption[k - 1], ",
    "   'collation', CASE WHEN i.indcollation[k - 1] <> 0 AND i.indcollation[k - 1] IS DISTINCT FROM a.attcollation AND l.collname <> 'default' THEN quote_ident(ln.nspname) || '.' || quote_ident(l.collname) END, ",
    "   'class', CASE WHEN NOT o.opcdefault OR ia.attoptions IS NOT NULL THEN quote_ident(opn.nspname) || '.' || quote_ident(o.opcname) || coalesce('(' || array_to_string(ia.attoptions, ', ') || ')', '') END) ORDER BY k) ",
    "  FROM generate_series(1, i.indnkeyatts) k LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k - 1] AND i.indkey[k - 1] <> 0 ",
    "  JOIN pg_attribute ia ON ia.attrelid = i.indexrelid AND ia.attnum = k ",
    "  LEFT JOIN pg_collation l ON l.oid = i.indcollation[k - 1] LEFT JOIN pg_namespace ln ON ln.oid = l.collnamespace ",
    "  JOIN pg_opclass o ON o.oid = i.indclass[k - 1] JOIN pg_namespace opn ON opn.oid = o.opcnamespace), ",
    "(SELECT json_agg(a.attname ORDER BY k) FROM generate_series(i.indnkeyatts + 1, i.indnatts) k JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k - 1]), ",
    "pg_indexam_has_property(am.oid, 'can_order') ",
    "FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid JOIN pg_am am ON am.oid = ic.relam ",
    "JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace ",
    "WHERE NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')) AND ",
    listed!(),
    " ORDER BY i.indrelid, ic.relname"
);

pub(super) const TRIGGERS: &str = concat!(
    "SELECT g.tgrelid, g.tgname, ",
    trigger_text!(),
    " ",
    "FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace ",
    "WHERE NOT g.tgisinternal AND g.tgname !~ '^limosa_' AND ",
    listed!(),
    " ORDER BY g.tgrelid, g.tgname"
);

pub(super) const VIEWS: &str = concat!(
    "SELECT c.oid, n.nspname, c.relname, c.relkind = 'm', pg_get_viewdef(c.oid), ",
    "(SELECT json_agg(DISTINCT d.refobjid::bigint) FROM pg_rewrite r JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> c.oid WHERE r.ev_class = c.oid), ",
    "array_to_string(c.reloptions, ', ') ",
    "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('v', 'm') AND ",
    user_schema!(),
    " AND c.relname !~ '^limosa_'",
    own!("pg_class", "c.oid"),
    " ORDER BY n.nspname, c.relname"
);

pub(super) const SEQUENCES: &str = concat!(
    "SELECT c.oid, n.nspname, c.relname, q.seqstart, q.seqincrement, q.seqmin, q.seqmax, q.seqcycle, ",
    "has_sequence_privilege(c.oid, 'SELECT') ",
    "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_sequence q ON q.seqrelid = c.oid ",
    "WHERE c.relkind = 'S' AND c.relpersistence <> 't' AND ",
    user_schema!(),
    own!("pg_class", "c.oid"),
    " ORDER BY n.nspname, c.relname"
);

pub(super) const NAMED_TYPES: &str = concat!(
    "SELECT t.oid, n.nspname, t.typname, t.typtype, format_type(t.typbasetype, t.typtypmod), t.typnotnull, ",
    "CASE WHEN t.typtype = 'd' THEN t.typdefault END, ",
    "(SELECT json_agg(json_build_array(k.conname, pg_get_expr(k.conbin, 0)) ORDER BY k.conname) FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c'), ",
    "t.typbasetype, t.typtypmod, ",
    "CASE t.typtype WHEN 'c' THEN (SELECT 'CREATE TYPE ' || quote_ident(n.nspname) || '.' || quote_ident(t.typname) || ' AS (' || string_agg(quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum) || ')' FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped) ",
    " WHEN 'r' THEN (SELECT 'CREATE TYPE ' || quote_ident(n.nspname) || '.' || quote_ident(t.typname) || ' AS RANGE (SUBTYPE = ' || format_type(r.rngsubtype, NULL) || ')' FROM pg_range r WHERE r.rngtypid = t.oid) END ",
    "FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace LEFT JOIN pg_class c ON c.oid = t.typrelid ",
    "WHERE (t.typtype IN ('e', 'd', 'r') OR (t.typtype = 'c' AND c.relkind = 'c') OR (t.typtype = 'b' AND t.typcategory <> 'A')) AND ",
    user_schema!(),
    own!("pg_type", "t.oid"),
    " ORDER BY n.nspname, t.typname"
);

pub(super) const ROUTINES: &str = concat!(
    "SELECT n.nspname, p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')', ",
    "CASE p.prokind WHEN 'a' THEN 'aggregate' WHEN 'p' THEN 'procedure' WHEN 'w' THEN 'window function' ELSE 'function' END, ",
    "CASE WHEN p.prokind IN ('f', 'p', 'w') THEN pg_get_functiondef(p.oid) ELSE ",
    // Plain aggregates are few words; others are named without text.
    "(SELECT 'CREATE AGGREGATE ' || quote_ident(n.nspname) || '.' || quote_ident(p.proname) || '(' || pg_get_function_identity_arguments(p.oid) || ') (SFUNC = ' || a.aggtransfn || ', STYPE = ' || format_type(a.aggtranstype, NULL) ",
    " || CASE WHEN a.aggfinalfn <> 0 THEN ', FINALFUNC = ' || a.aggfinalfn ELSE '' END || coalesce(', INITCOND = ' || quote_literal(a.agginitval), '') || ')' ",
    " FROM pg_aggregate a WHERE a.aggfnoid = p.oid AND a.aggkind = 'n' AND a.aggmtransfn = 0 AND a.aggcombinefn = 0 AND a.aggsortop = 0) END ",
    "FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE ",
    user_schema!(),
    " AND p.proname !~ '^limosa_'",
    own!("pg_proc", "p.oid"),
    " UNION ALL SELECT n.nspname, e.extname, 'extension', 'CREATE EXTENSION IF NOT EXISTS ' || quote_ident(e.extname) || ' WITH SCHEMA ' || quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname <> 'plpgsql'",
    " UNION ALL SELECT n.nspname, l.collname, 'collation', NULL FROM pg_collation l JOIN pg_namespace n ON n.oid = l.collnamespace WHERE ",
    user_schema!(),
    own!("pg_collation", "l.oid"),
    " UNION ALL SELECT n.nspname, o.oprname || '(' || format_type(o.oprleft, NULL) || ',' || format_type(o.oprright, NULL) || ')', 'operator', NULL FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace WHERE ",
    user_schema!(),
    own!("pg_operator", "o.oid"),
    " UNION ALL SELECT n.nspname, s.cfgname, 'text search configuration', NULL FROM pg_ts_config s JOIN pg_namespace n ON n.oid = s.cfgnamespace WHERE ",
    user_schema!(),
    own!("pg_ts_config", "s.oid"),
    " UNION ALL SELECT '', e.evtname, 'event trigger', NULL FROM pg_event_trigger e WHERE e.evtname !~ '^limosa_'",
    own!("pg_event_trigger", "e.oid"),
    // What a table has that the neutral schema has no nouns for.
    " UNION ALL SELECT n.nspname, c.relname || '.' || k.conname, 'constraint of a table', 'ALTER TABLE ' || k.conrelid::regclass || ' ADD CONSTRAINT ' || quote_ident(k.conname) || ' ' || pg_get_constraintdef(k.oid) FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE (k.contype = 'x' OR coalesce((to_jsonb(k) ->> 'conperiod')::bool, false)) AND ",
    listed!(),
    " UNION ALL SELECT n.nspname, c.relname || '.' || r.rulename, 'rule of a table', pg_get_ruledef(r.oid) || CASE r.ev_enabled WHEN 'O' THEN '' ELSE ' ALTER TABLE ' || r.ev_class::regclass || CASE r.ev_enabled WHEN 'D' THEN ' DISABLE' WHEN 'R' THEN ' ENABLE REPLICA' ELSE ' ENABLE ALWAYS' END || ' RULE ' || quote_ident(r.rulename) END FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace WHERE r.rulename <> '_RETURN' AND c.relkind IN ('r', 'p', 'v') AND c.relname !~ '^limosa_' AND ",
    user_schema!(),
    own!("pg_class", "c.oid"),
    " UNION ALL SELECT n.nspname, c.relname || '.' || y.polname, 'policy of a table', 'CREATE POLICY ' || quote_ident(y.polname) || ' ON ' || y.polrelid::regclass || CASE WHEN y.polpermissive THEN '' ELSE ' AS RESTRICTIVE' END || ' FOR ' || CASE y.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END || ' TO ' || (SELECT string_agg(CASE u.r WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(u.r)) END, ', ') FROM unnest(y.polroles) u(r)) || coalesce(' USING (' || pg_get_expr(y.polqual, y.polrelid) || ')', '') || coalesce(' WITH CHECK (' || pg_get_expr(y.polwithcheck, y.polrelid) || ')', '') FROM pg_policy y JOIN pg_class c ON c.oid = y.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ",
    user_schema!(),
    own!("pg_class", "c.oid"),
    " UNION ALL SELECT n.nspname, c.relname, 'row security of a table', array_to_string(ARRAY[CASE WHEN c.relrowsecurity THEN 'ALTER TABLE ' || c.oid::regclass || ' ENABLE ROW LEVEL SECURITY' END, CASE WHEN c.relforcerowsecurity THEN 'ALTER TABLE ' || c.oid::regclass || ' FORCE ROW LEVEL SECURITY' END], '; ') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') AND (c.relrowsecurity OR c.relforcerowsecurity) AND ",
    user_schema!(),
    own!("pg_class", "c.oid"),
    // What stands on one partition alone, on a materialized view or on a view: the tables' lists do not have it.
    " UNION ALL SELECT n.nspname, ic.relname, CASE c.relkind WHEN 'm' THEN 'index of a materialized view' ELSE 'index of a partition' END, pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE (c.relkind = 'm' OR c.relispartition) AND c.relkind IN ('r', 'p', 'm') AND NOT EXISTS (SELECT 1 FROM pg_inherits h WHERE h.inhrelid = i.indexrelid) AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')) AND ",
    user_schema!(),
    own!("pg_class", "c.oid"),
    " UNION ALL SELECT n.nspname, c.relname || '.' || k.conname, 'constraint of a partition', 'ALTER TABLE ' || k.conrelid::regclass || ' ADD CONSTRAINT ' || quote_ident(k.conname) || ' ' || pg_get_constraintdef(k.oid) FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relispartition AND c.relkind IN ('r', 'p') AND k.contype IN ('p', 'u', 'f', 'c', 'x') AND k.conparentid = 0 AND k.coninhcount = 0 AND ",
    user_schema!(),
    own!("pg_class", "c.oid"),
    " UNION ALL SELECT n.nspname, c.relname || '.' || g.tgname, 'trigger', ",
    trigger_text!(),
    " FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE NOT g.tgisinternal AND g.tgname !~ '^limosa_' AND (c.relkind = 'v' OR c.relispartition) AND coalesce(to_jsonb(g) ->> 'tgparentid', '0') = '0' AND ",
    user_schema!(),
    own!("pg_class", "c.oid"),
    " UNION ALL SELECT '', p.pubname, 'publication', NULL FROM pg_publication p WHERE p.pubname !~ '^limosa_'",
    " ORDER BY 1, 2"
);

/// What is seen and not described: one sentence each.
pub(super) const NOTES: &str = concat!(
    "SELECT 'foreign table ' || n.nspname || '.' || c.relname || ' is not copied' FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'f' AND NOT c.relispartition AND ",
    user_schema!(),
    own!("pg_class", "c.oid"),
    " UNION ALL SELECT 'there are large objects (pg_largeobject); they are not copied' WHERE EXISTS (SELECT 1 FROM pg_largeobject_metadata)",
    " UNION ALL SELECT 'partition ' || n.nspname || '.' || c.relname || ' is a foreign table' FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'f' AND c.relispartition AND ",
    user_schema!(),
    " ORDER BY 1"
);
