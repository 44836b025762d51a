//! Decodes the names and values of a form or a query; an unknown name is a fault.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::mem;

use serde::de::value::{self, MapDeserializer};
use serde::de::{DeserializeOwned, Deserializer, IntoDeserializer, Visitor};

use crate::lenient::{LENIENT, attempt};
use crate::sanitize::printable;
use crate::{Refusal, refusal};

/// The maximum number of faults in names.
const FAULTS_MAX: usize = 20;

/// The longest name in a fault, in characters.
const NAME_MAX: usize = 80;

/// The fields of a form or a query. They are taken by name; a name that is repeated or not taken is a
/// fault, so that a mistyped condition does not match everything.
#[derive(Debug)]
pub struct Fields<'a> {
    values: BTreeMap<&'a str, &'a str>,
    faults: Refusal,
}

impl<'a> Fields<'a> {
    /// The fields of these names and values.
    pub fn new(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut fields = Self {
            values: BTreeMap::new(),
            faults: Refusal::invalid(),
        };
        for (name, value) in pairs {
            if fields.values.insert(name, value).is_some() {
                fields.refuse_name(name, "is here twice");
            }
        }
        fields
    }

    /// Like [`Fields::new`], for owned names and values.
    pub fn of(pairs: &'a [(String, String)]) -> Self {
        Self::new(pairs.iter().map(|(name, value)| (&**name, &**value)))
    }

    /// Takes all fields by `take`.
    ///
    /// # Errors
    /// [`Kind::Invalid`](crate::Kind::Invalid) with the faults of values, and of names that are repeated
    /// or unknown.
    pub fn read<T>(mut self, take: impl FnOnce(&mut Self) -> T) -> Result<T, Refusal> {
        let taken = take(&mut self);
        while let Some((name, _)) = self.values.pop_first() {
            self.refuse_name(name, "is unknown here");
        }
        self.faults.or_ok()?;
        Ok(taken)
    }

    /// Takes the fields of `T` and decodes them. Each is a text. An invalid [lenient](crate::lenient)
    /// field adds a fault and has its default.
    pub fn decode<T: DeserializeOwned + Default>(&mut self) -> T {
        let values = mem::take(&mut self.values);
        let fields = RefCell::new(&mut *self);
        let members = values.into_iter().map(|(name, text)| {
            let fields = &fields;
            (name, FieldValue { name, text, fields })
        });
        let decoded: Result<T, value::Error> = T::deserialize(MapDeserializer::new(members));
        decoded.unwrap_or_else(|fault| {
            self.add(refusal::REQUEST, fault.to_string());
            T::default()
        })
    }

    /// Takes the value of a field; `None` if it is absent.
    pub fn take(&mut self, name: &str) -> Option<&'a str> {
        self.values.remove(name)
    }

    /// Takes a number. `None` for an absent field, and with a fault for a text that is not a number from
    /// 0 on.
    pub fn take_number(&mut self, name: &str) -> Option<i64> {
        let number = self.take(name)?.parse().ok().filter(|number| *number >= 0);
        if number.is_none() {
            self.add(name, "This must be a number.");
        }
        number
    }

    /// Adds the fault of a field.
    pub fn add(&mut self, name: &str, text: impl Into<String>) {
        self.faults.add(name, text);
    }

    fn refuse_name(&mut self, name: &str, fault: &str) {
        if self.faults.fields.len() < FAULTS_MAX {
            let name = printable(name, NAME_MAX);
            let text = format!("The field “{name}” {fault}.");
            match name.as_str() {
                "" => self.add(refusal::REQUEST, text),
                name => self.add(name, text),
            }
        }
    }
}

/// The value of a field while it is decoded, with the fields to which it is returned if no type knows
/// its name.
#[derive(Clone, Copy)]
struct FieldValue<'d, 'f, 'a> {
    name: &'a str,
    text: &'a str,
    fields: &'d RefCell<&'f mut Fields<'a>>,
}

impl IntoDeserializer<'_, value::Error> for FieldValue<'_, '_, '_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for FieldValue<'_, '_, '_> {
    type Error = value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, value::Error> {
        visitor.visit_str(self.text)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, value::Error> {
        match name {
            LENIENT => attempt(self, visitor, |fault| {
                self.fields.borrow_mut().add(self.name, fault.to_string());
            }),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(
        self,
        visitor: V,
    ) -> Result<V::Value, value::Error> {
        self.fields.borrow_mut().values.insert(self.name, self.text);
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct seq tuple tuple_struct map struct enum identifier
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::Timestamp;

    fn read(pairs: &[(&str, &str)]) -> Result<(Option<String>, Option<i64>), Vec<String>> {
        let fields = Fields::new(pairs.iter().copied());
        let read = fields.read(|fields| {
            let address = fields.take("address").map(str::to_owned);
            (address, fields.take_number("number"))
        });
        read.map_err(|refusal| refusal.fields.into_keys().collect())
    }

    #[test]
    fn each_field_is_known_and_there_once() {
        let both = [("address", "a@example.org"), ("number", "3")];
        assert_eq!(read(&both), Ok((Some("a@example.org".to_owned()), Some(3))));
        assert_eq!(read(&[]), Ok((None, None)));
        for (pairs, faults) in [
            (&[("adress", "a")][..], &["adress"][..]),
            (&[("address", "a"), ("address", "a")], &["address"]),
            (&[("number", "-1"), ("x", "")], &["number", "x"]),
            (&[("number", "")], &["number"]),
            (&[("", "")], &["request"]),
        ] {
            assert_eq!(
                read(pairs),
                Err(faults.iter().map(ToString::to_string).collect())
            );
        }
    }

    #[derive(Debug, Default, PartialEq, Eq, Deserialize)]
    struct Since {
        #[serde(default, deserialize_with = "crate::criterion::time")]
        since: Option<Timestamp>,
    }

    #[test]
    fn types_take_the_fields_that_they_name() {
        let read = |pairs: &[(&str, &str)]| {
            let fields = Fields::new(pairs.iter().copied());
            fields.read(|fields| (fields.decode(), fields.take("x").map(str::to_owned)))
        };
        let since = Timestamp::parse("2026-11-20");
        let pairs = [("x", "1"), ("since", "2026-11-20")];
        assert_eq!(read(&pairs), Ok((Since { since }, Some("1".to_owned()))));
        assert_eq!(read(&[]), Ok((Since::default(), None)));
        let refusal = read(&[("since", "soon"), ("until", "")]).expect_err("refused");
        let faults: Vec<&String> = refusal.fields.keys().collect();
        assert_eq!(faults, ["since", "until"]);
    }

    #[test]
    fn a_flood_of_names_has_few_faults() {
        let names: Vec<String> = (0..1000).map(|number| format!("x{number}")).collect();
        let pairs: Vec<_> = names.iter().map(|name| (name.as_str(), "")).collect();
        assert_eq!(read(&pairs).expect_err("refused").len(), FAULTS_MAX);
    }
}
