//! The language of transforms against a real PostgreSQL: every function, over hostile values.
//!
//! Both sides write their result as text. Where the table of the language says that a meaning differs, the
//! test says how, in [`DIFFERS`]; every other function must have a formula here.

use limosa::engines;
use limosa::settings::Settings;
use limosa::transform::{
    ALIASES, Applied, Input, KeyTrace, LANGUAGE, Lookups, Output, Program, Surroundings,
    TransformPlan,
};
use limosa_core::batch::{Batch, BatchLimit};
use limosa_core::chunk::Range;
use limosa_core::engine::{ColumnRead, TableRead};
use limosa_core::schema::Table;
use limosa_core::value::Value;
use limosa_testkit::{execute_psql, postgres, query_psql};
use std::collections::BTreeSet;

/// Columns and their hostile values; the rows go through each list at its own pace.
const COLUMNS: &[(&str, &str, &[&str])] = &[
    (
        "t",
        "text",
        &[
            "''",
            "' '",
            "'  a b  '",
            "'Abc'",
            "'ÅÄÖ åäö'",
            "'Straße'",
            "'ΑΒΣ αβς'",
            "'😀x😀'",
            "'a%b_c\\d'",
            "'a-b--c'",
            "'--'",
            "'42'",
            "' 7 '",
            "'-0'",
            "'+5'",
            "'1.5'",
            "'1e3'",
            "'true'",
            "'off'",
            "'2024-02-29'",
            "'2023-02-29'",
            "'null'",
            "E'x\\ty\\nz'",
            "NULL",
            "'e\u{301}cole'",
            "'9223372036854775808'",
            "'aaaaaaaaaa'",
            "'{\"a\": [1, \"b\", null], \"n\": 1.50}'",
            "'6ba7b810-9dad-11d1-80b4-00c04fd430c8'",
        ],
    ),
    (
        "s",
        "varchar(5)",
        &["'b'", "'a'", "''", "'-'", "' '", "NULL", "'😀'"],
    ),
    (
        "i",
        "integer",
        &[
            "0",
            "1",
            "-1",
            "2",
            "-7",
            "2147483647",
            "-2147483648",
            "NULL",
            "10",
            "100000",
            "3",
        ],
    ),
    (
        "b",
        "bigint",
        &[
            "0",
            "9223372036854775807",
            "-9223372036854775808",
            "5",
            "-3",
            "NULL",
            "4294967296",
        ],
    ),
    (
        "n",
        "numeric",
        &[
            "0",
            "0.5",
            "-2.5",
            "1.005",
            "-0.0001",
            "12345678901234567890.12",
            "3",
            "NULL",
            "99999.99999",
            "7.0",
            "0.000000000001",
        ],
    ),
    (
        "p",
        "numeric(10,2)",
        &["0.00", "12.50", "-99.99", "NULL", "1.01"],
    ),
    (
        "f",
        "double precision",
        &[
            "0",
            "'-0'",
            "1.5",
            "2.5",
            "-2.5",
            "0.1",
            "1e300",
            "1e-300",
            "'NaN'",
            "'Infinity'",
            "'-Infinity'",
            "NULL",
            "123456789012345680",
            "1e15",
            "0.0001",
            "0.00001",
        ],
    ),
    ("o", "boolean", &["true", "false", "NULL"]),
    (
        "d",
        "date",
        &[
            "'1970-01-01'",
            "'2024-02-29'",
            "'2023-12-31'",
            "'0010-01-01'",
            "'9999-12-31'",
            "'2021-01-03'",
            "NULL",
            "'1969-07-20'",
        ],
    ),
    (
        "m",
        "timestamp",
        &[
            "'1970-01-01 00:00'",
            "'2024-02-29 23:59:59.999999'",
            "'2024-03-31 02:30'",
            "'2024-10-27 02:30'",
            "'1950-06-01 00:00:00'",
            "NULL",
            "'1969-12-31 23:59:59.5'",
            "'2024-01-31 12:00'",
        ],
    ),
    (
        "z",
        "timestamptz",
        &[
            "'1970-01-01 00:00Z'",
            "'2024-06-01 12:34:56.7Z'",
            "'2024-03-31 01:30Z'",
            "NULL",
            "'1900-01-01 00:00Z'",
        ],
    ),
    (
        "c",
        "time",
        &["'00:00'", "'23:59:59.999999'", "'12:30:15.5'", "NULL"],
    ),
    (
        "j",
        "json",
        &[
            "'{}'",
            "'{\"a\":{\"b\":[10,\"x\",null,true]},\"k\":\"v\\u00e9\"}'",
            "'[1,[2,3],{\"a\":\"z\"}]'",
            "'\"text\"'",
            "'3.10'",
            "'null'",
            "NULL",
            "'{\"a\":1,\"a\":2}'",
        ],
    ),
    (
        "u",
        "uuid",
        &[
            "'6ba7b810-9dad-11d1-80b4-00c04fd430c8'",
            "NULL",
            "'ffffffff-ffff-ffff-ffff-ffffffffffff'",
        ],
    ),
    ("x", "bytea", &["''", "'\\x00ff10'", "NULL", "'\\x616263'"]),
];

