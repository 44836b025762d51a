//! The SMTP settings of applications, each in the syntax of the application.

use domain::interface::InterfaceEncryption::{self, Implicit, StartTls};

use super::endpoint::SmtpEndpoint;

/// What the settings contain beside their syntax.
pub struct SmtpClientSettings<'s> {
    pub endpoint: &'s SmtpEndpoint,
    /// The address of an account, which is the user name and the sender.
    pub user: &'s str,
}

impl SmtpClientSettings<'_> {
    fn encryption(&self) -> InterfaceEncryption {
        self.endpoint.encryption
    }

    /// Whether TLS begins after STARTTLS.
    fn starts_tls(&self) -> bool {
        self.encryption() == StartTls
    }

    /// Whether TLS begins with the connection.
    fn is_implicit(&self) -> bool {
        self.encryption() == Implicit
    }

    /// `PHPMailer`, from the server to the password.
    fn phpmailer(&self, indent: &str, password: &str) -> String {
        let SmtpEndpoint { host, port, .. } = self.endpoint;
        let user = self.user;
        let (secure, automatic) = match self.encryption() {
            InterfaceEncryption::None => ("", "false"),
            StartTls => ("tls", "true"),
            Implicit => ("ssl", "true"),
        };
        let lines = [
            "$mailer->isSMTP();".to_owned(),
            format!("$mailer->Host = '{host}';"),
            format!("$mailer->Port = {port};"),
            format!("$mailer->SMTPSecure = '{secure}';"),
            format!("$mailer->SMTPAutoTLS = {automatic};"),
            "$mailer->SMTPAuth = true;".to_owned(),
            format!("$mailer->Username = '{user}';"),
            format!("$mailer->Password = {password};"),
        ];
        lines.map(|line| format!("{indent}{line}\n")).concat()
    }

    /// A program in PHP.
    pub fn php(&self) -> String {
        let user = self.user;
        let settings = self.phpmailer("", "getenv('POSTERN_TOKEN')");
        format!(
            "use PHPMailer\\PHPMailer\\PHPMailer;\n\n\
             $mailer = new PHPMailer(true);\n\
             {settings}\
             $mailer->setFrom('{user}');\n\
             $mailer->addAddress('you@example.org');\n\
             $mailer->Subject = 'Hello';\n\
             $mailer->Body = 'It works.';\n\
             $mailer->send();"
        )
    }

    /// `settings.py` of Django.
    pub fn django(&self) -> String {
        let SmtpEndpoint { host, port, .. } = self.endpoint;
        let user = self.user;
        let (tls, ssl) = (python(self.starts_tls()), python(self.is_implicit()));
        format!(
            "import os\n\n\
             EMAIL_BACKEND = \"django.core.mail.backends.smtp.EmailBackend\"\n\
             EMAIL_HOST = \"{host}\"\n\
             EMAIL_PORT = {port}\n\
             EMAIL_USE_TLS = {tls}  # STARTTLS\n\
             EMAIL_USE_SSL = {ssl}  # TLS from the first octet\n\
             EMAIL_HOST_USER = \"{user}\"\n\
             EMAIL_HOST_PASSWORD = os.environ[\"POSTERN_TOKEN\"]\n\
             EMAIL_TIMEOUT = 30\n\
             DEFAULT_FROM_EMAIL = \"{user}\"\n\
             SERVER_EMAIL = \"{user}\""
        )
    }

    /// The environment of Rails.
    pub fn rails(&self) -> String {
        let SmtpEndpoint { host, port, .. } = self.endpoint;
        let user = self.user;
        let encryption = match self.encryption() {
            InterfaceEncryption::None => "enable_starttls_auto: false",
            StartTls => "enable_starttls: true",
            Implicit => "tls: true",
        };
        format!(
            "config.action_mailer.delivery_method = :smtp\n\
             config.action_mailer.default_options = {{ from: \"{user}\" }}\n\
             config.action_mailer.smtp_settings = {{\n  \
             address: \"{host}\",\n  \
             port: {port},\n  \
             user_name: \"{user}\",\n  \
             password: ENV.fetch(\"POSTERN_TOKEN\"),\n  \
             authentication: :plain,\n  \
             {encryption}\n\
             }}"
        )
    }

    /// `config.php` of Nextcloud, which uses STARTTLS by itself where it is offered.
    pub fn nextcloud(&self) -> String {
        let SmtpEndpoint { host, port, .. } = self.endpoint;
        let user = self.user;
        let (local, domain) = user.rsplit_once('@').unwrap_or((user, ""));
        let secure = if self.is_implicit() { "ssl" } else { "" };
        format!(
            "'mail_smtpmode' => 'smtp',\n\
             'mail_smtphost' => '{host}',\n\
             'mail_smtpport' => {port},\n\
             'mail_smtpsecure' => '{secure}',\n\
             'mail_smtpauth' => true,\n\
             'mail_smtpname' => '{user}',\n\
             'mail_smtppassword' => 'POSTERN_TOKEN',\n\
             'mail_from_address' => '{local}',\n\
             'mail_domain' => '{domain}',"
        )
    }

    /// `gitlab.rb`.
    pub fn gitlab(&self) -> String {
        let SmtpEndpoint { host, port, .. } = self.endpoint;
        let (user, tls, starts_tls) = (self.user, self.is_implicit(), self.starts_tls());
        format!(
            "gitlab_rails['smtp_enable'] = true\n\
             gitlab_rails['smtp_address'] = \"{host}\"\n\
             gitlab_rails['smtp_port'] = {port}\n\
             gitlab_rails['smtp_user_name'] = \"{user}\"\n\
             gitlab_rails['smtp_password'] = \"POSTERN_TOKEN\"\n\
             gitlab_rails['smtp_authentication'] = \"plain\"\n\
             gitlab_rails['smtp_tls'] = {tls}\n\
             gitlab_rails['smtp_enable_starttls_auto'] = {starts_tls}\n\
             gitlab_rails['gitlab_email_from'] = \"{user}\""
        )
    }

    /// `wp-config.php` and a plugin.
    pub fn wordpress(&self) -> String {
        let user = self.user;
        let settings = self.phpmailer("\t", "POSTERN_TOKEN");
        format!(
            "// wp-config.php\n\
             define( 'POSTERN_TOKEN', getenv( 'POSTERN_TOKEN' ) );\n\n\
             // wp-content/mu-plugins/postern.php\n\
             <?php\n\
             add_filter( 'wp_mail_from', fn () => '{user}' );\n\
             add_action( 'phpmailer_init', function ( $mailer ) {{\n\
             {settings}\
             }} );"
        )
    }

    /// A program for Node with `nodemailer`.
    pub fn nodemailer(&self) -> String {
        let SmtpEndpoint { host, port, .. } = self.endpoint;
        let user = self.user;
        let encryption = match self.encryption() {
            InterfaceEncryption::None => "secure: false,\n  ignoreTLS: true",
            StartTls => "secure: false,\n  requireTLS: true",
            Implicit => "secure: true",
        };
        format!(
            "import nodemailer from 'nodemailer';\n\n\
             const transport = nodemailer.createTransport({{\n  \
             pool: true,\n  \
             host: '{host}',\n  \
             port: {port},\n  \
             {encryption},\n  \
             auth: {{ user: '{user}', pass: process.env.POSTERN_TOKEN }},\n\
             }});\n\
             await transport.sendMail({{\n  \
             from: '{user}',\n  \
             to: 'you@example.org',\n  \
             subject: 'Hello',\n  \
             text: 'It works.',\n\
             }});\n\
             transport.close();"
        )
    }

    /// A program in Python with `smtplib`.
    pub fn smtplib(&self) -> String {
        let SmtpEndpoint { host, port, .. } = self.endpoint;
        let user = self.user;
        let (imported, connect) = match self.encryption() {
            InterfaceEncryption::None => (
                "",
                format!("with smtplib.SMTP(\"{host}\", {port}, timeout=30) as smtp:\n"),
            ),
            StartTls => (
                "import ssl\n",
                format!(
                    "with smtplib.SMTP(\"{host}\", {port}, timeout=30) as smtp:\n    \
                     smtp.starttls(context=ssl.create_default_context())\n"
                ),
            ),
            Implicit => (
                "import ssl\n",
                format!(
                    "context = ssl.create_default_context()\n\
                     with smtplib.SMTP_SSL(\"{host}\", {port}, timeout=30, context=context) as smtp:\n"
                ),
            ),
        };
        format!(
            "import os\n\
             import smtplib\n\
             {imported}\
             from email.message import EmailMessage\n\n\
             message = EmailMessage()\n\
             message[\"From\"] = \"{user}\"\n\
             message[\"To\"] = \"you@example.org\"\n\
             message[\"Subject\"] = \"Hello\"\n\
             message.set_content(\"It works.\")\n\
             {connect}    \
             smtp.login(\"{user}\", os.environ[\"POSTERN_TOKEN\"])\n    \
             smtp.send_message(message)"
        )
    }
}

