//! The format of a stream of snapshots: postcard, each framed by COBS and ended by a zero byte.

use super::Snapshot;

/// Each snapshot as a frame.
#[cfg(feature = "ssr")]
pub fn encoded(
    snapshots: impl futures::Stream<Item = Snapshot>,
) -> impl futures::Stream<Item = Vec<u8>> {
    futures::StreamExt::map(snapshots, |snapshot| frame(&snapshot))
}

#[cfg(feature = "ssr")]
fn frame(snapshot: &Snapshot) -> Vec<u8> {
    postcard::to_allocvec_cobs(snapshot).unwrap_or_default()
}

/// Decodes the frames of a body that arrives in chunks.
#[derive(Debug, Default)]
pub struct Decoder {
    incomplete: Vec<u8>,
}

impl Decoder {
    /// The snapshots completed by this chunk. A frame that cannot be decoded is skipped.
    pub fn decode(&mut self, chunk: &[u8]) -> Vec<Snapshot> {
        let mut snapshots = Vec::new();
        for byte in chunk {
            self.incomplete.push(*byte);
            if *byte == 0 {
                snapshots.extend(postcard::from_bytes_cobs(&mut self.incomplete).ok());
                self.incomplete.clear();
            }
        }
        snapshots
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;
    use domain::Timestamp;

    #[test]
    fn snapshots_are_decoded_from_chunks_of_any_size() {
        let sent = [
            Snapshot::default(),
            Snapshot {
                status: "AUTH: sign-in".to_owned(),
                html: "<p>grüße 🚪\0</p>".repeat(300),
                data_begun: true,
                ..Snapshot::default()
            },
            Snapshot {
                last: true,
                verified: Some((256, Timestamp(-1))),
                ..Snapshot::default()
            },
        ];
        let bytes: Vec<u8> = sent.iter().flat_map(frame).collect();
        for size in [1, 2, 7, 64, bytes.len()] {
            let mut decoder = Decoder::default();
            let decoded: Vec<Snapshot> = bytes
                .chunks(size)
                .flat_map(|chunk| decoder.decode(chunk))
                .collect();
            assert_eq!(decoded, sent, "in chunks of {size}");
        }
    }
}
