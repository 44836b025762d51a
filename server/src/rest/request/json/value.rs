//! A JSON value that borrows from the body it was parsed from. Object names are unique.
//!
//! RFC 8259 section 4 leaves open which of two members of the same name counts: a proxy that reads
//! the first and a server that reads the last would take one body for two. Such a body is refused.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;

use domain::{Kind, Refusal};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// The most members of one object.
const MEMBERS: usize = 1000;

/// The most values of one body. A batch of 500 mails with 100 recipients and 100 headers each has
/// 105,000; the tree of so many values takes about 7 MB.
const VALUES: u32 = 120_000;

/// Objects with more members look a name up in a set instead of comparing it with each.
const COMPARED: usize = 16;

/// A JSON value. Members keep their order.
#[derive(Debug, PartialEq)]
pub enum Json<'a> {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(Cow<'a, str>),
    Array(Vec<Json<'a>>),
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

/// Parses a body. `expected` completes the refusal, as in `This is not a JSON object`.
///
/// # Errors
/// [`Kind::BadRequest`] with line and column: not JSON, a name twice in one object, an object of
/// more than [`MEMBERS`] members; [`Kind::TooLarge`] for more than [`VALUES`] values.
pub fn parse<'a>(body: &'a [u8], expected: &str) -> Result<Json<'a>, Refusal> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let left = Cell::new(Some(VALUES));
    Tree { left: &left }
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value))
        .map_err(|error| {
            let kind = match left.get() {
                Some(_) => Kind::BadRequest,
                None => Kind::TooLarge,
            };
            unreadable(kind, &error, expected)
        })
}

/// A data error is one of ours and names its fault itself.
fn unreadable(kind: Kind, error: &serde_json::Error, expected: &str) -> Refusal {
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    let fault = match text.split(" at line ").next() {
        Some(fault) if error.is_data() => fault,
        Some("recursion limit exceeded") => {
            "The body has more than 127 levels of arrays and objects"
        }
        Some("invalid unicode code point") => "The body is not UTF-8",
        _ => expected,
    };
    let text = format!("{fault}: line {line}, column {column}.");
    Refusal::new(kind, text)
}

#[derive(Clone, Copy)]
struct Tree<'c> {
    /// How many values may still come; `None` after one too many.
    left: &'c Cell<Option<u32>>,
}

impl<'de> DeserializeSeed<'de> for Tree<'_> {
    type Value = Json<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json<'de>, D::Error> {
        let left = self.left.get().and_then(|left| left.checked_sub(1));
        self.left.set(left);
        if left.is_none() {
            return Err(D::Error::custom("A body has at most 120,000 values here"));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree<'_> {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json<'de>, E> {
        Ok(Json::Unsigned(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json<'de>, E> {
        Ok(Json::Signed(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json<'de>, E> {
        Ok(Json::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Borrowed(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json<'de>, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            array.push(item);
        }
        Ok(Json::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json<'de>, A::Error> {
        let mut object: Vec<(Cow<'de, str>, Json<'de>)> = Vec::new();
        let mut names = HashSet::new();
        while let Some(Name(name)) = members.next_key()? {
            if object.len() == MEMBERS {
                return Err(A::Error::custom("An object has at most 1000 names here"));
            }
            if object.len() == COMPARED {
                names.extend(object.iter().map(|(name, _)| name.clone()));
            }
            let twice = if object.len() < COMPARED {
                object.iter().any(|(other, _)| *other == name)
            } else {
                !names.insert(name.clone())
            };
            if twice {
                return Err(A::Error::custom("A name occurs twice in one object"));
            }
            object.push((name, members.next_value_seed(self)?));
        }
        Ok(Json::Object(object))
    }
}

/// A member's name, borrowed where it has no escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(body: &str) -> String {
        let refusal = parse(body.as_bytes(), "This is not JSON").expect_err(body);
        assert_eq!(refusal.kind, Kind::BadRequest);
        refusal.text().to_owned()
    }

    #[test]
    fn values_are_parsed_in_their_order() {
        let body = r#"{"b":[1,-2,2.5,"é\n",true,null],"a":{"a":18446744073709551615}}"#;
        let (b, a) = (Cow::Borrowed("b"), Cow::Borrowed("a"));
        let array = vec![
            Json::Unsigned(1),
            Json::Signed(-2),
            Json::Float(2.5),
            Json::Text(Cow::Borrowed("é\n")),
            Json::Bool(true),
            Json::Null,
        ];
        let object = Json::Object(vec![(a.clone(), Json::Unsigned(u64::MAX))]);
        assert_eq!(
            parse(body.as_bytes(), "").expect("JSON"),
            Json::Object(vec![(b, Json::Array(array)), (a, object)])
        );
    }

    #[test]
    fn a_name_is_unique_at_any_depth() {
        let many: String = (0..40).map(|n| format!("\"{n}\":1,")).collect();
        for body in [
            r#"{"a":1,"a":1}"#.to_owned(),
            r#"[{"b":{"a":1,"\u0061":2}}]"#.to_owned(),
            format!("{{{many}\"7\":1}}"),
            format!("{{{many}\"39\":1}}"),
        ] {
            let text = fault(&body);
            assert!(
                text.starts_with("A name occurs twice in one object: line 1, column "),
                "{text}"
            );
        }
        assert!(parse(format!("{{{many}\"40\":1}}").as_bytes(), "").is_ok());
    }

    #[test]
    fn depth_and_encoding_are_named() {
        let deep = fault(&format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200)));
        assert!(
            deep.starts_with("The body has more than 127 levels"),
            "{deep}"
        );
        let deep = fault(&"[".repeat(100_000));
        assert!(
            deep.starts_with("The body has more than 127 levels"),
            "{deep}"
        );
        let refusal = parse(b"{\"a\":\"\xff\"}", "This is not JSON").expect_err("not UTF-8");
        assert!(
            refusal.text().starts_with("The body is not UTF-8: line 1"),
            "{refusal}"
        );
    }

    #[test]
    fn a_body_has_limits() {
        let names: String = (0..MEMBERS).map(|n| format!("\"{n}\":1,")).collect();
        assert!(fault(&format!("{{{names}\"x\":1}}")).starts_with("An object has at most 1000"));
        let values = |count: usize| format!("[{}]", vec!["1"; count].join(","));
        // The array is a value as well.
        let refusal = parse(values(120_000).as_bytes(), "").expect_err("one too many");
        assert_eq!(refusal.kind, Kind::TooLarge);
        let text = refusal.text();
        assert!(text.starts_with("A body has at most 120,000"), "{text}");
        assert!(parse(values(119_999).as_bytes(), "").is_ok());
    }

    #[test]
    fn invalid_json_is_refused_with_its_position() {
        for body in ["", "{\"a\":01}", "{} {}"] {
            let text = fault(body);
            assert!(
                text.starts_with("This is not JSON: line 1, column "),
                "{text}"
            );
        }
    }
}
