//! Formulas are checked against columns and compiled into closures, once per table.
//!
//! Every part gets a type, and says whether it may be NULL and how it can fail. A part that depends on no
//! column is computed here; if it fails, the formula is wrong and nothing moves.

use super::cell::{Env, Fail, Result, Run, fail};
use super::functions;
use super::kind::{Kind, TEXT, decimal_of, integer, text_of, unify};
use super::lookup::Lookups;
use bumpalo::Bump;
use limosa_core::batch::Cell;
use limosa_core::schema::Type;
use limosa_core::value::Value;
use limosa_sql::{Formula, Misread, Node};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A column that a formula may name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// Its type, as the source's catalog has it.
    pub ty: Type,
    /// Whether NULL is allowed.
    pub nullable: bool,
}

/// Why a formula can not be compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Where: bytes from the beginning of the formula.
    pub at: usize,
    /// Why, as a sentence without a full stop.
    pub why: String,
}

impl From<Misread> for Wrong {
    fn from(misread: Misread) -> Self {
        Self {
            at: misread.at,
            why: misread.why,
        }
    }
}

/// A formula that was understood.
pub struct Compiled {
    /// The type of its values.
    pub ty: Type,
    /// Whether it may give NULL.
    pub nullable: bool,
    /// How it can fail for a row, each as a phrase; empty if it can not.
    pub fails: Vec<String>,
    /// The places of the inputs that it reads, each once.
    pub reads: Vec<usize>,
    /// The input that it passes as it is, if it is nothing else.
    pub passes: Option<usize>,
    pub(super) run: Run,
}

impl std::fmt::Debug for Compiled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compiled")
            .field("ty", &self.ty)
            .field("nullable", &self.nullable)
            .field("fails", &self.fails)
            .finish_non_exhaustive()
    }
}

/// What formulas are compiled against.
#[derive(Clone, Copy)]
pub struct Scope<'s> {
    /// The columns that are read, in order.
    pub inputs: &'s [Input],
    /// Whether names of columns differ by their case.
    pub case_sensitive: bool,
    /// The other tables that may be looked into.
    pub lookups: &'s Lookups,
    /// The secret that masks are made with, if there is one.
    pub salt: Option<&'s [u8]>,
}

/// Compiles a formula.
///
/// # Errors
/// [`Wrong`]: no formula, an unknown column or function, types that do not fit, a constant part that fails.
pub fn compile(text: &str, scope: Scope<'_>) -> Result<Compiled, Wrong> {
    let formula = limosa_sql::formula(text)?;
    let mut checker = Checker {
        scope,
        reads: Vec::new(),
    };
    let typed = checker.part(&formula)?;
    if typed.kind == Kind::Null {
        // A column of nothing but NULL still needs a type.
        return Ok(Compiled {
            ty: TEXT,
            nullable: true,
            fails: Vec::new(),
            reads: Vec::new(),
            passes: None,
            run: typed.run,
        });
    }
    let passes = match &formula.node {
        Node::Column(name) => checker.input(name),
        _ => None,
    };
    Ok(Compiled {
        // A text that is written out says nothing about the texts that will come.
        ty: match typed.literal {
            Some(Value::Text(_)) => TEXT,
            _ => typed.ty,
        },
        nullable: typed.nullable,
        fails: typed.fails,
        reads: checker.reads,
        passes,
        run: typed.run,
    })
}

/// Compiles a condition.
///
/// # Errors
/// As [`compile`]; a formula that is not boolean.
pub fn condition(text: &str, scope: Scope<'_>) -> Result<Compiled, Wrong> {
    let compiled = compile(text, scope)?;
    match Kind::of(&compiled.ty) {
        Kind::Boolean => Ok(compiled),
        kind => Err(Wrong {
            at: 0,
            why: format!("a condition is true or false, and this is {}", kind.word()),
        }),
    }
}

/// A part that was checked.
pub(super) struct Typed {
    pub(super) run: Run,
    pub(super) ty: Type,
    pub(super) kind: Kind,
    pub(super) nullable: bool,
    /// Its value, if it depends on no column.
    pub(super) literal: Option<Value>,
    pub(super) fails: Vec<String>,
    /// Whether its value depends on the row, on the moment or on another table.
    pub(super) varies: bool,
    pub(super) at: usize,
}

