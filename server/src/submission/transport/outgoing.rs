//! Replies in the order of their commands, also behind mails that are still being written to disk.

use std::collections::VecDeque;
use std::pin::Pin;

use futures::stream::FuturesOrdered;
use futures::{FutureExt, StreamExt};

use crate::submission::protocol::replies::SmtpReply;

/// A mail that is being accepted: its reply.
pub type Accepting = Pin<Box<dyn Future<Output = SmtpReply> + Send>>;

/// The replies that are not sent yet.
#[derive(Default)]
pub struct Outgoing {
    /// What can be sent.
    ready: Vec<u8>,
    accepting: FuturesOrdered<Accepting>,
    /// For each mail that is being accepted, the replies behind its own.
    behind: VecDeque<Vec<u8>>,
}

impl Outgoing {
    /// Adds the reply to the last command.
    pub fn push(&mut self, reply: &SmtpReply) {
        reply.write_to(self.behind.back_mut().unwrap_or(&mut self.ready));
    }

    /// Adds the reply of a mail that is accepted meanwhile.
    pub fn push_mail(&mut self, reply: Accepting) {
        self.accepting.push_back(reply);
        self.behind.push_back(Vec::new());
    }

    /// The number of mails whose replies are not known.
    pub fn mails(&self) -> usize {
        self.behind.len()
    }

    /// Waits for the reply of the first mail, and adds it. The other mails are accepted meanwhile. Nothing is
    /// lost where the future is dropped. `None` where there is no mail.
    pub async fn next_mail(&mut self) -> Option<SmtpReply> {
        let reply = self.accepting.next().await?;
        self.settle(&reply);
        Some(reply)
    }

    /// As [`Outgoing::next_mail`], where the reply is known by now.
    pub fn known_mail(&mut self) -> Option<SmtpReply> {
        let reply = self.accepting.next().now_or_never()??;
        self.settle(&reply);
        Some(reply)
    }

    fn settle(&mut self, reply: &SmtpReply) {
        reply.write_to(&mut self.ready);
        if let Some(behind) = self.behind.pop_front() {
            self.ready.extend_from_slice(&behind);
        }
    }

    /// What can be sent.
    pub fn ready(&self) -> &[u8] {
        &self.ready
    }

    /// Everything in [`Outgoing::ready`] was sent.
    pub fn sent(&mut self) {
        self.ready.clear();
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;
    use crate::submission::protocol::replies::{BYE, OK, SENDER_OK, accepted};

    fn text(outgoing: &Outgoing) -> String {
        String::from_utf8_lossy(outgoing.ready()).replace("\r\n", "; ")
    }

    #[tokio::test]
    async fn replies_keep_the_order_of_their_commands() {
        let mut outgoing = Outgoing::default();
        let (first, first_reply) = oneshot::channel();
        let (second, second_reply) = oneshot::channel();
        outgoing.push(&OK);
        for reply in [first_reply, second_reply] {
            outgoing.push_mail(Box::pin(async move { reply.await.expect("a reply") }));
            outgoing.push(&SENDER_OK);
        }
        outgoing.push(&BYE);
        assert_eq!(text(&outgoing), "250 2.0.0 OK; ");
        outgoing.sent();

        let mail = |id: &str| accepted(&[id.to_owned()]);
        second.send(mail("b")).expect("waits");
        assert!(outgoing.known_mail().is_none(), "the first is not known");
        assert_eq!((text(&outgoing), outgoing.mails()), (String::new(), 2));
        first.send(mail("a")).expect("waits");
        assert_eq!(outgoing.next_mail().await, Some(mail("a")));
        assert_eq!(outgoing.known_mail(), Some(mail("b")));
        assert_eq!(
            text(&outgoing),
            "250 2.0.0 Queued as a; 250 2.1.0 Sender OK; 250 2.0.0 Queued as b; 250 2.1.0 Sender OK; \
             221 2.0.0 Bye; "
        );
        assert_eq!((outgoing.mails(), outgoing.next_mail().await), (0, None));
    }
}
