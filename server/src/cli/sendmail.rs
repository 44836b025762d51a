//! The help of `postern sendmail`, whose arguments [`crate::sendmail`] parses.

use clap::{Arg, ArgAction, Command};

/// The options that do something. Others of Postfix's sendmail(1) are accepted and ignored.
const OPTIONS: &str = "\
Options, as those of Postfix's sendmail(1); others of them are accepted and ignored:
  -t            Add the recipients of To, Cc and Bcc
  -i, -oi       Do not end the mail at a line with a dot
  -f ADDRESS    The envelope sender; <> for none (-r is the same)
  -F NAME       The name of the sender, where the mail has no From
  -N EVENTS     When to report: never, or a list of success, failure and delay
  -R full|hdrs  What a report of a failure has of the mail
  -V ID         The id of the envelope in reports
  -bs           Speak SMTP on standard input and output
  -bp           Print the queue, as mailq does

POSTERN_SUBMIT_SOCKET names the socket of postern serve [default: /run/postern/submit.sock].
Exit codes are those of sysexits.h: 64 for bad usage, 65 for an address that is not valid, 67 for
an unknown recipient, 69 for a mail that is refused, 75 where it can be sent later.";

/// The command for the lists of commands and its own help.
pub fn command() -> Command {
    Command::new("sendmail")
        .about(
            "Submit the mail on standard input, in the place of /usr/sbin/sendmail; links to postern that \
             are named sendmail, mailq or newaliases behave as these commands",
        )
        .disable_help_flag(true)
        .disable_version_flag(true)
        .override_usage("postern sendmail [OPTIONS] [RECIPIENT]...")
        .arg(
            Arg::new("recipients")
                .value_name("RECIPIENT")
                .num_args(0..)
                .help("The recipients; an address without a domain is of this machine"),
        )
        .arg(
            Arg::new("help")
                .long("help")
                .action(ArgAction::Help)
                .help("Print help"),
        )
        .after_help(OPTIONS)
}