impl Typed {
    /// The text that it is, if it is written out.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.literal {
            Some(Value::Text(t)) => Some(t),
            _ => None,
        }
    }

    /// The whole number that it is, if it is written out.
    pub(super) fn int(&self) -> Option<i64> {
        match &self.literal {
            Some(Value::Int(i)) => Some(*i),
            _ => None,
        }
    }

    /// Says how it can fail.
    #[must_use]
    pub(super) fn fails(mut self, how: &str) -> Self {
        if !self.fails.iter().any(|f| f == how) {
            self.fails.push(how.into());
        }
        self
    }

    /// Says that it may be NULL whatever its parts are.
    #[must_use]
    pub(super) fn or_null(mut self) -> Self {
        self.nullable = true;
        self
    }

    /// Says that it is never NULL.
    #[must_use]
    pub(super) fn never_null(mut self) -> Self {
        self.nullable = false;
        self
    }

    /// Refuses it.
    pub(super) fn wrong<T>(&self, why: impl Into<String>) -> Result<T, Wrong> {
        Err(Wrong {
            at: self.at,
            why: why.into(),
        })
    }
}

/// Merges how parts can fail.
fn failures(parts: &[Typed]) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for part in parts {
        for how in &part.fails {
            if !out.contains(how) {
                out.push(how.clone());
            }
        }
    }
    out
}

/// A part that sees all its arguments as they come, NULL among them.
pub(super) fn lazy<F>(parts: Vec<Typed>, ty: Type, make: impl FnOnce(Vec<Run>) -> F) -> Typed
where
    F: for<'r, 'a> Fn(&Env<'r, 'a>) -> Result<Cell<'a>> + Send + Sync + 'static,
{
    let (at, fails) = (parts.first().map_or(0, |p| p.at), failures(&parts));
    let nullable = parts.iter().any(|p| p.nullable);
    let varies = parts.iter().any(|p| p.varies);
    let run = make(parts.into_iter().map(|p| p.run).collect());
    Typed {
        run: Box::new(run),
        kind: Kind::of(&ty),
        ty,
        nullable,
        literal: None,
        fails,
        varies,
        at,
    }
}