const ROWS: usize = 58;

/// Formulas that both sides take as they are.
const SAME: &[&str] = &[
    // Conditions and choices.
    "i = b",
    "t = s",
    "n = p",
    "f = i",
    "d = m",
    "u = '6ba7b810-9dad-11d1-80b4-00c04fd430c8'",
    "x = x",
    "o = (i > 0)",
    "z = z",
    "i <> 1",
    "n < p",
    "i <= 0",
    "f > 1",
    "f >= 'NaN'",
    "d < m",
    "n > i",
    "f < n",
    "m >= '2024-01-01'",
    "d = '2024-02-29'",
    "o AND i > 0",
    "o OR i > 0",
    "NOT o",
    "NULL AND o",
    "NULL OR o",
    "t IS NULL",
    "t IS NOT NULL",
    "o IS TRUE",
    "o IS NOT TRUE",
    "o IS FALSE",
    "i IS DISTINCT FROM b",
    "t IS NOT DISTINCT FROM s",
    "i IN (1, 2, NULL)",
    "i NOT IN (1, 2)",
    "t IN ('Abc', '42')",
    "n BETWEEN 0 AND 5",
    "i NOT BETWEEN NULL AND 0",
    "i BETWEEN 5 AND NULL",
    "t LIKE '%b%'",
    "t LIKE 'a\\%b%'",
    "t LIKE '_b_'",
    "t NOT LIKE '%'",
    "t LIKE 'a!%b%' ESCAPE '!'",
    "t LIKE ''",
    "t LIKE '%😀'",
    "s LIKE t",
    "t ILIKE '%ABC%'",
    "coalesce(s, t, 'none')",
    "coalesce(p, i + 0.00)",
    "nullif(i, 1)",
    "nullif(t, s)",
    "CASE WHEN i > 0 THEN 'plus' WHEN i < 0 THEN t END",
    "CASE i WHEN 1 THEN n ELSE 2 END",
    "greatest(i, b, 3)",
    "least(n, i)",
    "greatest(d, '2000-01-01')",
    "least(f, 1)",
    "greatest(f, 'NaN')",
    // Numbers.
    "i + 1",
    "i - b",
    "i * 2",
    "i * i",
    "b + b",
    "b - 1",
    "b * i",
    "i / 2",
    "7 / i",
    "b / i",
    "i % 3",
    "mod(b, 10)",
    "-i",
    "-b",
    "-n",
    "-f",
    "abs(i)",
    "abs(n)",
    "abs(f)",
    "n + p",
    "n - 0.5",
    "n * p",
    "p * p * p",
    "n / 3",
    "n / p",
    "p / n",
    "1 / n",
    "n % 2",
    "mod(n, p)",
    "f + 1",
    "f * 2",
    "f * f",
    "f / 3",
    "1 / f",
    "f - f",
    "i + f",
    "n + f",
    "round(n)",
    "round(n, 2)",
    "round(p, -1)",
    "round(f)",
    "round(n, 0)",
    "trunc(n)",
    "trunc(n, 1)",
    "trunc(f)",
    "floor(n)",
    "floor(f)",
    "ceil(n)",
    "ceiling(f)",
    "round(n, 3)",
    // Casts.
    "CAST(t AS integer)",
    "CAST(t AS bigint)",
    "CAST(t AS numeric)",
    "CAST(n AS integer)",
    "CAST(f AS integer)",
    "CAST(p AS bigint)",
    "CAST(b AS integer)",
    "CAST(i AS smallint)",
    "CAST(n AS numeric(6,1))",
    "CAST(i AS numeric(5,2))",
    "CAST(n AS double precision)",
    "CAST(i AS boolean)",
    "CAST(o AS integer)",
    "CAST(f AS text)",
    "CAST(n AS text)",
    "CAST(d AS text)",
    "CAST(m AS text)",
    "CAST(z AS text)",
    "CAST(c AS text)",
    "CAST(u AS text)",
    "CAST(t AS uuid)",
    "CAST(d AS timestamp)",
    "CAST(m AS date)",
    "CAST(z AS date)",
    "CAST(m AS time)",
    "CAST(m AS timestamp(0))",
    "CAST(z AS timestamp)",
    "CAST(m AS timestamptz)",
    "CAST(d AS timestamptz)",
    "CAST(t AS text)",
    "CAST(j AS text)",
    "CAST(c AS time(3))",
    // Texts.
    "t || s",
    "t || i",
    "concat(t, s, i)",
    "concat(NULL, t)",
    "concat_ws('-', t, NULL, s)",
    "concat_ws(s, 'a', 'b')",
    "length(t)",
    "char_length(t)",
    "octet_length(t)",
    "length(x)",
    "trim(t)",
    "ltrim(t)",
    "rtrim(t)",
    "btrim(t, 'a c')",
    "trim(both 'a' from t)",
    "ltrim(t, s)",
    "rtrim(t, '-c')",
    "substr(t, 2)",
    "substr(t, 2, 3)",
    "substr(t, 0, 2)",
    "substr(t, -1, 3)",
    "substr(t, i, 2)",
    "substr(t, 1, i)",
    "substring(t from 2 for 2)",
    "left(t, 2)",
    "left(t, -2)",
    "right(t, 2)",
    "right(t, -2)",
    "left(t, i % 5)",
    "replace(t, 'a', 'xyz')",
    "replace(t, '', 'x')",
    "replace(t, s, '')",
    "translate(t, 'abc', 'x')",
    "split_part(t, '-', 1)",
    "split_part(t, '-', 2)",
    "split_part(t, '-', -1)",
    "split_part(t, '-', -9)",
    "split_part(t, '', 1)",
    "split_part(t, '', 2)",
    "split_part(t, '-', i)",
    "position('b' IN t)",
    "position('' IN t)",
    "position(s IN t)",
    "strpos(t, '-')",
    "starts_with(t, 'a')",
    "lpad(t, 5)",
    "lpad(t, 3, 'xy')",
    "lpad(t, 8, '')",
    "rpad(t, 5, '-=')",
    "rpad(t, 0)",
    "lpad(t, -1, 'x')",
    "reverse(t)",
    "regexp_replace(t, '[0-9]+', '<\\&>', 'g')",
    "regexp_replace(t, '([a-z])-', '\\1+')",
    "regexp_replace(t, 'B', 'x', 'gi')",
    // Dates and times.
    "d + 1",
    "1 + d",
    "d - 1",
    "d - date '2000-01-01'",
    "d + interval '1 month'",
    "m + interval '1 month'",
    "m - interval '1 year 2 days 03:04:05.5'",
    "z + interval '36 hours'",
    "m - timestamp '2000-01-01 06:00'",
    "z - z",
    "interval '1 day' + interval '2 hours'",
    "date_trunc('month', m)",
    "date_trunc('week', m)",
    "date_trunc('quarter', m)",
    "date_trunc('year', m)",
    "date_trunc('hour', m)",
    "date_trunc('milliseconds', m)",
    "date_trunc('day', z)",
    "make_date(2024, i, 29)",
    "to_char(m, 'YYYY-MM-DD HH24:MI:SS.US')",
    "to_char(d, 'DD Mon YYYY')",
    "to_char(m, 'HH12:MI AM DDD')",
    "to_timestamp(i)",
    "to_timestamp(p)",
    "m AT TIME ZONE 'Europe/Oslo'",
    "z AT TIME ZONE 'Europe/Oslo'",
    "m AT TIME ZONE 'America/New_York'",
    "z AT TIME ZONE 'Asia/Kathmandu'",
    "m AT TIME ZONE 'UTC'",
    // JSON.
    "j -> 'a'",
    "j ->> 'k'",
    "j -> 0",
    "j ->> -1",
    "j -> 'a' -> 'b' ->> 1",
    "j ->> 'none'",
    "json_typeof(j)",
    // Hashes.
    "md5(t)",
    "md5(x)",
    "encode(x, 'hex')",
    "encode(x, 'base64')",
    "encode(decode('00ff', 'hex'), 'hex')",
    "encode(decode(md5(t), 'hex'), 'hex')",
];

