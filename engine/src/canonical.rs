//! Payloads as canonical JSON text: keys sorted by bytes, no blanks, strings as serde_json prints
//! them and numbers nearly so.

use serde_json::{Map, Number, Value};

/// Append the canonical text of `map` to `out`.
pub fn write_object(map: &Map<String, Value>, out: &mut Vec<u8>) {
    out.push(b'{');
    if is_sorted(map) {
        let mut first = true;
        for (key, value) in map {
            write_member(key, value, &mut first, out);
        }
    } else {
        let mut members: Vec<(&String, &Value)> = map.iter().collect();
        members.sort_unstable_by(|left, right| left.0.as_bytes().cmp(right.0.as_bytes()));
        let mut first = true;
        for (key, value) in members {
            write_member(key, value, &mut first, out);
        }
    }
    out.push(b'}');
}

/// A payload keeps the order it was written in, so what we wrote ourselves is sorted already.
fn is_sorted(map: &Map<String, Value>) -> bool {
    let mut keys = map.keys();
    let Some(mut previous) = keys.next() else {
        return true;
    };
    for key in keys {
        if key.as_bytes() < previous.as_bytes() {
            return false;
        }
        previous = key;
    }
    true
}

fn write_member(key: &str, value: &Value, first: &mut bool, out: &mut Vec<u8>) {
    if !*first {
        out.push(b',');
    }
    *first = false;
    write_string(key, out);
    out.push(b':');
    write_value(value, out);
}

fn write_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => write_number(number, out),
        Value::String(text) => write_string(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_value(item, out);
            }
            out.push(b']');
        }
        Value::Object(map) => write_object(map, out),
    }
}

/// As serde_json prints it, but `1e16` where that says `1e+16`.
fn write_number(number: &Number, out: &mut Vec<u8>) {
    let start = out.len();
    // Writing to memory does not fail, and a Number is always finite.
    drop(serde_json::to_writer(&mut *out, number));
    if let Some(plus) = out[start..].iter().position(|byte| *byte == b'+') {
        out.remove(start + plus);
    }
}

fn write_string(text: &str, out: &mut Vec<u8>) {
    let plain = text
        .bytes()
        .all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\');
    if plain {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        drop(serde_json::to_writer(&mut *out, text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        let map: Map<String, Value> = serde_json::from_str(text).unwrap();
        let mut out = Vec::new();
        write_object(&map, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn keys_are_sorted_by_bytes_at_every_level() {
        assert_eq!(
            canonical(r#"{"b": 1, "a": {"é": 1, "z": [ {"y":1,"x":2} ]}, "": null, "B": true}"#),
            r#"{"":null,"B":true,"a":{"z":[{"x":2,"y":1}],"é":1},"b":1}"#
        );
    }

    #[test]
    fn numbers_keep_their_kind_and_print_shortest() {
        assert_eq!(
            canonical(
                r#"{"a":[1, 1.0, -0.0, 0.1, 1e-7, 1e-5, 0.0001, 1e15, 1e16, 1e17, 1.5e300, 1e21, 1.5e20,
                        18446744073709551615, -9223372036854775808, 18446744073709551616, 5e-324]}"#
            ),
            r#"{"a":[1,1.0,-0.0,0.1,1e-7,0.00001,0.0001,1000000000000000.0,1e16,1e17,1.5e300,1e21,1.5e20,18446744073709551615,-9223372036854775808,1.8446744073709552e19,5e-324]}"#
        );
    }

    #[test]
    fn strings_are_escaped_as_little_as_json_allows() {
        let mut map = Map::new();
        map.insert(
            "s".into(),
            Value::String("\"\\/\u{8}\u{c}\n\r\t\u{1}\u{1f}\u{7f}é€\u{2028}😀".into()),
        );
        let mut out = Vec::new();
        write_object(&map, &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "{\"s\":\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\u{7f}é€\u{2028}😀\"}"
        );
    }
}
