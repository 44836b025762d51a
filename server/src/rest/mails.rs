//! The mails of a body: one object, or an array of them, read into what the engine takes.

use domain::{Kind, Refusal, refusal, sanitize};
use engine::{Submission, Submissions};
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess};

use super::body::unreadable;
use super::expect::{Any, Expect, Names, Over};
use super::octets::{Octets, Read};
use super::once::TWICE;
use super::parts::{Attachments, Headers};

/// The most mails of one array.
const MAILS: usize = 500;

/// The most entries of a list of addresses that are read; the engine takes fewer.
const ENTRIES: usize = 1000;

/// The most faults that are told.
const FAULTS: usize = 200;

/// # Errors
/// [`Kind::BadRequest`] for what is no such JSON; [`Kind::Invalid`] with every fault of a type, by
/// field, those of an array as `[3].to`.
pub fn parse(bytes: &[u8]) -> Result<Submissions, Refusal> {
    let mut faults = Faults::default();
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let submissions = Any(Body(&mut faults))
        .deserialize(&mut reader)
        .and_then(|submissions| reader.end().map(|()| submissions))
        .map_err(|error| unreadable(&error, WHAT))?;
    let Some(submissions) = submissions else {
        return Err(Refusal::new(Kind::BadRequest, format!("{WHAT}.")));
    };
    match faults.found {
        None => Ok(submissions),
        Some(refusal) => Err(refusal),
    }
}

const WHAT: &str = "This is neither a JSON object nor an array of them";

/// What is wrong with the types, by field.
#[derive(Default)]
pub struct Faults {
    found: Option<Refusal>,
    /// Which of an array is being read.
    mail: Option<usize>,
}

impl Faults {
    /// Faults of one field stand in one text.
    pub fn add(&mut self, field: &str, text: &str) {
        let refusal = self.found.get_or_insert_with(Refusal::invalid);
        let field = match (self.mail, field) {
            (Some(mail), "") => format!("[{mail}]"),
            (Some(mail), field) => format!("[{mail}].{field}"),
            (None, "") => refusal::REQUEST.to_owned(),
            (None, field) => field.to_owned(),
        };
        let full = refusal.fields.len() >= FAULTS;
        match refusal.fields.get_mut(&field) {
            Some(told) if told.len() < 2000 => {
                told.push(' ');
                told.push_str(text);
            }
            None if !full => refusal.add(&field, text),
            _ => {}
        }
    }
}

struct Body<'f>(&'f mut Faults);

impl<'de> Expect<'de> for Body<'_> {
    type Value = Option<Submissions>;

    fn wrong(self) -> Option<Submissions> {
        None
    }

    fn array<A: SeqAccess<'de>>(self, mut items: A) -> Result<Option<Submissions>, A::Error> {
        let Self(faults) = self;
        let mut mails = Vec::new();
        loop {
            faults.mail = Some(mails.len());
            if mails.len() == MAILS {
                break;
            }
            match items.next_element_seed(Any(Mail(faults)))? {
                Some(mail) => mails.push(mail),
                None => break,
            }
        }
        faults.mail = None;
        let mut more = false;
        while items.next_element_seed(Any(Over))?.is_some() {
            more = true;
        }
        if more || mails.is_empty() {
            faults.add("", "An array has 1 to 500 mails.");
        }
        Ok(Some(Submissions::Many(mails)))
    }

    fn object<A: MapAccess<'de>>(self, members: A) -> Result<Option<Submissions>, A::Error> {
        let mail = Mail(self.0).object(members)?;
        Ok(Some(Submissions::One(Box::new(mail))))
    }
}

struct Mail<'f>(&'f mut Faults);