/// Formulas that PostgreSQL spells in another way, ours first.
const OTHERWISE: &[(&str, &str)] = &[
    // Comparison by code points.
    ("t < s", "t COLLATE \"C\" < s COLLATE \"C\""),
    (
        "greatest(t, s)",
        "greatest(t COLLATE \"C\", s COLLATE \"C\")",
    ),
    // Whole numbers where PostgreSQL has numerics.
    ("extract(year FROM d)", "extract(year FROM d)::integer"),
    (
        "extract(quarter FROM m)",
        "extract(quarter FROM m)::integer",
    ),
    ("extract(week FROM d)", "extract(week FROM d)::integer"),
    (
        "extract(isoyear FROM d)",
        "extract(isoyear FROM d)::integer",
    ),
    ("extract(doy FROM d)", "extract(doy FROM d)::integer"),
    ("extract(dow FROM d)", "extract(dow FROM d)::integer"),
    ("extract(isodow FROM d)", "extract(isodow FROM d)::integer"),
    ("extract(hour FROM c)", "extract(hour FROM c)::integer"),
    ("extract(minute FROM m)", "extract(minute FROM m)::integer"),
    ("extract(second FROM m)", "extract(second FROM m)"),
    ("extract(epoch FROM m)", "extract(epoch FROM m)"),
    ("extract(day FROM z)", "extract(day FROM z)::integer"),
    ("sign(i)", "sign(i)::integer"),
    ("sign(n)", "sign(n)::integer"),
    ("sha256(t)", "encode(sha256(convert_to(t, 'UTF8')), 'hex')"),
    (
        "encode(convert_to(t), 'hex')",
        "encode(convert_to(t, 'UTF8'), 'hex')",
    ),
    ("convert_from(convert_to(t))", "t"),
    ("iif(i > 0, t, s)", "CASE WHEN i > 0 THEN t ELSE s END"),
    ("ifnull(i, 5)", "coalesce(i, 5)"),
    (
        "json_get(j, 'a', 'b', 1)",
        "json_extract_path_text(j, 'a', 'b', '1')",
    ),
    ("floor(i)", "i"),
    ("ceil(b)", "b"),
    ("regexp_like(t, '^a.*c$')", "t ~ '^a.*c$'"),
];

