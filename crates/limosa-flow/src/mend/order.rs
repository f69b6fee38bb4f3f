//! The order of tables in which a row's parents come before it.

use limosa_core::schema::Catalog;
use std::collections::HashMap;

/// The places of `names`, parents before their children; tables in a circle of foreign keys in the order of their names.
pub(super) fn parents_first(names: &[String], catalog: &Catalog) -> Vec<usize> {
    let known = |name: &str| name.to_lowercase();
    let places: HashMap<String, usize> = names
        .iter()
        .enumerate()
        .map(|(i, n)| (known(n), i))
        .collect();
    let mut parents: Vec<Vec<usize>> = vec![Vec::new(); names.len()];
    for table in &catalog.tables {
        let Some(child) = places.get(&known(&table.name.to_string())) else {
            continue;
        };
        for key in &table.foreign_keys {
            if let Some(parent) = places.get(&known(&key.parent.to_string()))
                && parent != child
            {
                parents[*child].push(*parent);
            }
        }
    }
    let mut left: Vec<usize> = (0..names.len()).collect();
    left.sort_by(|a, b| names[*a].cmp(&names[*b]));
    let mut placed = vec![false; names.len()];
    let mut out = Vec::with_capacity(names.len());
    while !left.is_empty() {
        let free = |at: &usize| parents[*at].iter().all(|p| placed[*p]);
        let (now, later): (Vec<usize>, Vec<usize>) = left.iter().partition(|at| free(at));
        // Nobody is free in a circle: the first goes.
        let (now, later) = match now.is_empty() {
            true => (vec![later[0]], later[1..].to_vec()),
            false => (now, later),
        };
        now.iter().for_each(|at| placed[*at] = true);
        out.extend(now);
        left = later;
    }
    out
}
