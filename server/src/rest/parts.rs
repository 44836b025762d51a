//! The parts of a handed-over mail that have parts themselves: header fields and attachments.

use domain::sanitize;
use engine::Attachment;
use serde::de::{MapAccess, SeqAccess};

use super::expect::{Any, Expect, Names, Over};
use super::mails::{Entry, Faults, NO_SUCH_FIELD, Text, octets};
use super::octets::{Octets, Read};

/// The most header fields and attachments that are read; the engine takes one fewer.
const PARTS: usize = 101;

/// Header fields by name: a value, or an array of values.
pub struct Headers<'f>(pub &'f mut Faults);

impl<'de> Expect<'de> for Headers<'_> {
    type Value = Vec<(String, String)>;

    fn wrong(self) -> Self::Value {
        let text = "This is an object of names and values.";
        self.0.add("headers", text);
        Vec::new()
    }

    fn null(self) -> Self::Value {
        Vec::new()
    }

    fn object<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let Self(faults) = self;
        let mut headers = Vec::new();
        let mut names = Names::default();
        while let Some(name) = members.next_key::<String>()? {
            let values = members.next_value_seed(Any(Values))?;
            match values {
                Some(values) => {
                    let room = PARTS.saturating_sub(headers.len());
                    let named = values.into_iter().map(|value| (name.clone(), value));
                    headers.extend(named.take(room));
                }
                None => {
                    let name = sanitize::printable(&name, 80);
                    let text = format!("“{name}” is a string, or an array of strings.");
                    faults.add("headers", &text);
                }
            }
            names.enter(name)?;
        }
        Ok(headers)
    }
}

/// The values of a header field, [`PARTS`] at most; nothing where one is of a wrong type.
struct Values;

impl<'de> Expect<'de> for Values {
    type Value = Option<Vec<String>>;

    fn wrong(self) -> Self::Value {
        None
    }

    fn text(self, text: &str) -> Self::Value {
        Some(vec![text.to_owned()])
    }

    fn array<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut values = Some(Vec::new());
        while let Some(item) = items.next_element_seed(Any(Entry))? {
            match (item, &mut values) {
                (Some(text), Some(values)) if values.len() < PARTS => values.push(text),
                (Some(_), _) => {}
                (None, values) => *values = None,
            }
        }
        Ok(values)
    }
}

/// An array of files.
pub struct Attachments<'f>(pub &'f mut Faults);

impl<'de> Expect<'de> for Attachments<'_> {
    type Value = Vec<Attachment>;

    fn wrong(self) -> Self::Value {
        self.0.add("attachments", "This is an array of objects.");
        Vec::new()
    }

    fn null(self) -> Self::Value {
        Vec::new()
    }

    fn array<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let Self(faults) = self;
        let mut attachments = Vec::new();
        while attachments.len() < PARTS {
            let file = File {
                faults,
                index: attachments.len(),
            };
            match items.next_element_seed(Any(file))? {
                Some(attachment) => attachments.push(attachment),
                None => return Ok(attachments),
            }
        }
        while items.next_element_seed(Any(Over))?.is_some() {}
        Ok(attachments)
    }
}

struct File<'f> {
    faults: &'f mut Faults,
    index: usize,
}

impl<'de> Expect<'de> for File<'_> {
    type Value = Attachment;

    fn wrong(self) -> Attachment {
        let field = format!("attachments[{}]", self.index);
        self.faults.add(&field, "This is an object.");
        Attachment::default()
    }

    fn object<A: MapAccess<'de>>(self, mut members: A) -> Result<Attachment, A::Error> {
        let Self { faults, index } = self;
        let place = |name: &str| format!("attachments[{index}].{name}");
        let (mut filename, mut content_type, mut content_id, mut content) =
            (None, None, None, None);
        let mut names = Names::default();
        while let Some(name) = members.next_key::<String>()? {
            let field = &place(&sanitize::printable(&name, 80));
            match name.as_str() {
                "filename" => filename = members.next_value_seed(Any(Text { faults, field }))?,
                "content_type" => {
                    content_type = members.next_value_seed(Any(Text { faults, field }))?;
                }
                "content_id" => {
                    content_id = members.next_value_seed(Any(Text { faults, field }))?;
                }
                "content" => {
                    let read = members.next_value_seed(Any(Octets))?;
                    let told = !matches!(read, Read::Absent);
                    content = octets(faults, field, read).or(told.then(Vec::new));
                }
                _ => {
                    faults.add(field, NO_SUCH_FIELD);
                    members.next_value_seed(Any(Over))?;
                }
            }
            names.enter(name)?;
        }
        let absent = [
            ("filename", !names.has("filename")),
            ("content", content.is_none()),
        ];
        for (name, _) in absent.into_iter().filter(|(_, absent)| *absent) {
            faults.add(&place(name), "This field is required.");
        }
        Ok(Attachment {
            filename: filename.unwrap_or_default(),
            content_type,
            content_id,
            content: content.unwrap_or_default(),
        })
    }
}
