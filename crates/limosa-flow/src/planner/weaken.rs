//! Weaker forms of an act, for targets that have no words for all of it.

use limosa_core::expression::Expr;
use limosa_core::operation::Operation;
use limosa_core::schema::{Action, Check, ForeignKey, IndexOf, Key};

/// The forms of an act from strong to weak, each without one more part, and the name of that part.
pub(super) fn weaker(op: &Operation) -> Vec<(&'static str, Operation)> {
    let mut out = Vec::new();
    let mut now = op.clone();
    for (what, change) in CHANGES {
        let mut next = now.clone();
        if change(&mut next) {
            out.push((*what, next.clone()));
            now = next;
        }
    }
    out
}

type Change = (&'static str, fn(&mut Operation) -> bool);

const CHANGES: &[Change] = &[
    ("deferral", deferral),
    ("NULLS NOT DISTINCT", nulls),
    ("included columns", include),
    ("the order of NULLs", nulls_first),
    ("descending order", descending),
    ("its beginning alone being indexed", beginning),
    ("its condition (it covers all rows)", predicate),
    ("SET DEFAULT", set_default),
    ("MATCH FULL", match_full),
    ("NOT VALID (rows that break it are refused)", not_valid),
    ("virtual computing (the value is stored)", stored),
];

fn each_key(op: &mut Operation, change: impl Fn(&mut Key) -> bool) -> bool {
    match op {
        Operation::AddPrimaryKey(_, k) | Operation::AddUnique(_, k) => change(k),
        Operation::CreateTable(t) => {
            let keys = t.primary_key.iter_mut().chain(&mut t.uniques);
            keys.fold(false, |changed, k| change(k) | changed)
        }
        _ => false,
    }
}

fn each_foreign_key(op: &mut Operation, change: impl Fn(&mut ForeignKey) -> bool) -> bool {
    match op {
        Operation::AddForeignKey(_, k) => change(k),
        Operation::CreateTable(t) => t
            .foreign_keys
            .iter_mut()
            .fold(false, |changed, k| change(k) | changed),
        _ => false,
    }
}

fn deferral(op: &mut Operation) -> bool {
    let keys = each_key(op, |k| {
        k.initially_deferred = false;
        std::mem::take(&mut k.deferrable)
    });
    keys | each_foreign_key(op, |k| {
        k.initially_deferred = false;
        std::mem::take(&mut k.deferrable)
    })
}

fn match_full(op: &mut Operation) -> bool {
    each_foreign_key(op, |k| std::mem::take(&mut k.match_full))
}

fn not_valid(op: &mut Operation) -> bool {
    let validate = |c: &mut Check| !std::mem::replace(&mut c.validated, true);
    match op {
        Operation::AddCheck(_, c) => validate(c),
        Operation::CreateTable(t) => t.checks.iter_mut().fold(false, |n, c| validate(c) | n),
        _ => false,
    }
}

fn nulls(op: &mut Operation) -> bool {
    if let Operation::CreateIndex { index, .. } = op {
        return std::mem::take(&mut index.nulls_not_distinct);
    }
    each_key(op, |k| std::mem::take(&mut k.nulls_not_distinct))
}

fn include(op: &mut Operation) -> bool {
    match op {
        Operation::CreateIndex { index, .. } => !std::mem::take(&mut index.include).is_empty(),
        _ => false,
    }
}

fn nulls_first(op: &mut Operation) -> bool {
    match op {
        Operation::CreateIndex { index, .. } => index
            .parts
            .iter_mut()
            .fold(false, |c, p| p.nulls_first.take().is_some() | c),
        _ => false,
    }
}

fn descending(op: &mut Operation) -> bool {
    match op {
        Operation::CreateIndex { index, .. } => index
            .parts
            .iter_mut()
            .fold(false, |c, p| std::mem::take(&mut p.descending) | c),
        _ => false,
    }
}

/// `left(column, n)` becomes the whole column. A unique index stays away: it would refuse less.
fn beginning(op: &mut Operation) -> bool {
    let Operation::CreateIndex { index, .. } = op else {
        return false;
    };
    if index.unique {
        return false;
    }
    let mut changed = false;
    for part in &mut index.parts {
        let whole = match &part.of {
            IndexOf::Expression(text) => match &text.parsed {
                Some(Expr::Call(name, args)) if name == "left" => match args.first() {
                    Some(Expr::Column(c)) => c.clone(),
                    _ => continue,
                },
                _ => continue,
            },
            IndexOf::Column(_) => continue,
        };
        part.of = IndexOf::Column(whole);
        changed = true;
    }
    changed
}

/// A unique index without its condition would refuse rows that the source has.
fn predicate(op: &mut Operation) -> bool {
    match op {
        Operation::CreateIndex { index, .. } if !index.unique => index.predicate.take().is_some(),
        _ => false,
    }
}

fn set_default(op: &mut Operation) -> bool {
    each_foreign_key(op, |k| {
        let mut changed = false;
        for action in [&mut k.on_delete, &mut k.on_update] {
            if *action == Action::SetDefault {
                *action = Action::NoAction;
                changed = true;
            }
        }
        changed
    })
}

fn stored(op: &mut Operation) -> bool {
    match op {
        Operation::CreateTable(t) => t
            .columns
            .iter_mut()
            .filter_map(|c| c.generated.as_mut())
            .fold(false, |c, g| !std::mem::replace(&mut g.stored, true) | c),
        _ => false,
    }
}