/// A part of one argument that is NULL if the argument is.
pub(super) fn strict1<F>(x: Typed, ty: Type, f: F) -> Typed
where
    F: for<'r, 'a> Fn(&Env<'r, 'a>, Cell<'a>) -> Result<Cell<'a>> + Send + Sync + 'static,
{
    lazy(vec![x], ty, |mut runs| {
        let x = runs.pop().expect("one was given");
        move |env: &Env<'_, '_>| match x(env)? {
            Cell::Null => Ok(Cell::Null),
            c => f(env, c),
        }
    })
}

/// A part of two arguments that is NULL if one of them is.
pub(super) fn strict2<F>(x: Typed, y: Typed, ty: Type, f: F) -> Typed
where
    F: for<'r, 'a> Fn(&Env<'r, 'a>, Cell<'a>, Cell<'a>) -> Result<Cell<'a>> + Send + Sync + 'static,
{
    lazy(vec![x, y], ty, |mut runs| {
        let (y, x) = (runs.pop(), runs.pop());
        let (x, y) = (x.expect("two were given"), y.expect("two were given"));
        move |env: &Env<'_, '_>| match (x(env)?, y(env)?) {
            (Cell::Null, _) | (_, Cell::Null) => Ok(Cell::Null),
            (a, b) => f(env, a, b),
        }
    })
}

/// A part of three arguments that is NULL if one of them is.
pub(super) fn strict3<F>(x: Typed, y: Typed, z: Typed, ty: Type, f: F) -> Typed
where
    F: for<'r, 'a> Fn(&Env<'r, 'a>, Cell<'a>, Cell<'a>, Cell<'a>) -> Result<Cell<'a>>
        + Send
        + Sync
        + 'static,
{
    lazy(vec![x, y, z], ty, |runs| {
        move |env: &Env<'_, '_>| match (runs[0](env)?, runs[1](env)?, runs[2](env)?) {
            (Cell::Null, _, _) | (_, Cell::Null, _) | (_, _, Cell::Null) => Ok(Cell::Null),
            (a, b, c) => f(env, a, b, c),
        }
    })
}

/// A part whose value is known.
pub(super) fn literal(value: Value, ty: Type, at: usize) -> Typed {
    let kept = Arc::new(value.clone());
    let run: Run = match &value {
        Value::Null => Box::new(|_| Ok(Cell::Null)),
        Value::Text(_) | Value::Json(_) | Value::Decimal(_) | Value::Bytes(_) | Value::Uuid(_) => {
            Box::new(move |env| {
                Ok(match &*kept {
                    Value::Text(t) => Cell::Text(env.arena.alloc_str(t)),
                    Value::Json(t) => Cell::Json(env.arena.alloc_str(t)),
                    Value::Decimal(t) => Cell::Decimal(env.arena.alloc_str(t)),
                    Value::Bytes(b) => Cell::Bytes(env.arena.alloc_slice_copy(b)),
                    Value::Uuid(u) => Cell::Uuid(env.arena.alloc(*u)),
                    _ => Cell::Null,
                })
            })
        }
        Value::Bool(b) => scalar(Cell::Bool(*b)),
        Value::Int(i) => scalar(Cell::Int(*i)),
        Value::UInt(u) => scalar(Cell::UInt(*u)),
        Value::F32(x) => scalar(Cell::F32(*x)),
        Value::F64(x) => scalar(Cell::F64(*x)),
        Value::Date(d) => scalar(Cell::Date(*d)),
        Value::Time(t) => scalar(Cell::Time(*t)),
        Value::TimeTz(t, z) => scalar(Cell::TimeTz(*t, *z)),
        Value::Timestamp(t) => scalar(Cell::Timestamp(*t)),
        Value::TimestampTz(t) => scalar(Cell::TimestampTz(*t)),
        Value::Interval(m, d, u) => scalar(Cell::Interval(*m, *d, *u)),
        // No formula makes bits.
        Value::Bits(..) => Box::new(|_| fail("constant", "a bit string can not be written out")),
    };
    Typed {
        run,
        kind: match &value {
            Value::Null => Kind::Null,
            _ => Kind::of(&ty),
        },
        nullable: value == Value::Null,
        literal: Some(value),
        ty,
        fails: Vec::new(),
        varies: false,
        at,
    }
}

fn scalar(cell: Cell<'static>) -> Run {
    // A cell without borrowed parts is of any life.
    Box::new(move |_| Ok(cell))
}

/// What checks the parts of one formula.
pub(super) struct Checker<'s> {
    pub(super) scope: Scope<'s>,
    reads: Vec<usize>,
}

impl Checker<'_> {
    fn input(&self, name: &str) -> Option<usize> {
        let same = |i: &Input| match self.scope.case_sensitive {
            true => i.name == name,
            false => i.name.eq_ignore_ascii_case(name),
        };
        self.scope.inputs.iter().position(same)
    }

    /// Checks a part.
    pub(super) fn part(&mut self, f: &Formula) -> Result<Typed, Wrong> {
        let typed = match &f.node {
            Node::Null => literal(Value::Null, TEXT, f.at),
            Node::Bool(b) => literal(Value::Bool(*b), Type::Boolean, f.at),
            Node::Number(text) => number(text, f.at)?,
            Node::Text(text) => {
                let n = text.chars().count() as u64;
                literal(Value::Text(text.clone()), text_of(Some(n)), f.at)
            }
            Node::Bytes(bytes) => literal(
                Value::Bytes(bytes.clone()),
                Type::Blob { max_bytes: None },
                f.at,
            ),
            Node::Column(name) => self.column(name, f.at, false)?,
            Node::Call(name, parts) => {
                let parts = self.all(parts)?;
                functions::build(name, parts, f.at, &self.scope)?
            }
            Node::Cast(x, ty) => {
                let x = match &x.node {
                    // What is no value of its column's type is still a text, and so can be mended.
                    Node::Column(name) if Kind::of(ty) == Kind::Text => {
                        self.column(name, x.at, true)?
                    }
                    _ => self.part(x)?,
                };
                functions::cast(x, ty)?
            }
            Node::Case(arms, other) => self.case(arms, other.as_deref(), f.at)?,
        };
        fold(Typed { at: f.at, ..typed })
    }

    fn all(&mut self, parts: &[Formula]) -> Result<Vec<Typed>, Wrong> {
        parts.iter().map(|p| self.part(p)).collect()
    }

    /// A column. `stray` lets texts and numbers through that are of another type than the column's.
    fn column(&mut self, name: &str, at: usize, stray: bool) -> Result<Typed, Wrong> {
        let Some(place) = self.input(name) else {
            let near = nearest(name, self.scope.inputs.iter().map(|i| i.name.as_str()));
            let near = near.map_or(String::new(), |n| format!("; did you mean {n}?"));
            return Err(Wrong {
                at,
                why: format!("the table has no column {name}{near}"),
            });
        };
        if !self.reads.contains(&place) {
            self.reads.push(place);
        }
        let input = &self.scope.inputs[place];
        let kind = Kind::of(&input.ty);
        let stray = stray && kind != Kind::Text;
        let run: Run = Box::new(move |env| {
            let cell = env.row[place];
            let plain = || matches!(cell, Cell::Text(_) | Cell::Int(_) | Cell::F64(_));
            if kind.holds(&cell) || (stray && plain()) {
                return Ok(cell);
            }
            fail("column", "the value is not of the column's type")
        });
        Ok(Typed {
            run,
            ty: input.ty.base().clone(),
            kind,
            nullable: input.nullable,
            literal: None,
            fails: Vec::new(),
            varies: true,
            at,
        })
    }

    fn case(
        &mut self,
        arms: &[(Formula, Formula)],
        other: Option<&Formula>,
        at: usize,
    ) -> Result<Typed, Wrong> {
        let mut whens = Vec::new();
        let mut thens = Vec::new();
        for (when, then) in arms {
            let when = self.part(when)?;
            if !matches!(when.kind, Kind::Boolean | Kind::Null) {
                return when.wrong(format!(
                    "WHEN takes a condition, and this is {}",
                    when.kind.word()
                ));
            }
            whens.push(when);
            thens.push(self.part(then)?);
        }
        let closed = other.is_some();
        thens.push(match other {
            Some(other) => self.part(other)?,
            None => literal(Value::Null, TEXT, at),
        });
        let (thens, ty) = functions::together(thens, "CASE")?;
        let nullable = !closed || thens.iter().any(|t| t.nullable);
        let n = whens.len();
        whens.extend(thens);
        let mut made = lazy(whens, ty, |runs| {
            move |env: &Env<'_, '_>| {
                for i in 0..n {
                    if let Cell::Bool(true) = runs[i](env)? {
                        return runs[n + i](env);
                    }
                }
                runs[2 * n](env)
            }
        });
        made.nullable = nullable;
        Ok(made)
    }
}

