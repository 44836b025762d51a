//! What makes `/usr/sbin/sendmail`, which cron runs, submit mail to this Postern.

use std::fs;
use std::path::PathBuf;

use super::program::ProgramFile;

/// The command that cron runs.
const SENDMAIL: &str = "/usr/sbin/sendmail";

/// The files of this machine that commands name.
pub struct LocalFiles<'f> {
    pub program: &'f ProgramFile,
    /// What `/usr/sbin/sendmail` resolves to; `None` where there is no such file.
    pub sendmail: Option<PathBuf>,
}

impl<'f> LocalFiles<'f> {
    /// Those of now.
    pub fn find(program: &'f ProgramFile) -> Self {
        Self {
            program,
            sendmail: fs::canonicalize(SENDMAIL).ok(),
        }
    }

    /// What is to be done once; where the socket is not the default one, the command must name it.
    pub fn sendmail_setup(&self, has_default_socket: bool) -> SendmailSetup {
        let is_program = self
            .sendmail
            .as_deref()
            .is_some_and(|file| self.program.is(file));
        match (is_program, has_default_socket) {
            (true, true) => SendmailSetup::Present,
            (false, true) => SendmailSetup::Link,
            (false, false) => SendmailSetup::Script,
            (true, false) => SendmailSetup::ScriptForLink,
        }
    }
}

/// What is to be done once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendmailSetup {
    /// Nothing: it is the program already.
    Present,
    /// A link to the program.
    Link,
    /// A script that names the socket.
    Script,
    /// The same in the place of a link to the program: what is written through it would replace the program.
    ScriptForLink,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sendmail_is_set_up_once() {
        use SendmailSetup::{Link, Present, Script, ScriptForLink};
        const POSTERN: Option<&str> = Some("/usr/bin/postern");
        const EXIM: Option<&str> = Some("/usr/sbin/exim4");
        for (program, sendmail, has_default_socket, expected) in [
            (POSTERN, None, true, Link),
            (POSTERN, EXIM, true, Link),
            (POSTERN, POSTERN, true, Present),
            (POSTERN, None, false, Script),
            (POSTERN, EXIM, false, Script),
            (POSTERN, POSTERN, false, ScriptForLink),
            (None, None, true, Link),
            (None, POSTERN, true, Link),
            (None, None, false, Script),
        ] {
            let program = program.map_or_else(ProgramFile::default, ProgramFile::at);
            let files = LocalFiles {
                program: &program,
                sendmail: sendmail.map(PathBuf::from),
            };
            let setup = files.sendmail_setup(has_default_socket);
            assert_eq!(setup, expected, "{program:?}, {sendmail:?}");
        }
    }
}
