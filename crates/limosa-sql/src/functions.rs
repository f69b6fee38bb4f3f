//! The names of functions in each family, and the neutral ones.

use crate::read::{Walk, call};
use limosa_core::expression::{Expr, Operator};
use sqlparser::ast::{self, FunctionArg, FunctionArgExpr, FunctionArguments};

/// The fractional digits of a plain `CURRENT_TIMESTAMP`.
pub(crate) fn digits(family: &str) -> u8 {
    if family == "postgresql" { 6 } else { 0 }
}

pub(crate) fn read(walk: &Walk<'_>, function: &ast::Function) -> Option<Expr> {
    if function.over.is_some()
        || function.filter.is_some()
        || function.null_treatment.is_some()
        || !function.within_group.is_empty()
        || !matches!(function.parameters, FunctionArguments::None)
    {
        return None;
    }
    let parts: Vec<&str> = function
        .name
        .0
        .iter()
        .map(|p| p.as_ident().map(|i| i.value.as_str()))
        .collect::<Option<_>>()?;
    let name = match parts[..] {
        [name] | ["pg_catalog", name] => name.to_ascii_lowercase(),
        // The functions of well-known extensions are often written with their namespace.
        [_, name] if name.starts_with("uuid_generate") || name == "gen_random_uuid" => name.into(),
        _ => return None,
    };
    if name == "nextval" {
        return next_value(walk.family, &function.args);
    }
    let mut arguments = Vec::new();
    match &function.args {
        FunctionArguments::None => {}
        FunctionArguments::List(list)
            if list.duplicate_treatment.is_none() && list.clauses.is_empty() =>
        {
            for argument in &list.args {
                match argument {
                    FunctionArg::Unnamed(FunctionArgExpr::Expr(e)) => arguments.push(walk.expr(e)?),
                    _ => return None,
                }
            }
        }
        _ => return None,
    }
    neutral(walk.family, &name, arguments)
}

