//! Sessions with a relay whose input arrives in pieces.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::Arc,
};

use parking_lot::Mutex;
use testkit::{Action, Relay, RelayScript};

/// Recipients and content of a mail.
type Mail = (Vec<String>, Vec<u8>);

/// Two pipelined mails. The first one has two recipients and a stuffed dot, the second is empty.
const TWO: &[u8] = b"EHLO test\r\nMAIL FROM:<a@b>\r\nRCPT TO:<1@c>\r\nRCPT TO:<2@c>\r\nDATA\r\n\
    X: 1\r\n\r\n..\r\n.\r\nMAIL FROM:<a@b>\r\nRCPT TO:<3@c>\r\nDATA\r\n.\r\nQUIT\r\n";

/// The mails that a relay passes to its callback, and its replies.
fn session(pieces: &[&[u8]]) -> (Vec<Mail>, String) {
    let mails = Arc::new(Mutex::new(Vec::new()));
    let list = Arc::clone(&mails);
    let relay = Relay::with_callback(RelayScript::pipelining(), move |mail| {
        let mail = (mail.recipients.to_vec(), mail.content.to_vec());
        list.lock().push(mail);
    });
    let relay = relay.expect("a relay");
    let replies = converse(&relay, pieces);
    let mails = mails.lock().clone();
    (mails, replies)
}

/// Sends pieces of input and reads to the end.
fn converse(relay: &Relay, pieces: &[&[u8]]) -> String {
    let mut stream = TcpStream::connect(relay.address).expect("a connection");
    stream.set_nodelay(true).expect("a socket");
    for piece in pieces {
        stream.write_all(piece).expect("the relay reads");
    }
    let mut replies = String::new();
    stream
        .read_to_string(&mut replies)
        .expect("the relay replies");
    replies
}

#[test]
fn pipelined_mails_are_passed_one_by_one() {
    let (mails, replies) = session(&[TWO]);
    assert_eq!(mails[0].0, ["1@c", "2@c"]);
    assert_eq!(mails[0].1, b"X: 1\r\n\r\n..\r\n");
    assert_eq!(mails[1], (vec!["3@c".to_owned()], Vec::new()));
    assert_eq!(replies.matches("354").count(), 2);
    assert!(replies.ends_with("221 2.0.0 Bye\r\n"), "{replies}");
}

#[test]
fn packets_may_break_anywhere() {
    let pieces: Vec<&[u8]> = TWO.chunks(1).collect();
    assert_eq!(session(&pieces), session(&[TWO]));
}

#[test]
fn a_recipient_may_be_refused_also_with_a_callback() {
    let mails = Arc::new(Mutex::new(Vec::new()));
    let list = Arc::clone(&mails);
    let script = RelayScript::pipelining().refuse("2@", "550 5.1.1 No such user");
    let relay = Relay::with_callback(script, move |mail| {
        let envelope = (mail.from.to_owned(), mail.recipients.to_vec());
        list.lock().push(envelope);
    });
    let replies = converse(&relay.expect("a relay"), &[TWO]);
    assert_eq!(replies.matches("550 5.1.1 No such user\r\n").count(), 1);
    let envelope = |to: &str| ("a@b".to_owned(), vec![to.to_owned()]);
    assert_eq!(*mails.lock(), [envelope("1@c"), envelope("3@c")]);
}

#[test]
fn the_record_has_what_was_received() {
    let relay = Relay::start(RelayScript::pipelining());
    converse(&relay, &[TWO]);
    let record = relay.record();
    assert_eq!(record.lines[1], "MAIL FROM:<a@b>");
    assert_eq!(record.mails, [&b"X: 1\r\n\r\n..\r\n"[..], b""]);
    assert_eq!((record.connections, record.grouped), (1, 2));
    assert_eq!(record.accepted[0].to, ["1@c", "2@c"]);
    assert_eq!(relay.count("RCPT"), 3);
    assert_eq!(relay.count("END"), 2);
}

#[test]
fn rules_and_scripts_change_replies() {
    let script = RelayScript::pipelining()
        .reply("RCPT", "450 later")
        .reply("RCPT", "550 no")
        .at("QUIT", Action::ReplyAndClose(b"421 bye\r\n".to_vec()));
    let relay = Relay::start(script);
    relay.reply_to("RCPT TO:<2@c", "250 yes");
    let replies = converse(&relay, &[TWO]);
    let codes: Vec<&str> = replies.lines().skip(1).map(|line| &line[..4]).collect();
    let ehlo = ["250-", "250-", "250-", "250-", "250 "];
    assert_eq!(codes[..5], ehlo);
    let mails = [
        "250 ", "450 ", "250 ", "354 ", "250 ", "250 ", "550 ", "503 ",
    ];
    assert_eq!(codes[5..13], mails);
    assert!(replies.ends_with("421 bye\r\n"), "{replies}");
}