/// Functions whose meaning is Limosa's own, or that depend on what no server shares.
const DIFFERS: &[(&str, &str)] = &[
    ("lower", "PostgreSQL's depends on the locale of the server"),
    ("upper", "PostgreSQL's depends on the locale of the server"),
    ("now", "the moment of the plan"),
    ("current_date", "the date of the plan"),
    ("json_valid", "in PostgreSQL from version 16"),
    ("uuid_v5", "an extension there"),
    (
        "to_date",
        "PostgreSQL passes over characters that do not fit",
    ),
    ("lookup", "not there"),
    ("mask_hash", "not there"),
    ("mask_keep", "not there"),
    ("fake", "not there"),
];

struct Rows {
    url: String,
    inputs: Vec<Input>,
    batch: Batch,
}

impl Rows {
    fn new() -> Self {
        let url = postgres().database();
        let columns: Vec<String> = COLUMNS
            .iter()
            .map(|(name, ty, _)| format!("{name} {ty}"))
            .collect();
        let mut sql = format!(
            "CREATE TABLE hostile (id integer PRIMARY KEY, {});\n",
            columns.join(", ")
        );
        for id in 0..ROWS {
            let cells: Vec<&str> = COLUMNS
                .iter()
                .map(|(_, _, values)| values[id % values.len()])
                .collect();
            sql.push_str(&format!(
                "INSERT INTO hostile VALUES ({id}, {});\n",
                cells.join(", ")
            ));
        }
        sql.push_str(
            "CREATE FUNCTION ask(formula text, row_id integer) RETURNS text LANGUAGE plpgsql
             SET timezone = 'UTC' SET intervalstyle = 'iso_8601' SET bytea_output = 'hex' AS $$
             DECLARE answer text;
             BEGIN
               EXECUTE 'SELECT (' || formula || ')::text FROM hostile WHERE id = $1' INTO answer USING row_id;
               RETURN coalesce('=' || answer, 'NULL');
             EXCEPTION WHEN data_exception OR division_by_zero OR numeric_value_out_of_range OR invalid_text_representation THEN
               RETURN 'ERROR';
             END $$;",
        );
        execute_psql(&url, &sql);
        let settings = Settings::between(&url, "sqlite:unused.db").expect("the URL is good");
        let engine = engines::open(settings.source.as_ref().expect("a source")).expect("it opens");
        let catalog = engine.inspect().expect("a catalog");
        let table: &Table = catalog
            .tables
            .iter()
            .find(|t| t.name.name == "hostile")
            .expect("the table is there");
        let read = TableRead {
            table: table.name.clone(),
            columns: table
                .columns
                .iter()
                .map(|c| ColumnRead {
                    name: c.name.clone(),
                    ty: c.ty.clone(),
                    native: c.native.clone(),
                    as_text: false,
                })
                .collect(),
            key: Vec::new(),
            physical: false,
        };
        let inputs = table
            .columns
            .iter()
            .map(|c| Input {
                name: c.name.clone(),
                ty: c.ty.clone(),
                nullable: c.nullable,
            })
            .collect();
        let snapshot = engine.snapshot(1).expect("a snapshot");
        let mut reader = snapshot.reader().expect("a reader");
        reader.open(&read, &Range::All, None).expect("it opens");
        let mut batch = Batch::default();
        batch.reset(read.columns.len());
        let limit = BatchLimit {
            rows: 1000,
            bytes: 1 << 20,
        };
        while reader.fill(&mut batch, limit).expect("rows") {}
        assert_eq!(batch.rows(), ROWS as u64);
        Self { url, inputs, batch }
    }

