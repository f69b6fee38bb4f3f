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

/// Says a JSON array in PostgreSQL's form; `None` if it is none. A JSON string is an array's own text. With `json`, the elements are JSON
/// themselves and only the outermost list is an array. Numbers keep every digit that they were written with.
pub(super) fn from_json(json: &str, elements_are_json: bool) -> Option<String> {
    if json.trim_ascii_start().starts_with('"') {
        let own: String = serde_json::from_str(json).ok()?;
        return own.starts_with(['{', '[']).then_some(own);
    }
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

/// Says a JSON object in PostgreSQL's form of a row, its values in the order in which they come, which
/// for `to_json` is that of the fields; `None` if it is none.
pub(super) fn record(json: &str) -> Option<String> {
    let mut out = Vec::with_capacity(json.len() + 8);
    fields(serde_json::from_str(json).ok()?, &mut out)?;
    String::from_utf8(out).ok()
}

fn fields(object: Members<'_>, out: &mut Vec<u8>) -> Option<()> {
    out.push(b'(');
    for (i, (_, item)) in object.0.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        let text = item.get();
        let mut inner = Vec::new();
        match text.as_bytes().first()? {
            b'{' => fields(serde_json::from_str(text).ok()?, &mut inner)?,
            b'[' => elements(
                &serde_json::from_str::<Vec<&RawValue>>(text).ok()?,
                &mut inner,
            )?,
            b'"' => inner = serde_json::from_str::<String>(text).ok()?.into_bytes(),
            // NULL is nothing at all.
            b'n' => continue,
            _ => {
                out.extend_from_slice(text.as_bytes());
                continue;
            }
        }
        out.push(b'"');
        for b in inner {
            if matches!(b, b'"' | b'\\') {
                out.push(b);
            }
            out.push(b);
        }
        out.push(b'"');
    }
    out.push(b')');
    Some(())
}

/// Says a JSON object of texts in hstore's form; `None` if it is none.
pub(super) fn hstore(json: &str) -> Option<String> {
    let object: Members<'_> = serde_json::from_str(json).ok()?;
    let mut out = Vec::with_capacity(json.len() + 8);
    for (i, (name, item)) in object.0.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        quoted(name, &mut out);
        out.extend_from_slice(b"=>");
        match item.get() {
            "null" => out.extend_from_slice(b"NULL"),
            text if text.starts_with('"') => {
                quoted(&serde_json::from_str::<String>(text).ok()?, &mut out);
            }
            text => quoted(text, &mut out),
        }
    }
    String::from_utf8(out).ok()
}

/// The members of an object in the order in which they are written.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> serde::Deserialize<'de> for Members<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        from.deserialize_map(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_said_as_rows_and_as_hstore() {
        assert_eq!(
            record(r#"{"b":1,"a":null,"c":"x \"y\" \\","d":{"e":"f"},"g":[1,"h"]}"#).as_deref(),
            Some(r#"(1,,"x ""y"" \\","(""f"")","{1,""h""}")"#)
        );
        assert_eq!(
            hstore(r#"{"a":"b\"","c":null}"#).as_deref(),
            Some(r#""a"=>"b\"","c"=>NULL"#)
        );
        assert_eq!(record("[]"), None);
    }

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
        for own in ["[0:1]={1,2}", "{NULL,\"null\"}"] {
            let json = serde_json::to_string(own).expect("a text can be said");
            assert_eq!(from_json(&json, false).as_deref(), Some(own));
            assert_eq!(from_json(&json, true).as_deref(), Some(own));
        }
        assert_eq!(from_json("\"plain\"", false), None);
        assert_eq!(from_json("{}", false), None);
        assert_eq!(from_json(r#"[{"a":1}]"#, false), None);
    }
}
