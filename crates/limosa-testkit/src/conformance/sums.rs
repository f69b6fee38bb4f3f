//! Sums that the engine makes where the rows are: the same as those of the rows as they are read.

use super::{Subject, canonical_read, read_open, skip, table};
use limosa_core::canonical;
use limosa_core::chunk::Range;
use limosa_core::engine::{CanonicalRead, Canonicalizer};
use limosa_core::pushdown::{self, Speller, Spelling, Sums};
use limosa_core::schema::Type;
use limosa_core::value::Value;

/// Every value of every type: where the engine says it, it says what is read.
pub fn every_type_is_summed_as_it_is_read(subject: &Subject) {
    let (_url, engine, catalog, cases) = super::types::made(subject);
    let snapshot = engine.snapshot(1).expect("a snapshot is taken");
    let mut lane = snapshot.canonicalizer().expect("a canonicalizer opens");
    let mut wrong = Vec::new();
    let mut unsaid = Vec::new();
    let mut floats = false;
    for (name, case) in &cases {
        let t = table(&catalog, name);
        let Ok(read) = canonical_read(t) else {
            unsaid.push(format!("{}: has no canonical form", case.declared));
            continue;
        };
        let spellings = match snapshot.spellings(&t.name, &read.columns[1]) {
            Ok(spellings) => spellings,
            Err(why) => {
                unsaid.push(format!("{}: {why}", case.declared));
                continue;
            }
        };
        floats |= matches!(read.columns[1].ty.base(), Type::Float { .. });
        assert!(
            !spellings.is_empty(),
            "{}: neither said nor why",
            case.declared
        );
        for spelling in spellings {
            let said = [Spelling::Bare, spelling];
            let mut hashed = 0;
            for n in (0..case.values.len() as i64).chain([1000]) {
                let range = Range::Key {
                    lower: Some(vec![Value::Int(n)]),
                    upper: Some(vec![Value::Int(n + 1)]),
                };
                let literal = case.values.get(n as usize).map_or("NULL", |v| &v.0);
                let short: String = literal.chars().take(60).collect();
                match both(&mut *lane, &read, &said, &range) {
                    Err(e) => wrong.push(format!("{} {spelling:?} {short}: {e}", case.declared)),
                    Ok((server, here)) if !server.whole() => {
                        assert_eq!(server.rows, here.rows, "{} {short}", case.declared);
                    }
                    Ok((server, here)) => {
                        hashed += server.hashed;
                        if server != here {
                            wrong.push(format!("{} {spelling:?} {short}", case.declared));
                        }
                    }
                }
            }
            // NULL alone would prove nothing.
            if hashed < 2 {
                wrong.push(format!(
                    "{} {spelling:?}: no value has a hash",
                    case.declared
                ));
            }
        }
    }
    for line in unsaid {
        skip(&line);
    }
    assert!(floats, "the types have no float that is summed");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn both(
    lane: &mut dyn Canonicalizer,
    read: &CanonicalRead,
    said: &[Spelling],
    range: &Range,
) -> limosa_core::Result<(Sums, Sums)> {
    let server = lane.sums(read, said, range, 1)?;
    let here = pushdown::streamed(lane, read, said, range, 1)?;
    assert_eq!((server.len(), here.len()), (1, 1));
    Ok((server[0], here[0]))
}

/// The parts of a table are the same rows to the engine and to us, whatever the key is.
pub fn parts_by_the_key_are_the_same_everywhere(subject: &Subject) {
    let mut tables = vec![(
        "integer".to_owned(),
        "id bigint not null primary key, v varchar(40)".to_owned(),
    )];
    for (i, declared) in (subject.text_keys)().into_iter().enumerate() {
        tables.push((
            format!("text {i}"),
            format!("id {declared} not null primary key, v varchar(40)"),
        ));
    }
    tables.push(("none".into(), "id bigint, v varchar(40)".into()));
    let mut sql = String::new();
    for (i, (_, columns)) in tables.iter().enumerate() {
        sql.push_str(&format!("create table p_{i} ({columns});\n"));
        let rows: Vec<String> = (0..300).map(|n| format!("('{n}', 'value;~{n}')")).collect();
        sql.push_str(&format!("insert into p_{i} values {};\n", rows.join(", ")));
    }
    sql.push_str(&format!(
        "insert into p_{} values (7, null), (7, null);\n",
        tables.len() - 1
    ));
    let (_url, engine, catalog) = subject.with(&sql);
    let snapshot = engine.snapshot(1).expect("a snapshot is taken");
    let mut lane = snapshot.canonicalizer().expect("a canonicalizer opens");
    for (i, (what, _)) in tables.iter().enumerate() {
        let t = table(&catalog, &format!("p_{i}"));
        let read = canonical_read(t).expect("plain types can be compared");
        let said: Vec<Spelling> = read
            .columns
            .iter()
            .map(|c| {
                snapshot
                    .spellings(&t.name, c)
                    .unwrap_or_else(|e| panic!("{what}: {e}"))[0]
            })
            .collect();
        for parts in [1, 7, 64] {
            let server = lane
                .sums(&read, &said, &Range::All, parts)
                .unwrap_or_else(|e| panic!("{what}: {e:?}"));
            let here = pushdown::streamed(&mut *lane, &read, &said, &Range::All, parts)
                .expect("rows are read");
            assert_eq!(server, here, "{what}, {parts} parts");
            assert!(server.iter().all(Sums::whole));
        }
        let chosen = [0u32, 3, 5];
        lane.open_parts(&read, &said, &Range::All, 7, &chosen)
            .expect("parts open");
        let rows = read_open(&mut *lane).expect("rows are read");
        let mut speller = Speller::new(&read, &said);
        let mut found = vec![Sums::default(); 7];
        for (_, row) in &rows {
            let hashes = speller.hashes(row);
            let key = hashes.key.expect("plain keys can be said");
            found[pushdown::part(key, 7) as usize].add(hashes.row);
            assert!(!canonical::cells(row).is_empty());
        }
        let server = lane.sums(&read, &said, &Range::All, 7).expect("sums");
        for part in chosen {
            let part = part as usize;
            assert_eq!(found[part], server[part], "{what}, part {part}");
        }
        let count = lane.count(&read).expect("rows are counted");
        assert_eq!(count, if what == "none" { 302 } else { 300 }, "{what}");
    }
}