fn neutral(family: &str, name: &str, mut arguments: Vec<Expr>) -> Option<Expr> {
    let (postgres, mysql, sqlite) = (
        family == "postgresql",
        family == "mysql",
        family == "sqlite",
    );
    let count = arguments.len();
    let same =
        |count_is: bool, name: &str, arguments: Vec<Expr>| count_is.then(|| call(name, arguments));
    match name {
        "current_timestamp" => now(family, &arguments),
        "now" | "localtimestamp" if !sqlite => now(family, &arguments),
        // In PostgreSQL it is a time of day.
        "localtime" if mysql => now(family, &arguments),
        "transaction_timestamp" | "statement_timestamp" | "clock_timestamp" if postgres => {
            now(family, &arguments)
        }
        "utc_timestamp" | "sysdate" if mysql => now(family, &arguments),
        "timezone" if postgres => match &arguments[..] {
            [Expr::Text(zone), moment @ Expr::CurrentTimestamp(_)]
                if zone.eq_ignore_ascii_case("utc") =>
            {
                Some(moment.clone())
            }
            _ => None,
        },
        "current_date" if count == 0 => Some(Expr::CurrentDate),
        "curdate" | "utc_date" if mysql && count == 0 => Some(Expr::CurrentDate),
        "current_time" if count == 0 => Some(Expr::CurrentTime),
        "curtime" | "utc_time" if mysql && count == 0 => Some(Expr::CurrentTime),
        "datetime" | "date" | "time" | "strftime" if sqlite => moment(name, &arguments),
        "date" if postgres => match &arguments[..] {
            [Expr::CurrentTimestamp(_)] => Some(Expr::CurrentDate),
            _ => None,
        },
        "gen_random_uuid" | "uuid_generate_v4" | "uuidv4" if postgres => {
            same(count == 0, "uuid", arguments)
        }
        "uuid" | "uuid_v4" if mysql => same(count == 0, "uuid", arguments),
        "lower" | "upper" | "abs" => same(count == 1, name, arguments),
        "lcase" if mysql => same(count == 1, "lower", arguments),
        "ucase" if mysql => same(count == 1, "upper", arguments),
        "char_length" | "character_length" if !sqlite => same(count == 1, "length", arguments),
        "length" if mysql => same(count == 1, "octet_length", arguments),
        "length" => same(count == 1, "length", arguments),
        "octet_length" => same(count == 1, "octet_length", arguments),
        "trim" | "ltrim" | "rtrim" => same(count == 1, name, arguments),
        "btrim" if postgres => same(count == 1, "trim", arguments),
        "coalesce" => same(count >= 1, "coalesce", arguments),
        "ifnull" if !postgres => same(count == 2, "coalesce", arguments),
        "nullif" => same(count == 2, "nullif", arguments),
        "round" => same(
            count == 1 || (count == 2 && natural(&arguments[1], 0)),
            "round",
            arguments,
        ),
        "floor" => same(count == 1, "floor", arguments),
        "ceil" | "ceiling" => same(count == 1, "ceil", arguments),
        "substr" | "substring" | "mid" => substr(arguments),
        "replace" => same(count == 3, "replace", arguments),
        "left" | "right" if !sqlite => {
            same(count == 2 && natural(&arguments[1], 0), name, arguments)
        }
        "mod" if count == 2 => {
            let b = arguments.pop()?;
            let a = arguments.pop()?;
            Some(Expr::Binary(Box::new(a), Operator::Modulo, Box::new(b)))
        }
        "json_valid" if !postgres => same(count == 1, "json_valid", arguments),
        "if" | "iif" if !postgres && count == 3 => {
            let other = arguments.pop()?;
            let then = arguments.pop()?;
            let when = arguments.pop()?;
            Some(Expr::Case(vec![(when, then)], Some(Box::new(other))))
        }
        // MySQL gives NULL if a part is NULL, the others skip it.
        "concat" if count >= 1 => {
            let text = |e: Expr| match e {
                e if mysql || never_null(&e) => e,
                e => call("coalesce", vec![e, Expr::Text(String::new())]),
            };
            let mut parts = arguments.into_iter().map(text);
            let first = parts.next()?;
            Some(parts.fold(first, |a, b| {
                Expr::Binary(Box::new(a), Operator::Concat, Box::new(b))
            }))
        }
        "greatest" | "least" if !sqlite => same(
            count >= 2 && arguments.iter().all(never_null),
            name,
            arguments,
        ),
        "max" if sqlite => same(
            count >= 2 && arguments.iter().all(never_null),
            "greatest",
            arguments,
        ),
        "min" if sqlite => same(
            count >= 2 && arguments.iter().all(never_null),
            "least",
            arguments,
        ),
        _ => None,
    }
}

/// `nextval` of a sequence that is named: `'public.s'::regclass` in PostgreSQL, `` `db`.`s` `` in MariaDB.
fn next_value(family: &str, arguments: &FunctionArguments) -> Option<Expr> {
    let FunctionArguments::List(list) = arguments else {
        return None;
    };
    let [FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))] = &list.args[..] else {
        return None;
    };
    let names = match argument {
        ast::Expr::Cast {
            expr, data_type, ..
        } if family == "postgresql" && data_type.to_string().eq_ignore_ascii_case("regclass") => {
            let ast::Expr::Value(value) = expr.as_ref() else {
                return None;
            };
            let ast::Value::SingleQuotedString(text) = &value.value else {
                return None;
            };
            identifiers(text)?
        }
        // The database comes first, and it is the only one.
        ast::Expr::CompoundIdentifier(parts) if family == "mysql" => {
            vec![parts.last()?.value.clone()]
        }
        ast::Expr::Identifier(name) if family == "mysql" => vec![name.value.clone()],
        _ => return None,
    };
    let names = names.into_iter().map(Expr::Text).collect();
    Some(call("next_value", names))
}