/// A truth value of Python.
const fn python(value: bool) -> &'static str {
    match value {
        true => "True",
        false => "False",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The settings of all applications with an encryption.
    fn all(encryption: InterfaceEncryption) -> String {
        let endpoint = SmtpEndpoint {
            host: "mail.example.org".to_owned(),
            port: 2587,
            encryption,
            missing: None,
        };
        let settings = SmtpClientSettings {
            endpoint: &endpoint,
            user: "app@example.net",
        };
        let all = [
            settings.php(),
            settings.django(),
            settings.rails(),
            settings.nextcloud(),
            settings.gitlab(),
            settings.wordpress(),
            settings.nodemailer(),
            settings.smtplib(),
        ];
        for text in &all {
            for part in ["mail.example.org", "2587", "POSTERN_TOKEN"] {
                assert!(text.contains(part), "{part} in {text}");
            }
            assert!(!text.contains("{{") && !text.contains("  \n"), "{text}");
        }
        all.join("\n")
    }

    #[test]
    fn settings_have_the_encryption_of_the_listener() {
        let plain = all(InterfaceEncryption::None);
        let starts_tls = all(StartTls);
        let implicit = all(Implicit);
        for (settings, expected) in [
            (
                &plain,
                [
                    "$mailer->SMTPSecure = '';\n$mailer->SMTPAutoTLS = false;",
                    "EMAIL_USE_TLS = False  # STARTTLS\nEMAIL_USE_SSL = False",
                    "  enable_starttls_auto: false\n}",
                    "'mail_smtpsecure' => '',",
                    "['smtp_tls'] = false\ngitlab_rails['smtp_enable_starttls_auto'] = false",
                    "  secure: false,\n  ignoreTLS: true,\n  auth",
                    "as smtp:\n    smtp.login(\"app@example.net\", os.environ[\"POSTERN_TOKEN\"])\n    smtp.send",
                ],
            ),
            (
                &starts_tls,
                [
                    "\t$mailer->SMTPSecure = 'tls';\n",
                    "EMAIL_USE_TLS = True  # STARTTLS\nEMAIL_USE_SSL = False",
                    "  enable_starttls: true\n}",
                    "'mail_smtpsecure' => '',",
                    "['smtp_tls'] = false\ngitlab_rails['smtp_enable_starttls_auto'] = true",
                    "  secure: false,\n  requireTLS: true,\n  auth",
                    "as smtp:\n    smtp.starttls(context=ssl.create_default_context())\n    smtp.login",
                ],
            ),
            (
                &implicit,
                [
                    "\t$mailer->SMTPSecure = 'ssl';\n",
                    "EMAIL_USE_TLS = False  # STARTTLS\nEMAIL_USE_SSL = True",
                    "  tls: true\n}",
                    "'mail_smtpsecure' => 'ssl',",
                    "['smtp_tls'] = true\ngitlab_rails['smtp_enable_starttls_auto'] = false",
                    "  secure: true,\n  auth",
                    "smtplib.SMTP_SSL(\"mail.example.org\", 2587, timeout=30, context=context)",
                ],
            ),
        ] {
            for part in expected {
                assert!(settings.contains(part), "{part} in {settings}");
            }
        }
        let sender = "'mail_from_address' => 'app',\n'mail_domain' => 'example.net',";
        assert!(plain.contains(sender), "{plain}");
    }
}
