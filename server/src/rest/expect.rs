//! JSON read as it comes, straight into what it is for. A value of a wrong type is read over and
//! told, so that all faults are told at once; a name that stands twice ends the reading, as with
//! [`super::once`].

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::once::TWICE;

/// The most names of one object that are looked at. Nothing here has nearly as many.
pub const NAMES: usize = 1000;

/// What is expected of a value. All that is not overridden is of a wrong type.
pub trait Expect<'de>: Sized {
    type Value;

    /// The value is of a wrong type.
    fn wrong(self) -> Self::Value;

    fn null(self) -> Self::Value {
        self.wrong()
    }

    fn text(self, _: &str) -> Self::Value {
        self.wrong()
    }

    fn array<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element_seed(Any(Over))?.is_some() {}
        Ok(self.wrong())
    }

    fn object<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut names = Names::default();
        while let Some(name) = members.next_key()? {
            names.enter(name)?;
            members.next_value_seed(Any(Over))?;
        }
        Ok(self.wrong())
    }
}

/// Reads a value over.
pub struct Over;

impl Expect<'_> for Over {
    type Value = ();

    fn wrong(self) {}
}

/// The names of one object, each of which stands there once.
#[derive(Default)]
pub struct Names(HashSet<String>);

impl Names {
    /// # Errors
    /// A data error where it stands twice, or there are more than [`NAMES`].
    pub fn enter<E: Error>(&mut self, name: String) -> Result<(), E> {
        if self.0.len() == NAMES {
            return Err(E::custom("An object has at most 1000 names here"));
        }
        if self.0.insert(name) {
            Ok(())
        } else {
            Err(E::custom(TWICE))
        }
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }
}

/// Reads a value as it is expected.
pub struct Any<E>(pub E);

impl<'de, E: Expect<'de>> DeserializeSeed<'de> for Any<E> {
    type Value = E::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<E::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, E: Expect<'de>> Visitor<'de> for Any<E> {
    type Value = E::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<X>(self) -> Result<E::Value, X> {
        Ok(self.0.null())
    }

    fn visit_bool<X>(self, _: bool) -> Result<E::Value, X> {
        Ok(self.0.wrong())
    }

    fn visit_i64<X>(self, _: i64) -> Result<E::Value, X> {
        Ok(self.0.wrong())
    }

    fn visit_u64<X>(self, _: u64) -> Result<E::Value, X> {
        Ok(self.0.wrong())
    }

    fn visit_f64<X>(self, _: f64) -> Result<E::Value, X> {
        Ok(self.0.wrong())
    }

    fn visit_str<X>(self, text: &str) -> Result<E::Value, X> {
        Ok(self.0.text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<E::Value, A::Error> {
        self.0.array(items)
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<E::Value, A::Error> {
        self.0.object(members)
    }
}
