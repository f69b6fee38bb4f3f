//! Server errors as [`Error`]s: one table from error number to kind, and no row values in the words.

use limosa_core::error::{Error, ErrorKind};
use limosa_core::secret::scrub;

/// The kind of a server error, by its number.
///
/// Source: MySQL manual, "Server Error Message Reference"; MariaDB manual, "MariaDB Error Code Reference".
pub(crate) fn kind(code: u16) -> ErrorKind {
    match code {
        1205 | 1213 | 1637 | 3058 | 3572 => ErrorKind::Contention,
        1040 | 1053 | 1077 | 1203 | 1226 | 1927 | 3168 => ErrorKind::Busy,
        2002 | 2003 | 2006 | 2013 | 2055 | 1158..=1161 | 4031 => ErrorKind::Connection,
        1045 | 1698 | 1862 | 3118 | 1251 | 3159 | 4151 => ErrorKind::Authentication,
        1044 | 1142 | 1143 | 1227 | 1370 | 1095 | 1290 | 1419 | 1836 => ErrorKind::Privilege,
        // 1644: a trigger raised it.
        1048 | 1062 | 1216 | 1217 | 1451 | 1452 | 1586 | 1644 | 1761 | 1762 | 1859 | 3819
        | 4025 => ErrorKind::Constraint,
        1264
        | 1265
        | 1292
        | 1366
        | 1406
        | 1411
        | 1425
        | 1426
        | 1300
        | 1364
        | 1367
        | 1416
        | 1441
        | 1690
        | 3140..=3158
        | 3668
        | 3669
        | 4038 => ErrorKind::Value,
        1021 | 1037 | 1038 | 1041 | 1114 | 1118 | 1135 | 1153 | 1206 | 1436 | 1534 => {
            ErrorKind::Resource
        }
        1049 | 1051 | 1146 | 1054 | 1091 | 1176 | 1305 | 1109 | 1360 => ErrorKind::Missing,
        1007 | 1022 | 1050 | 1060 | 1061 | 1068 | 1304 | 1359 | 1826 | 3822 => ErrorKind::Conflict,
        1235 | 1214 | 1220 | 1286 | 1148 | 3948 | 4161 | 4166 => ErrorKind::Unsupported,
        1317 => ErrorKind::Interrupted,
        _ => ErrorKind::Server,
    }
}

/// Takes the quoted values out of messages that hold row values, and secrets out of all.
pub(crate) fn words(code: u16, text: &str) -> String {
    let carries_value = matches!(
        code,
        1062 | 1586 | 1366 | 1292 | 1411 | 1265 | 1264 | 1300 | 1367 | 1525 | 3140..=3158
    );
    if !carries_value {
        return scrub(text);
    }
    // The value stands in quotes after one of these words; names in quotes after others stay.
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('\'') {
        let (head, tail) = rest.split_at(open);
        out.push_str(head);
        let before = head.trim_end().to_ascii_lowercase();
        let value = ["value:", "value", "entry", "string:", "string", "text:"]
            .iter()
            .any(|w| before.ends_with(w));
        let inner = &tail[1..];
        // A value may itself hold quotes: it ends at the last quote before the words that follow one.
        let end = if value {
            let limit = [" for column", " for key", " for function", " to "]
                .iter()
                .filter_map(|w| inner.rfind(&format!("'{w}")))
                .max();
            limit.or_else(|| inner.rfind('\''))
        } else {
            inner.find('\'')
        };
        match end {
            Some(end) => {
                out.push('\'');
                out.push_str(if value { "…" } else { &inner[..end] });
                out.push('\'');
                rest = &inner[end + 1..];
            }
            None => {
                out.push('\'');
                out.push_str(if value { "…'" } else { inner });
                rest = "";
            }
        }
    }
    out.push_str(rest);
    scrub(&out)
}

/// A server error as ours.
pub(crate) fn server(doing: &str, code: u16, text: &str) -> Error {
    let mut error = Error::new(kind(code), doing, words(code, text)).code(code.to_string());
    if let Some(hint) = match code {
        1153 => Some("raise max_allowed_packet on the server"),
        1205 => Some("another transaction held a lock for longer than innodb_lock_wait_timeout"),
        1251 | 2059 => Some("the account uses an authentication plugin that is not supported here"),
        3948 | 4166 | 1148 => Some("set local_infile=ON on the server"),
        _ => None,
    } {
        error = error.hint(hint);
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_values_do_not_survive_in_messages() {
        for (code, text, want) in [
            (
                1062,
                "Duplicate entry 'o'brien@x' for key 't.PRIMARY'",
                "Duplicate entry '…' for key 't.PRIMARY'",
            ),
            (
                1366,
                "Incorrect integer value: 'se' for column 'x' for column `d`.`t`.`a` at row 1",
                "Incorrect integer value: '…' for column `d`.`t`.`a` at row 1",
            ),
            (
                1292,
                "Incorrect uuid value: '6ccd780c' for column `x`.`t`.`h` at row 1",
                "Incorrect uuid value: '…' for column `x`.`t`.`h` at row 1",
            ),
            (
                1146,
                "Table 'x.t' doesn't exist",
                "Table 'x.t' doesn't exist",
            ),
            (
                1265,
                "Data truncated for column 'a' at row 1",
                "Data truncated for column 'a' at row 1",
            ),
        ] {
            assert_eq!(words(code, text), want);
        }
        assert_eq!(kind(1213), ErrorKind::Contention);
    }
}