impl<'de> Expect<'de> for Mail<'_> {
    type Value = Submission;

    fn wrong(self) -> Submission {
        self.0.add("", "This is an object.");
        Submission::default()
    }

    fn object<A: MapAccess<'de>>(self, mut members: A) -> Result<Submission, A::Error> {
        let Self(faults) = self;
        let mut mail = Submission::default();
        let mut seen = 0_u32;
        let mut others = Names::default();
        while let Some(name) = members.next_key_seed(Any(Name(&FIELDS)))? {
            let (index, field) = match name {
                Ok(index) => (index, FIELDS[index]),
                Err(name) => {
                    faults.add(&sanitize::printable(&name, 80), NO_SUCH_FIELD);
                    others.enter(name)?;
                    members.next_value_seed(Any(Over))?;
                    continue;
                }
            };
            if seen & (1 << index) != 0 {
                return Err(A::Error::custom(TWICE));
            }
            seen |= 1 << index;
            match index {
                FROM => mail.from = members.next_value_seed(Any(Text { faults, field }))?,
                TO => mail.to = members.next_value_seed(Any(List { faults, field }))?,
                CC => mail.cc = members.next_value_seed(Any(List { faults, field }))?,
                BCC => mail.bcc = members.next_value_seed(Any(List { faults, field }))?,
                REPLY_TO => mail.reply_to = members.next_value_seed(Any(List { faults, field }))?,
                SUBJECT => mail.subject = members.next_value_seed(Any(Text { faults, field }))?,
                TEXT => mail.text = members.next_value_seed(Any(Text { faults, field }))?,
                HTML => mail.html = members.next_value_seed(Any(Text { faults, field }))?,
                HEADERS => mail.headers = members.next_value_seed(Any(Headers(faults)))?,
                RAW => mail.raw = octets(faults, field, members.next_value_seed(Any(Octets))?),
                _ => mail.attachments = members.next_value_seed(Any(Attachments(faults)))?,
            }
        }
        Ok(mail)
    }
}

pub const NO_SUCH_FIELD: &str = "There is no such field.";

const FIELDS: [&str; 11] = [
    "from",
    "to",
    "cc",
    "bcc",
    "reply_to",
    "subject",
    "text",
    "html",
    "headers",
    "raw",
    "attachments",
];
const FROM: usize = 0;
const TO: usize = 1;
const CC: usize = 2;
const BCC: usize = 3;
const REPLY_TO: usize = 4;
const SUBJECT: usize = 5;
const TEXT: usize = 6;
const HTML: usize = 7;
const HEADERS: usize = 8;
const RAW: usize = 9;

/// A name: its place among those that are known, or itself.
struct Name(&'static [&'static str]);

impl Expect<'_> for Name {
    type Value = Result<usize, String>;

    fn wrong(self) -> Self::Value {
        Err(String::new())
    }

    fn text(self, text: &str) -> Self::Value {
        let place = self.0.iter().position(|name| *name == text);
        place.ok_or_else(|| text.to_owned())
    }
}

/// A string; null is as if it were not there.
pub struct Text<'f> {
    pub faults: &'f mut Faults,
    pub field: &'f str,
}

impl Expect<'_> for Text<'_> {
    type Value = Option<String>;

    fn wrong(self) -> Option<String> {
        self.faults.add(self.field, "This is a string.");
        None
    }

    fn null(self) -> Option<String> {
        None
    }

    fn text(self, text: &str) -> Option<String> {
        Some(text.to_owned())
    }
}

/// A string, or an array of strings.
struct List<'f> {
    faults: &'f mut Faults,
    field: &'f str,
}

impl<'de> Expect<'de> for List<'_> {
    type Value = Vec<String>;

    fn wrong(self) -> Vec<String> {
        let text = "This is a string, or an array of strings.";
        self.faults.add(self.field, text);
        Vec::new()
    }

    fn null(self) -> Vec<String> {
        Vec::new()
    }

    fn text(self, text: &str) -> Vec<String> {
        vec![text.to_owned()]
    }

    fn array<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<String>, A::Error> {
        let Self { faults, field } = self;
        let mut list = Vec::new();
        let mut index = 0;
        while let Some(item) = items.next_element_seed(Any(Entry))? {
            match item {
                Some(_) if list.len() == ENTRIES => {
                    faults.add(field, "This has at most 1000 entries.");
                    while items.next_element_seed(Any(Over))?.is_some() {}
                    break;
                }
                Some(text) => list.push(text),
                None => faults.add(&format!("{field}[{index}]"), "This is a string."),
            }
            index += 1;
        }
        Ok(list)
    }
}

/// A string of a list.
pub struct Entry;

impl Expect<'_> for Entry {
    type Value = Option<String>;

    fn wrong(self) -> Option<String> {
        None
    }

    fn text(self, text: &str) -> Option<String> {
        Some(text.to_owned())
    }
}

/// The octets, where they were read; a fault where they are of a wrong type.
pub fn octets(faults: &mut Faults, field: &str, read: Read) -> Option<Vec<u8>> {
    match read {
        Read::Octets(octets) => return Some(octets),
        Read::Absent => {}
        Read::Wrong => {
            let text = "This is base64 (a string): A to Z, a to z, 0 to 9, + and /.";
            faults.add(field, text);
        }
    }
    None
}
