//! The image that a tracked message loads: its URL, its id, and its place in the HTML.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use domain::{Kind, Refusal};
use rand::RngCore;
use rand::rngs::OsRng;

use crate::mail::Submission;

/// The folder of the images, below the public URL. Each is the id of a message and `.gif`.
pub const OPEN_IMAGE_PATH: &str = "/open";

/// The field that asks for tracking.
const FIELD: &str = "track_opens";

/// Random octets of an id.
const ID_OCTETS: usize = 16;

/// Where images are, and whether messages may have one.
#[derive(Clone, Copy, Debug)]
pub struct OpenImages<'a> {
    /// The public URL of Postern, without a slash at its end.
    pub public_url: &'a str,
    /// Whether the policy allows them.
    pub allowed: bool,
}

impl OpenImages<'_> {
    /// Puts an image at the end of the HTML of a submission that asks for it, and returns the id of
    /// the image.
    ///
    /// # Errors
    /// [`Kind::Invalid`] under `track_opens` where the policy does not allow it, and for a submission
    /// without HTML.
    pub fn add_to(self, submission: &mut Submission) -> Result<Option<String>, Refusal> {
        if !submission.track_opens {
            return Ok(None);
        }
        let refused = |text: &str| Err(Refusal::of(Kind::Invalid, FIELD, text));
        if !self.allowed {
            return refused("The policy of this Postern does not allow open tracking.");
        }
        if submission.raw.is_some() {
            return refused(
                "A raw message is sent as it is: no image can be added to it. Submit text and html \
                 instead.",
            );
        }
        let Some(html) = submission.html.as_mut().filter(|html| !html.is_empty()) else {
            return refused("Open tracking needs the field html: a plain text loads no image.");
        };
        let mut octets = [0; ID_OCTETS];
        OsRng.fill_bytes(&mut octets);
        let id = BASE64URL.encode(octets);
        insert(html, &tag(self.public_url, &id));
        Ok(Some(id))
    }
}

/// Whether a text has the form of an id.
pub(super) fn is_open_id(text: &str) -> bool {
    BASE64URL
        .decode(text)
        .is_ok_and(|octets| octets.len() == ID_OCTETS)
}

/// What the response to the submitter of tracked messages says.
pub fn notice(public_url: &str) -> String {
    format!(
        "Each recipient's mail program loads an image from {public_url}{OPEN_IMAGE_PATH}/ when it \
         shows a mail with track_opens, unless it blocks images. Postern records the time of the \
         first and the last load and their number; no address and no program."
    )
}

fn tag(public_url: &str, id: &str) -> String {
    format!(
        "<img src=\"{public_url}{OPEN_IMAGE_PATH}/{id}.gif\" width=\"1\" height=\"1\" alt=\"\">"
    )
}

/// Inserts a tag before the end of the body, or at the end of HTML without one.
fn insert(html: &mut String, tag: &str) {
    const END: &[u8] = b"</body";
    let ends = html.as_bytes().windows(END.len());
    let at = ends
        .rev()
        .position(|part| part.eq_ignore_ascii_case(END))
        .map_or(html.len(), |from_end| html.len() - END.len() - from_end);
    html.insert_str(at, tag);
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMAGES: OpenImages<'_> = OpenImages {
        public_url: "https://mail.example.org",
        allowed: true,
    };

    #[test]
    fn the_image_is_at_the_end_of_the_body() {
        for (html, expected) in [
            ("<p>Hello", "<p>Hello#"),
            ("<body>Hello</body></html>", "<body>Hello#</body></html>"),
            ("<BODY>ü</BODY >\n", "<BODY>ü#</BODY >\n"),
            ("</body>a</body>", "</body>a#</body>"),
            ("<", "<#"),
        ] {
            let mut found = html.to_owned();
            insert(&mut found, "#");
            assert_eq!(found, expected, "{html}");
        }
    }

    #[test]
    fn every_message_has_an_image_of_its_own() {
        let html = || Submission {
            html: Some("<p>Hello".to_owned()),
            track_opens: true,
            ..Submission::default()
        };
        let (mut first, mut second) = (html(), html());
        let id = IMAGES.add_to(&mut first).expect("allowed").expect("an id");
        let other = IMAGES.add_to(&mut second).expect("allowed").expect("an id");
        assert_ne!(id, other);
        assert!(is_open_id(&id) && is_open_id(&other));
        let expected = format!(
            "<p>Hello<img src=\"https://mail.example.org/open/{id}.gif\" width=\"1\" height=\"1\" \
             alt=\"\">"
        );
        assert_eq!(first.html, Some(expected));
    }

    #[test]
    fn a_message_that_cannot_be_tracked_is_refused() {
        let off = OpenImages {
            allowed: false,
            ..IMAGES
        };
        let html = Some("<p>Hello".to_owned());
        for (images, html, raw, expected) in [
            (off, html.clone(), None, "The policy"),
            (IMAGES, None, None, "needs the field html"),
            (IMAGES, Some(String::new()), None, "needs the field html"),
            (IMAGES, None, Some(Vec::new()), "A raw message"),
        ] {
            let mut submission = Submission {
                html,
                raw,
                track_opens: true,
                ..Submission::default()
            };
            let refusal = images.add_to(&mut submission).expect_err(expected);
            assert!(refusal.fields[FIELD].contains(expected), "{refusal}");
        }
        let mut untracked = Submission {
            html: html.clone(),
            ..Submission::default()
        };
        assert_eq!(off.add_to(&mut untracked), Ok(None));
        assert_eq!(untracked.html, html, "it is left alone");
    }

    #[test]
    fn an_id_is_128_bits_in_base64url() {
        for (text, expected) in [
            ("AAAAAAAAAAAAAAAAAAAAAA", true),
            ("AAAAAAAAAAAAAAAAAAAAA", false),
            ("AAAAAAAAAAAAAAAAAAAAAAAA", false),
            ("AAAAAAAAAAAAAAAAAAAAA/", false),
            ("", false),
        ] {
            assert_eq!(is_open_id(text), expected, "{text}");
        }
    }
}
