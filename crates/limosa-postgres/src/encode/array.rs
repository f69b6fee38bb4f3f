//! Arrays: from JSON to PostgreSQL's own text form.

use serde_json::value::RawValue;

/// Writes words as an array.
pub(super) fn words(words: &[Option<&str>], out: &mut Vec<u8>) {
    out.push(b'{');
    for (i, word) in words.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        match word {
            Some(word) => quoted(word, out),
            None => out.extend_from_slice(b"NULL"),
        }
    }
    out.push(b'}');
}

fn quoted(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for b in text.bytes() {
        if matches!(b, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(b);
    }
    out.push(b'"');
}

/// Says a JSON array in PostgreSQL's form; `None` if it is none. With `json`, the elements are JSON
/// themselves and only the outermost list is an array. Numbers keep every digit that they were written with.
pub(super) fn from_json(json: &str, elements_are_json: bool) -> Option<String> {
    let mut out = Vec::with_capacity(json.len() + 8);
    let parts: Vec<&RawValue> = serde_json::from_str(json).ok()?;
    if elements_are_json {
        let parts: Vec<Option<&str>> = parts
            .iter()
            .map(|p| Some(p.get()).filter(|t| *t != "null"))
            .collect();
        words(&parts, &mut out);
    } else {
        elements(&parts, &mut out)?;
    }
    String::from_utf8(out).ok()
}

fn elements(list: &[&RawValue], out: &mut Vec<u8>) -> Option<()> {
    out.push(b'{');
    for (i, item) in list.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        let text = item.get();
        match text.as_bytes().first()? {
            b'{' => return None,
            b'[' => elements(&serde_json::from_str::<Vec<&RawValue>>(text).ok()?, out)?,
            b'"' => quoted(&serde_json::from_str::<String>(text).ok()?, out),
            b'n' => out.extend_from_slice(b"NULL"),
            _ => out.extend_from_slice(text.as_bytes()),
        }
    }
    out.push(b'}');
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_are_said_with_their_quotes() {
        assert_eq!(
            from_json(r#"[1,null,"a\"b\\,{}",[true]]"#, false).as_deref(),
            Some(r#"{1,NULL,"a\"b\\,{}",{true}}"#)
        );
        assert_eq!(
            from_json(r#"[{"a":1},null,"x"]"#, true).as_deref(),
            Some(r#"{"{\"a\":1}",NULL,"\"x\""}"#)
        );
        assert_eq!(from_json("{}", false), None);
        assert_eq!(from_json(r#"[{"a":1}]"#, false), None);
    }
}
