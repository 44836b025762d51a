//! What to put into the configuration of applications, from the interfaces that are open.

use domain::interface::{InterfaceKind, InterfaceView};

use super::endpoint::SmtpEndpoint;
use super::program::ProgramFile;
use super::sendmail_setup::{LocalFiles, SendmailSetup};
use super::smtp_settings::SmtpClientSettings;

/// Where `postern sendmail` connects to by default.
const DEFAULT_SOCKET: &str = "/run/postern/submit.sock";

/// The user name where that of the viewer would need quotes.
const OTHER_USER: &str = "app@example.org";

/// A block to copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigurationExample {
    /// The application.
    pub application: &'static str,
    /// The file that the block belongs into, or what it is.
    pub file: &'static str,
    pub text: String,
    /// The interface to open first.
    pub missing: Option<InterfaceKind>,
}

/// The blocks for each application. `user` is the address of an account.
pub fn examples(
    open: &[InterfaceView],
    public_url: &str,
    user: &str,
    files: &LocalFiles<'_>,
) -> Vec<ConfigurationExample> {
    let user = if needs_no_quotes(user) {
        user
    } else {
        OTHER_USER
    };
    let endpoint = SmtpEndpoint::of(open, public_url);
    let settings = SmtpClientSettings {
        endpoint: &endpoint,
        user,
    };
    let smtp = |application, file, text| ConfigurationExample {
        application,
        file,
        text,
        missing: endpoint.missing,
    };
    let socket = open
        .iter()
        .find(|view| view.kind == InterfaceKind::SubmitSocket);
    let path = socket.map_or(DEFAULT_SOCKET, |view| view.address.as_str());
    let setup = files.sendmail_setup(path == DEFAULT_SOCKET);
    let local = |application, file, text| ConfigurationExample {
        application,
        file,
        text,
        missing: match socket {
            Some(_) => None,
            None => Some(InterfaceKind::SubmitSocket),
        },
    };
    vec![
        local("PHP: mail()", "php.ini", php_ini(files.program, path)),
        smtp("PHP: PHPMailer", "A program", settings.php()),
        local(
            "cron",
            match setup {
                SendmailSetup::Present => "The crontab",
                _ => "A shell, and the crontab",
            },
            cron(&sendmail_installed(setup, files.program, path), user),
        ),
        smtp("Django", "settings.py", settings.django()),
        smtp(
            "Rails",
            "config/environments/production.rb",
            settings.rails(),
        ),
        smtp(
            "Nextcloud",
            "config/config.php, in $CONFIG",
            settings.nextcloud(),
        ),
        smtp("GitLab", "/etc/gitlab/gitlab.rb", settings.gitlab()),
        smtp(
            "WordPress",
            "wp-config.php, and a plugin",
            settings.wordpress(),
        ),
        smtp("Node: nodemailer", "A program", settings.nodemailer()),
        smtp("Python: smtplib", "A program", settings.smtplib()),
        smtp(
            "Postfix",
            "main.cf, and a file with the token",
            settings.postfix(),
        ),
        smtp("Exim", "The configuration of Exim", settings.exim()),
        ConfigurationExample {
            application: "curl: HTTP",
            file: "A shell",
            text: curl(public_url),
            missing: None,
        },
    ]
}

/// Whether a text means itself between the quotes of every language.
fn needs_no_quotes(text: &str) -> bool {
    text.chars()
        .all(|c| c.is_ascii_alphanumeric() || "@.-_+".contains(c))
}

/// The command that takes mail like sendmail, for a socket at a path.
fn sendmail(program: &ProgramFile, socket: &str) -> String {
    let command = format!("{} sendmail", program.word());
    match socket {
        DEFAULT_SOCKET => command,
        other => format!("env POSTERN_SUBMIT_SOCKET='{other}' {command}"),
    }
}

fn php_ini(program: &ProgramFile, socket: &str) -> String {
    format!("sendmail_path = \"{} -t -i\"", sendmail(program, socket))
}

/// The commands that make `/usr/sbin/sendmail` submit mail to this Postern, by its socket at a path.
fn sendmail_installed(setup: SendmailSetup, program: &ProgramFile, socket: &str) -> String {
    const ONCE: &str = "# Once, as root, where no other mail server is installed:";
    match setup {
        SendmailSetup::Present => "# /usr/sbin/sendmail is Postern already.".to_owned(),
        SendmailSetup::Link => {
            format!("{ONCE}\nln -s {} /usr/sbin/sendmail", program.path_word())
        }
        SendmailSetup::Script => format!("{ONCE}\n{}", sendmail_script(program, socket)),
        SendmailSetup::ScriptForLink => format!(
            "# Once, as root: /usr/sbin/sendmail is Postern already, but with another socket.\n\
             rm /usr/sbin/sendmail\n\
             {}",
            sendmail_script(program, socket)
        ),
    }
}

/// The commands that make `/usr/sbin/sendmail` a script.
fn sendmail_script(program: &ProgramFile, socket: &str) -> String {
    format!(
        "cat > /usr/sbin/sendmail <<'END'\n\
         #!/bin/sh\n\
         exec {} \"$@\"\n\
         END\n\
         chmod 755 /usr/sbin/sendmail",
        sendmail(program, socket)
    )
}