    /// Our answers, by row: `=text`, `NULL` or `ERROR`.
    fn ours(&self, formula: &str) -> Result<Vec<String>, String> {
        let output = |name: &str, text: String| Output::Formula {
            name: name.into(),
            text,
            ty: limosa_core::schema::Type::Boolean,
        };
        let plan = TransformPlan {
            shape: limosa_core::schema::TableName::bare("hostile"),
            filter: None,
            inputs: self.inputs.clone(),
            outputs: vec![
                Output::Read(0),
                output("f", format!("CAST(({formula}) AS text)")),
            ],
            key: KeyTrace::None,
            lookups: Vec::new(),
            salt: None,
            now: 0,
        };
        let lookups = Lookups::of(Vec::new());
        let around = Surroundings {
            salt: None,
            lookups: &lookups,
            case_sensitive: true,
        };
        let program = Program::new(&plan, around).map_err(|e| e.to_string())?;
        let (mut out, mut done) = (Batch::default(), Applied::default());
        program.apply(&mut Default::default(), &self.batch, &mut out, &mut done);
        let mut answers = vec!["ERROR".to_owned(); ROWS];
        let mut cells = out.cells();
        while let (Some(id), Some(cell)) = (cells.next(), cells.next()) {
            let Value::Int(id) = id.to_value() else {
                return Err("the key is no number".into());
            };
            answers[id as usize] = match cell.to_value() {
                Value::Null => "NULL".into(),
                Value::Text(t) => format!("={t}"),
                other => return Err(format!("no text: {other:?}")),
            };
        }
        Ok(answers)
    }

