//! Pictures one after the other: how a run is told over HTTP. Each is postcard, framed by COBS: a
//! zero ends it, and none stands within.

use crate::picture::Picture;

/// Each picture in its frame.
#[cfg(feature = "ssr")]
pub fn written(
    pictures: impl futures::Stream<Item = Picture>,
) -> impl futures::Stream<Item = Vec<u8>> {
    futures::StreamExt::map(pictures, |picture| frame(&picture))
}

#[cfg(feature = "ssr")]
fn frame(picture: &Picture) -> Vec<u8> {
    postcard::to_allocvec_cobs(picture).unwrap_or_default()
}

/// Puts frames together again from the chunks they come in.
#[derive(Debug, Default)]
pub struct Frames {
    begun: Vec<u8>,
}

impl Frames {
    /// The pictures that are whole with this chunk. One that is not understood is passed over.
    pub fn read(&mut self, chunk: &[u8]) -> Vec<Picture> {
        let mut pictures = Vec::new();
        for byte in chunk {
            self.begun.push(*byte);
            if *byte == 0 {
                pictures.extend(postcard::from_bytes_cobs(&mut self.begun).ok());
                self.begun.clear();
            }
        }
        pictures
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;
    use domain::Timestamp;

    #[test]
    fn pictures_arrive_however_they_are_cut() {
        let sent = [
            Picture::default(),
            Picture {
                status: "Signing in".to_owned(),
                html: "<p>grüße 🚪\0</p>".repeat(300),
                handing_over: true,
                ..Picture::default()
            },
            Picture {
                over: true,
                proved: Some((256, Timestamp(-1))),
                ..Picture::default()
            },
        ];
        let bytes: Vec<u8> = sent.iter().flat_map(frame).collect();
        for size in [1, 2, 7, 64, bytes.len()] {
            let mut frames = Frames::default();
            let heard: Vec<Picture> = bytes
                .chunks(size)
                .flat_map(|chunk| frames.read(chunk))
                .collect();
            assert_eq!(heard, sent, "in chunks of {size}");
        }
    }
}