/// Cron runs `/usr/sbin/sendmail`, which these commands install.
fn cron(installed: &str, user: &str) -> String {
    format!(
        "{installed}\n\n\
         # In the crontab:\n\
         MAILTO={user}\n\
         0 3 * * * /usr/local/bin/backup"
    )
}

fn curl(public_url: &str) -> String {
    format!(
        "curl {public_url}/api/messages/send-email \\\n  \
         -H \"Authorization: Bearer $POSTERN_TOKEN\" \\\n  \
         -H 'Content-Type: application/json' \\\n  \
         -d '{{\"to\": \"you@example.org\", \"subject\": \"Hello\", \"text\": \"It works.\"}}'"
    )
}

#[cfg(test)]
mod tests {
    use domain::interface::InterfaceEncryption;

    use super::*;

    const URL: &str = "https://mail.example.org";

    fn view(kind: InterfaceKind, address: &str) -> InterfaceView {
        InterfaceView {
            kind,
            address: address.to_owned(),
            encryption: InterfaceEncryption::None,
            is_loopback: true,
            last_use: None,
        }
    }

    const USER: &str = "app@example.org";

    /// The blocks on a machine without `/usr/sbin/sendmail`.
    fn examples_for(open: &[InterfaceView], user: &str) -> Vec<ConfigurationExample> {
        let program = ProgramFile::at("/usr/bin/postern");
        let files = LocalFiles {
            program: &program,
            sendmail: None,
        };
        examples(open, URL, user, &files)
    }

    fn text_of(examples: &[ConfigurationExample], application: &str) -> String {
        let found = examples
            .iter()
            .find(|example| example.application == application);
        found.expect(application).text.clone()
    }

    #[test]
    fn closed_interfaces_are_named_by_the_blocks_that_need_them() {
        let closed = examples_for(&[], USER);
        let missing: Vec<_> = closed.iter().map(|example| example.missing).collect();
        let (smtp, socket) = (
            Some(InterfaceKind::Submission),
            Some(InterfaceKind::SubmitSocket),
        );
        assert_eq!(missing[..3], [socket, smtp, socket]);
        assert_eq!(missing[3..12], [smtp; 9]);
        assert_eq!(missing[12], None, "HTTP is open");
        assert!(text_of(&closed, "Django").contains("EMAIL_PORT = 2525\n"));
        let open = [
            view(InterfaceKind::Submission, "127.0.0.1:2500"),
            view(InterfaceKind::SubmitSocket, DEFAULT_SOCKET),
        ];
        let open = examples_for(&open, USER);
        assert!(open.iter().all(|example| example.missing.is_none()));
        assert!(text_of(&open, "Django").contains("EMAIL_PORT = 2500\n"));
        assert!(text_of(&open, "curl: HTTP").starts_with("curl https://mail.example.org/api/"));
    }

    #[test]
    fn sendmail_is_told_of_a_socket_elsewhere() {
        let elsewhere = examples_for(
            &[view(InterfaceKind::SubmitSocket, "/srv/submit.sock")],
            USER,
        );
        let command = "env POSTERN_SUBMIT_SOCKET='/srv/submit.sock' /usr/bin/postern sendmail";
        assert_eq!(
            text_of(&elsewhere, "PHP: mail()"),
            format!("sendmail_path = \"{command} -t -i\"")
        );
        assert!(text_of(&elsewhere, "cron").contains(&format!("exec {command} \"$@\"\n")));
        let usual = examples_for(&[], USER);
        assert_eq!(
            text_of(&usual, "PHP: mail()"),
            "sendmail_path = \"/usr/bin/postern sendmail -t -i\""
        );
        assert!(text_of(&usual, "cron").contains("ln -s /usr/bin/postern /usr/sbin/sendmail\n"));
    }

    #[test]
    fn a_link_to_postern_is_not_made_again() {
        let program = ProgramFile::at("/usr/bin/postern");
        let files = LocalFiles {
            program: &program,
            sendmail: Some("/usr/bin/postern".into()),
        };
        let usual = examples(&[], URL, USER, &files);
        let cron = usual.iter().find(|example| example.application == "cron");
        let cron = cron.expect("a block");
        assert_eq!(cron.file, "The crontab");
        assert_eq!(
            cron.text,
            "# /usr/sbin/sendmail is Postern already.\n\n\
             # In the crontab:\n\
             MAILTO=app@example.org\n\
             0 3 * * * /usr/local/bin/backup"
        );
        let elsewhere = view(InterfaceKind::SubmitSocket, "/srv/submit.sock");
        let elsewhere = text_of(&examples(&[elsewhere], URL, USER, &files), "cron");
        assert!(
            elsewhere.contains("\nrm /usr/sbin/sendmail\ncat > /usr/sbin/sendmail <<"),
            "{elsewhere}"
        );
    }

    #[test]
    fn an_address_that_needs_quotes_is_not_put_into_a_block() {
        for (user, expected) in [
            ("mara.k+app@example.org", "mara.k+app@example.org"),
            ("o'brien@example.org", OTHER_USER),
            ("müller@example.org", OTHER_USER),
        ] {
            let django = text_of(&examples_for(&[], user), "Django");
            let line = format!("EMAIL_HOST_USER = \"{expected}\"\n");
            assert!(django.contains(&line), "{django}");
        }
    }
}
