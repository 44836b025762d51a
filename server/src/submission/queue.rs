//! The reply to the command that `mailq` sends.

use std::sync::Arc;

use super::client::SubmissionPeer;
use super::protocol::command;
use super::protocol::replies::{self, SmtpReply};
use super::service::SubmissionService;
use crate::sendmail::queue::queue_for;

/// The queue, for programs of users of this machine that may see it.
pub async fn reply(service: Arc<SubmissionService>, client: SubmissionPeer) -> SmtpReply {
    let Some(uid) = client.uid() else {
        return command::UNKNOWN;
    };
    match queue_for(&service.postern, uid).await {
        Ok(lines) => SmtpReply {
            code: 250,
            status: "",
            text: lines.join("\n").into(),
        },
        Err(refusal) => replies::refused(&refusal),
    }
}