    fn theirs(&self, formula: &str) -> Vec<String> {
        // Line breaks and tabs of values would be taken for those between rows.
        let quoted = formula.replace('\'', "''");
        let sql = format!(
            "SELECT encode(convert_to(ask('{quoted}', id), 'UTF8'), 'hex') FROM hostile ORDER BY id"
        );
        query_psql(&self.url, &sql)
            .lines()
            .map(|line| {
                let line = line.trim();
                let bytes: Vec<u8> = (0..line.len() / 2)
                    .map(|i| u8::from_str_radix(&line[2 * i..2 * i + 2], 16).expect("hexadecimal"))
                    .collect();
                String::from_utf8(bytes).expect("UTF-8")
            })
            .collect()
    }
}

#[test]
fn formulas_mean_what_postgresql_means() {
    let rows = Rows::new();
    let same = SAME.iter().map(|f| (*f, *f));
    let mut others = Vec::new();
    for (ours, theirs) in same.chain(OTHERWISE.iter().copied()) {
        let mine = match rows.ours(ours) {
            Ok(mine) => mine,
            Err(why) => {
                others.push(format!("{ours}: {why}"));
                continue;
            }
        };
        let wanted = rows.theirs(theirs);
        if wanted.len() != ROWS {
            others.push(format!("{theirs}: {} answers", wanted.len()));
            continue;
        }
        let odd: Vec<String> = (0..ROWS)
            .filter(|id| mine[*id] != wanted[*id])
            .take(4)
            .map(|id| format!("row {id}: {:?}, PostgreSQL {:?}", mine[id], wanted[id]))
            .collect();
        if !odd.is_empty() {
            others.push(format!("{ours}: {}", odd.join("; ")));
        }
    }
    assert!(
        others.is_empty(),
        "{} formulas differ:\n{}",
        others.len(),
        others.join("\n")
    );
}

#[test]
fn every_function_is_held_against_postgresql_or_says_why_not() {
    let mut seen = BTreeSet::new();
    for text in SAME
        .iter()
        .copied()
        .chain(OTHERWISE.iter().map(|(f, _)| *f))
    {
        let formula = limosa_sql::formula(text).unwrap_or_else(|e| panic!("{text}: {e:?}"));
        formula.walk(&mut |f| {
            if let limosa_sql::Node::Call(name, _) = &f.node {
                let name = ALIASES
                    .iter()
                    .find(|(a, _)| a == name)
                    .map_or(name.as_str(), |(_, n)| n);
                seen.insert(name.to_owned());
            }
        });
    }
    let excused: BTreeSet<&str> = DIFFERS.iter().map(|(name, _)| *name).collect();
    for function in LANGUAGE.iter().flat_map(|g| g.functions) {
        let held = seen.contains(function.name);
        assert!(
            held != excused.contains(function.name),
            "{} must be held against PostgreSQL or be in DIFFERS, and not both",
            function.name
        );
        assert!(
            held || !function.differs.is_empty(),
            "{} differs, and the guide does not say so",
            function.name
        );
    }
}