/// Computes a part that depends on no column.
fn fold(typed: Typed) -> Result<Typed, Wrong> {
    if typed.varies || typed.literal.is_some() {
        return Ok(typed);
    }
    let arena = Bump::new();
    let env = Env {
        row: &[],
        arena: &arena,
        now: 0,
    };
    match (typed.run)(&env) {
        Ok(cell) => {
            let value = cell.to_value();
            Ok(literal(value, typed.ty.clone(), typed.at))
        }
        Err(Fail { step, why }) => typed.wrong(format!("{step}: {why}")),
    }
}

fn number(text: &str, at: usize) -> Result<Typed, Wrong> {
    if let Ok(i) = text.parse::<i64>() {
        let ty = match i32::try_from(i) {
            Ok(_) => integer(32),
            Err(_) => integer(64),
        };
        return Ok(literal(Value::Int(i), ty, at));
    }
    let decimal = super::decimal::Decimal::read(text, "number").map_err(|f| Wrong {
        at,
        why: f.why.into(),
    })?;
    let written = decimal.write();
    let before = written.find('.').unwrap_or(written.len());
    let ty = decimal_of(u32::try_from(before).ok().map(|b| (b, decimal.scale)));
    Ok(literal(Value::Decimal(written), ty, at))
}

/// The known word that is nearest to `word`, if one is near.
pub(super) fn nearest<'w>(word: &str, known: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let word: Vec<char> = word.to_lowercase().chars().collect();
    known
        .map(|k| {
            (
                distance(&word, &k.to_lowercase().chars().collect::<Vec<_>>()),
                k,
            )
        })
        .min_by_key(|(d, _)| *d)
        .filter(|(d, _)| *d <= word.len() / 3 + 1)
        .map(|(_, k)| k)
}

fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut before = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let here = before + usize::from(x != y);
            before = row[j + 1];
            row[j + 1] = here.min(before + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// Makes both sides of one type where one of them allows it.
pub(super) fn common(a: &Typed, b: &Typed) -> Option<Type> {
    match (a.kind, b.kind) {
        (Kind::Null, _) => Some(b.ty.clone()),
        (_, Kind::Null) => Some(a.ty.clone()),
        _ => unify(&a.ty, &b.ty),
    }
}