/// The parts of a name as `regclass` writes it: `public.s`, `"Odd ""one".s`.
fn identifiers(text: &str) -> Option<Vec<String>> {
    let mut parts = vec![String::new()];
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '.' => parts.push(String::new()),
            '"' => loop {
                match rest.next()? {
                    '"' if rest.next_if_eq(&'"').is_some() => parts.last_mut()?.push('"'),
                    '"' => break,
                    c => parts.last_mut()?.push(c),
                }
            },
            c => parts.last_mut()?.push(c),
        }
    }
    (parts.len() <= 2 && parts.iter().all(|p| !p.is_empty())).then_some(parts)
}

fn now(family: &str, arguments: &[Expr]) -> Option<Expr> {
    match arguments {
        [] => Some(Expr::CurrentTimestamp(digits(family))),
        [Expr::Number(n)] => n
            .parse()
            .ok()
            .filter(|n| *n <= 6)
            .map(Expr::CurrentTimestamp),
        _ => None,
    }
}

/// SQLite's functions of the present moment, in UTC; the forms that write a timestamp in ISO order.
fn moment(name: &str, arguments: &[Expr]) -> Option<Expr> {
    let is_now = |e: &Expr| matches!(e, Expr::Text(t) if t.eq_ignore_ascii_case("now"));
    let is_text = |e: &Expr, want: &str| matches!(e, Expr::Text(t) if t.eq_ignore_ascii_case(want));
    match (name, arguments) {
        ("datetime", []) => Some(Expr::CurrentTimestamp(0)),
        ("datetime", [n]) if is_now(n) => Some(Expr::CurrentTimestamp(0)),
        ("datetime", [n, m]) if is_now(n) && is_text(m, "subsec") => {
            Some(Expr::CurrentTimestamp(3))
        }
        ("datetime", [n, m]) if is_now(n) && is_text(m, "utc") => None,
        ("date", []) => Some(Expr::CurrentDate),
        ("date", [n]) if is_now(n) => Some(Expr::CurrentDate),
        ("time", []) => Some(Expr::CurrentTime),
        ("time", [n]) if is_now(n) => Some(Expr::CurrentTime),
        ("strftime", [Expr::Text(format), rest @ ..])
            if rest.is_empty() || (rest.len() == 1 && is_now(&rest[0])) =>
        {
            let format = format.replace('T', " ");
            let format = format
                .strip_suffix('Z')
                .or_else(|| format.strip_suffix("+00:00"))
                .unwrap_or(&format);
            match format {
                "%Y-%m-%d %H:%M:%S" | "%F %H:%M:%S" | "%Y-%m-%d %T" | "%F %T" => {
                    Some(Expr::CurrentTimestamp(0))
                }
                "%Y-%m-%d %H:%M:%f" | "%F %H:%M:%f" => Some(Expr::CurrentTimestamp(3)),
                "%Y-%m-%d" | "%F" => Some(Expr::CurrentDate),
                "%H:%M:%S" => Some(Expr::CurrentTime),
                _ => None,
            }
        }
        _ => None,
    }
}

pub(crate) fn substr(arguments: Vec<Expr>) -> Option<Expr> {
    let sound = match &arguments[..] {
        [_, from] => natural(from, 1),
        [_, from, n] => natural(from, 1) && natural(n, 0),
        _ => false,
    };
    sound.then(|| call("substr", arguments))
}

fn natural(e: &Expr, least: u64) -> bool {
    matches!(e, Expr::Number(n) if n.parse::<u64>().is_ok_and(|n| n >= least))
}

fn never_null(e: &Expr) -> bool {
    match e {
        Expr::Bool(_) | Expr::Number(_) | Expr::Text(_) | Expr::Bytes(_) => true,
        Expr::CurrentTimestamp(_) | Expr::CurrentDate | Expr::CurrentTime => true,
        Expr::Call(name, parts) => name == "coalesce" && parts.iter().any(never_null),
        _ => false,
    }
}
