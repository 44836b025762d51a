//! Events one after the other: how a running test is told over HTTP. Each is postcard, framed by
//! COBS: a zero ends it, and none stands within.

use domain::TestEvent;

/// Each event in its frame.
#[cfg(feature = "ssr")]
pub fn written(
    events: impl futures::Stream<Item = TestEvent>,
) -> impl futures::Stream<Item = Vec<u8>> {
    futures::StreamExt::map(events, |event| frame(&event))
}

#[cfg(feature = "ssr")]
fn frame(event: &TestEvent) -> Vec<u8> {
    postcard::to_allocvec_cobs(event).unwrap_or_default()
}

/// Puts frames together again from the chunks they come in.
#[derive(Debug, Default)]
pub struct Frames {
    begun: Vec<u8>,
}

impl Frames {
    /// The events that are whole with this chunk. One that is not understood is passed over.
    pub fn read(&mut self, chunk: &[u8]) -> Vec<TestEvent> {
        let mut events = Vec::new();
        for byte in chunk {
            self.begun.push(*byte);
            if *byte == 0 {
                events.extend(postcard::from_bytes_cobs(&mut self.begun).ok());
                self.begun.clear();
            }
        }
        events
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;
    use domain::{Failure, Instant, Reply, Stage};

    #[test]
    fn events_arrive_however_they_are_cut() {
        let reply = || Reply::new(550, ["5.1.1 grüße 🚪".as_bytes(), b"second"].into_iter());
        let sent = [
            TestEvent::Started {
                relay: "smtp.example.org:587".to_owned(),
                revision: None,
            },
            TestEvent::Stage { stage: Stage::Rcpt },
            TestEvent::Tick { seconds: 0 },
            TestEvent::Failed {
                milliseconds: 7,
                failure: Failure::rejected(Stage::Rcpt, reply()),
                advice: "…".to_owned(),
            },
            TestEvent::Sent {
                milliseconds: 256,
                reply: reply(),
                encryption: Some("TLS 1.3".to_owned()),
                message_id: String::new(),
                verified: Some(Instant(-1)),
            },
        ];
        let bytes: Vec<u8> = sent.iter().flat_map(frame).collect();
        for size in [1, 2, 7, 64, bytes.len()] {
            let mut frames = Frames::default();
            let heard: Vec<TestEvent> = bytes
                .chunks(size)
                .flat_map(|chunk| frames.read(chunk))
                .collect();
            assert_eq!(heard, sent, "in chunks of {size}");
        }
    }
}
