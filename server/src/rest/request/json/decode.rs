//! Decodes a parsed body into a type that derives `Deserialize`, and reports every fault by field.
//!
//! A type marks values that may fail separately with [`domain::lenient`]: the fault is recorded under
//! the path of the value, and decoding goes on with the default. A member that no type knows is a fault
//! as well.

use std::borrow::Cow;
use std::fmt;
use std::vec;

use domain::lenient::{LENIENT, Lenient, attempt};
use domain::{refusal, sanitize};
use serde::Deserialize;
use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, Error, Expected, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, Visitor,
};

use super::faults::Faults;
use super::value::Json;

/// The longest name in the name of a field, in characters.
const NAME: usize = 80;

/// The position of a value in the body.
#[derive(Clone, Copy)]
pub enum Path<'p> {
    Body,
    Member(&'p Path<'p>, &'p str),
    Item(&'p Path<'p>, usize),
}

impl fmt::Display for Path<'_> {
    /// Formats the position, such as `attachments[1].filename`. A member of a member has its own name
    /// only: `smtp_host`, not `data.smtp_host`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body => Ok(()),
            Self::Member(Self::Body | Self::Member(..), name) => {
                f.write_str(&sanitize::printable(name, NAME))
            }
            Self::Member(parent, name) => write!(f, "{parent}.{}", sanitize::printable(name, NAME)),
            Self::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

impl Path<'_> {
    /// The name of the value in errors.
    pub fn field(&self) -> String {
        match self {
            Self::Body => refusal::REQUEST.to_owned(),
            path => path.to_string(),
        }
    }
}

/// Decodes the value at `path`. `None` if it is of a wrong type as a whole. The faults of the value and
/// of its members are in `faults`.
pub fn decode<'de, T: Deserialize<'de>>(
    value: Json<'de>,
    path: Path<'_>,
    faults: &Faults,
) -> Option<T> {
    let decoder = Decoder {
        value,
        path: &path,
        faults,
    };
    Lenient::deserialize(decoder)
        .ok()
        .and_then(|Lenient(decoded)| decoded)
}

/// Why a value cannot be decoded, as a sentence.
#[derive(Debug)]
pub struct Mismatch(String);

impl Mismatch {
    fn expected(expected: &dyn Expected) -> Self {
        let expected = expected.to_string();
        let expected = match expected.as_str() {
            "a boolean" => "true or false",
            "a sequence" => "an array",
            "a map" => "an object",
            "i64" | "u64" | "u16" => "a whole number",
            // What serde derives for a struct.
            other if other.starts_with("struct ") => "an object",
            other => other,
        };
        Self(format!("This is {expected}."))
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Mismatch {}

impl Error for Mismatch {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self(text.to_string())
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::expected(expected)
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::expected(expected)
    }
}

/// A value with its path, and the collector of faults.
struct Decoder<'p, 'de> {
    value: Json<'de>,
    path: &'p Path<'p>,
    faults: &'p Faults,
}

impl<'de> Deserializer<'de> for Decoder<'_, 'de> {
    type Error = Mismatch;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        let Self {
            value,
            path,
            faults,
        } = self;
        match value {
            Json::Null => visitor.visit_unit(),
            Json::Bool(value) => visitor.visit_bool(value),
            Json::Unsigned(value) => visitor.visit_u64(value),
            Json::Signed(value) => visitor.visit_i64(value),
            Json::Float(value) => visitor.visit_f64(value),
            Json::Text(Cow::Borrowed(text)) => visitor.visit_borrowed_str(text),
            Json::Text(Cow::Owned(text)) => visitor.visit_string(text),
            Json::Array(items) => visitor.visit_seq(Items {
                items: items.into_iter().enumerate(),
                path,
                faults,
            }),
            Json::Object(members) => visitor.visit_map(Members {
                members: members.into_iter(),
                next: None,
                path,
                faults,
            }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match self.value {
            Json::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        match name {
            LENIENT => {
                let (path, faults) = (self.path, self.faults);
                attempt(self, visitor, |Mismatch(text)| {
                    faults.add(&path.field(), &text);
                })
            }
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        match self.value {
            Json::Text(text) => visitor.visit_enum(text.into_deserializer()),
            _ => Err(Mismatch("This is a string.".to_owned())),
        }
    }

    /// A member that no type knows is reported as a fault, although derived types ignore it.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        let field = self.path.field();
        self.faults.add_unknown(&field);
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier
    }
}

struct Items<'p, 'de> {
    items: std::iter::Enumerate<vec::IntoIter<Json<'de>>>,
    path: &'p Path<'p>,
    faults: &'p Faults,
}

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = Mismatch;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Mismatch> {
        let Some((index, value)) = self.items.next() else {
            return Ok(None);
        };
        let item = Decoder {
            value,
            path: &Path::Item(self.path, index),
            faults: self.faults,
        };
        seed.deserialize(item).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

struct Members<'p, 'de> {
    members: vec::IntoIter<(Cow<'de, str>, Json<'de>)>,
    /// The member whose name was returned, and whose value was not yet.
    next: Option<(Cow<'de, str>, Json<'de>)>,
    path: &'p Path<'p>,
    faults: &'p Faults,
}

impl<'de> MapAccess<'de> for Members<'_, 'de> {
    type Error = Mismatch;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Mismatch> {
        self.next = self.members.next();
        let Some((name, _)) = &self.next else {
            return Ok(None);
        };
        seed.deserialize(StrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Mismatch> {
        let Some((name, value)) = self.next.take() else {
            return Err(Mismatch::custom("a value was asked for without its name"));
        };
        seed.deserialize(Decoder {
            value,
            path: &Path::Member(self.path, &name),
            faults: self.faults,
        })
    }
}
