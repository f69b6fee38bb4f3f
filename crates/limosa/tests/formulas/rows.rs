//! The rows in a real PostgreSQL, and the answers of both sides.

use crate::values::{COLUMNS, ROWS};
use limosa::engines;
use limosa::settings::Settings;
use limosa::transform::{
    Applied, Input, KeyTrace, Lookups, Output, Program, Surroundings, TransformPlan,
};
use limosa_core::batch::{Batch, BatchLimit};
use limosa_core::chunk::Range;
use limosa_core::engine::{ColumnRead, TableRead};
use limosa_core::schema::Table;
use limosa_core::value::Value;
use limosa_testkit::{execute_psql, postgres, query_psql};

pub(crate) struct Rows {
    url: String,
    inputs: Vec<Input>,
    batch: Batch,
}

impl Rows {
    pub(crate) fn new() -> Self {
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
    pub(crate) fn ours(&self, formula: &str) -> Result<Vec<String>, String> {
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

    pub(crate) fn theirs(&self, formula: &str) -> Vec<String> {
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
