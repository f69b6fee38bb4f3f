//! Rows without their parent, looked for where the source does not keep them out.

use crate::convert::{Orphans, parents};
use crate::progress::{Fact, Progress};
use crate::settings::ScanMode;
use limosa_core::engine::Engine;
use limosa_core::schema::{ForeignKey, Table, TableName};
use limosa_core::{Disposition, Result};
use std::collections::HashMap;
use std::time::Instant;

/// Counts, for each foreign key that the source has not made sure of and whose parent moves too. A key
/// about which the source can not answer (its parent has no such column) is left out.
pub(super) fn look(
    source: &dyn Engine,
    tables: &[&Table],
    mode: ScanMode,
    progress: &Progress,
) -> Result<Orphans> {
    let mut out = Orphans::new();
    let by_name: HashMap<&TableName, &Table> = tables.iter().map(|t| (&t.name, *t)).collect();
    let keys: Vec<(&Table, usize, &ForeignKey)> = tables
        .iter()
        .flat_map(|t| t.foreign_keys.iter().enumerate().map(|(at, k)| (*t, at, k)))
        .filter(|(_, _, k)| !k.validated && by_name.contains_key(&k.parent))
        .collect();
    if keys.is_empty() || mode == ScanMode::None {
        return Ok(out);
    }
    let began = Instant::now();
    progress.hear(Fact::StageBegan {
        stage: "orphans",
        items: keys.len() as u64,
    });
    let mut session = source.session()?;
    for (table, at, key) in keys {
        let Some(parent) = by_name.get(&key.parent) else {
            continue;
        };
        let key = ForeignKey {
            parent_columns: parents(key, parent).to_vec(),
            ..key.clone()
        };
        if key.parent_columns.len() != key.columns.len() {
            continue;
        }
        match session.orphans(&table.name, &key) {
            Ok(found) => {
                out.insert((table.name.clone(), at), found);
            }
            Err(e) if e.disposition() == Disposition::Definite => {}
            Err(e) => return Err(e),
        }
    }
    progress.hear(Fact::StageEnded {
        stage: "orphans",
        seconds: began.elapsed().as_secs_f64(),
    });
    Ok(out)
}
