//! Causes: replies of well-known providers.

use crate::cause::class::CauseClass;
use crate::cause::reading::Evidence;
use crate::cause::rule::{Cause, Rule};
use crate::smtp::stage::Stage;

pub const APP_PASSWORD: Cause = Cause {
    title: "Gmail requires an app password",
    class: CauseClass::SignIn,
    cause: "Google rejects the account's ordinary password over SMTP: it requires an app \
           password of sixteen letters, which needs 2-Step Verification.",
    steps: &[
        "Sign in to the Google account and turn 2-Step Verification on.",
        "Create an app password at myaccount.google.com/apppasswords.",
        "Enter the whole address as User Name and the app password, without spaces, as \
         Password.",
        "If it is an app password already, create a new one: a change of the account's \
         password revokes them.",
    ],
};

pub const API_USER: Cause = Cause {
    title: "SendGrid's user name is the word apikey",
    class: CauseClass::SignIn,
    cause: "SendGrid uses the user name apikey for every account, with an API key as the \
           password.",
    steps: &[
        "Enter apikey as User Name.",
        "Enter an API key as Password; it begins with SG and a dot.",
    ],
};

pub const API_KEY: Cause = Cause {
    title: "SendGrid does not know this API key",
    class: CauseClass::SignIn,
    cause: "The user name is correct, and the API key was deleted, is incomplete, or lacks \
           the permission to send mail.",
    steps: &[
        "In SendGrid, under Settings, API Keys, create a key with the permission Mail \
         Send.",
        "Enter the whole of it as Password; it begins with SG and a dot, and is shown only \
         once.",
    ],
};

pub const SES_CREDENTIALS: Cause = Cause {
    title: "Amazon SES requires its own SMTP credentials",
    class: CauseClass::SignIn,
    cause: "Amazon SES has SMTP credentials for each region; AWS access keys and \
           credentials of another region are rejected.",
    steps: &[
        "In the SES console of the region in Host Name, under SMTP settings, create SMTP \
         credentials.",
        "Enter them as User Name and Password.",
    ],
};

pub const WORDS: &[Rule] = &[
    Rule {
        words: &["gsmtp", "support.google.com"],
        when: |observed| {
            let refused = observed.code(&[535]) || observed.status(&[[7, 9]]);
            observed.at(&[Stage::Auth]) && refused
        },
        cause: &APP_PASSWORD,
    },
    Rule {
        words: &["in via your web browser", "with your web browser"],
        when: |observed| observed.at(&[Stage::Auth]),
        cause: &Cause {
            title: "Google requires a login in the browser",
            class: CauseClass::SignIn,
            cause: "Google considers this sign-in unusual and requires the owner of the account to \
                    confirm it.",
            steps: &[
                "Sign in to the account in a browser, preferably from this machine's network, and \
                 confirm the recent activity.",
                "Use an app password (myaccount.google.com/apppasswords) as Password.",
                "Run the diagnosis again within ten minutes.",
            ],
        },
    },
    Rule {
        words: &["invalid credentials for relay", "mail relay denied"],
        when: |_| true,
        cause: &Cause {
            title: "Google's relay does not know this machine",
            class: CauseClass::Relaying,
            cause: "The SMTP relay service of Google Workspace accepts mail only from the \
                    addresses and domains in its Admin console, and this machine is not among \
                    them.",
            steps: &[
                "In the Admin console, under Apps, Google Workspace, Gmail, Routing, SMTP relay \
                 service, enter the public IP address of this machine.",
                "Enter an address of one of the organisation's domains as Email Address.",
                "Enter that domain as EHLO Name under More options.",
            ],
        },
    },
    Rule {
        words: &[
            "application-specific password",
            "app-specific password",
            "app password",
        ],
        when: |observed| observed.at(&[Stage::Auth]),
        cause: &Cause {
            title: "The provider requires an app password",
            class: CauseClass::SignIn,
            cause: "The provider rejects the account's ordinary password over SMTP and requires an \
                    app password.",
            steps: &[
                "Create an app password in the security settings of the account.",
                "Enter it as Password.",
            ],
        },
    },
    Rule {
        words: &["smtpclientauthentication is disabled"],
        when: |_| true,
        cause: &Cause {
            title: "Microsoft 365 has SMTP AUTH switched off",
            class: CauseClass::SignIn,
            cause: "SMTP AUTH is disabled for this mailbox or for the whole organisation, which is \
                    Microsoft's default.",
            steps: &[
                "In the Microsoft 365 admin center, open the user, Mail, Manage email apps, and \
                 tick Authenticated SMTP.",
                "If it is off for the organisation: in the Exchange admin center, Settings, Mail \
                 flow, untick the line that turns SMTP AUTH off.",
                "Wait a quarter of an hour and run the diagnosis again.",
            ],
        },
    },
    Rule {
        words: &[
            "basic authentication is disabled",
            "basic authentication is not supported",
        ],
        when: |_| true,
        cause: &Cause {
            title: "Microsoft no longer accepts passwords here",
            class: CauseClass::SignIn,
            cause: "The mailbox, or Outlook.com as a whole, supports only OAuth; a correct user \
                    name and password are rejected too.",
            steps: &[
                "Where an administrator can still allow basic authentication for SMTP AUTH in this \
                 organisation, have it allowed for this mailbox.",
                "Otherwise send through another relay: a connector in Exchange that allows this \
                 machine by its IP address, Azure Communication Services, or another provider.",
            ],
        },
    },
    Rule {
        words: &[
            "security defaults policy",
            "conditional access",
            "did not meet the criteria to be authenticated",
        ],
        when: |observed| observed.at(&[Stage::Auth]),
        cause: &Cause {
            title: "A Microsoft 365 policy blocks the sign-in",
            class: CauseClass::SignIn,
            cause: "Security defaults or a Conditional Access policy block SMTP sign-ins of this \
                    account, whatever the password.",
            steps: &[
                "In the Entra admin center, look at the account's sign-in log: it names the \
                 policy.",
                "Exempt this account from it, or allow this machine's IP address.",
                "Security defaults cannot exempt one account: replace them by Conditional Access \
                 policies, or send through another relay.",
            ],
        },
    },
    Rule {
        words: &["bad username / password", "authorization grant is invalid"],
        when: |observed| observed.at(&[Stage::Auth]) && !has_api_key(observed),
        cause: &API_USER,
    },
    Rule {
        words: &["bad username / password", "authorization grant is invalid"],
        when: |observed| observed.at(&[Stage::Auth]),
        cause: &API_KEY,
    },
    Rule {
        words: &["authentication credentials invalid"],
        when: |observed| observed.says_only("Authentication Credentials Invalid"),
        cause: &SES_CREDENTIALS,
    },
    Rule {
        words: &["email address is not verified"],
        when: |_| true,
        cause: &Cause {
            title: "An address is not verified at Amazon SES",
            class: CauseClass::Sender,
            cause: "Amazon SES sends only from verified addresses and domains, and in its sandbox \
                    also only to verified ones; the reply names the unverified one.",
            steps: &[
                "In the SES console of this region, under Identities, verify the domain or address \
                 named in the reply.",
                "If it is the recipient's, request production access: the account is still in the \
                 sandbox.",
            ],
        },
    },
    Rule {
        words: &[
            "not authorized to perform `ses:",
            "not authorized to perform 'ses:",
            "to perform: ses:",
        ],
        when: |_| true,
        cause: &Cause {
            title: "This Amazon SES user may not send",
            class: CauseClass::SenderAccount,
            cause: "The credentials are correct, and the policy of their user does not allow \
                    sending from this address.",
            steps: &[
                "In IAM, allow ses:SendRawEmail to the user behind the SMTP credentials.",
                "If its policy names addresses, add the one in Email Address.",
            ],
        },
    },
    Rule {
        words: &["mailgun is not loving your login"],
        when: |_| true,
        cause: &Cause {
            title: "Mailgun does not know these credentials",
            class: CauseClass::SignIn,
            cause: "Mailgun has SMTP users for each domain; the account's password and API key are \
                    rejected.",
            steps: &[
                "In Mailgun, open the sending domain, SMTP credentials, and reset the password of \
                 a user there.",
                "Enter the whole name, with @ and the domain, as User Name.",
                "For a domain in the EU, enter smtp.eu.mailgun.org as Host Name.",
            ],
        },
    },
    Rule {
        words: &["sandbox subdomains are for test"],
        when: |_| true,
        cause: &Cause {
            title: "Mailgun's sandbox sends to authorised recipients only",
            class: CauseClass::SenderAccount,
            cause: "The sending domain is a Mailgun sandbox, which sends only to its authorised \
                    recipients.",
            steps: &[
                "In Mailgun, add the recipient to the authorised recipients and have the recipient \
                 confirm.",
                "For real mail, add a domain of your own and use its SMTP credentials.",
            ],
        },
    },
    Rule {
        words: &["unauthorized ip address"],
        when: |_| true,
        cause: &Cause {
            title: "The provider does not allow this machine's address",
            class: CauseClass::SignIn,
            cause: "The account is limited to certain IP addresses, as Brevo does by default, and \
                    the public address of this machine is not among them.",
            steps: &[
                "In the provider's security settings, authorise the public address of this \
                 machine.",
                "If that address changes, get a fixed one, or disable the limit there.",
            ],
        },
    },
];

/// Whether the user name is the one that `SendGrid` uses for API keys.
pub fn has_api_key(observed: &Evidence<'_>) -> bool {
    observed.observation.settings.username == "apikey"
}

#[cfg(test)]
mod tests {
    use crate::Label;
    use crate::cause::testing::{Case, assert_causes, rejected};
    use crate::smtp::stage::Stage;

    const APP_PASSWORD: &str = "Gmail requires an app password";
    const BROWSER: &str = "Google requires a login in the browser";
    const RELAY: &str = "Google's relay does not know this machine";
    const NO_PASSWORDS: &str = "Microsoft no longer accepts passwords here";
    const POLICY: &str = "A Microsoft 365 policy blocks the sign-in";
    const USER: &str = "SendGrid's user name is the word apikey";
    const SES: &str = "Amazon SES requires its own SMTP credentials";

    fn auth(reply: &str) -> Case {
        rejected(Stage::Auth, reply)
    }

    #[test]
    fn providers_are_recognised_by_their_replies() {
        assert_causes(
            &[super::WORDS],
            &[
                (
                    APP_PASSWORD,
                    auth(
                        "534-5.7.9 Application-specific password required. For more information, go to\n\
                         534 5.7.9  https://support.google.com/mail/?p=InvalidSecondFactor a1b2 - gsmtp",
                    ),
                ),
                (
                    APP_PASSWORD,
                    auth(
                        "535-5.7.8 Username and Password not accepted. For more information, go to\n\
                         535 5.7.8  https://support.google.com/mail/?p=BadCredentials a1b2 - gsmtp",
                    ),
                ),
                (
                    APP_PASSWORD,
                    auth("535 5.7.8 No").with(Label::Host, "smtp.gmail.com"),
                ),
                (
                    BROWSER,
                    auth(
                        "534-5.7.14 <https://accounts.google.com/signin/continue> Please log in via\n\
                         534-5.7.14 your web browser and then try again.\n\
                         534 5.7.14 https://support.google.com/mail/?p=WebLoginRequired a1b2 - gsmtp",
                    ),
                ),
                (
                    RELAY,
                    rejected(
                        Stage::Mail,
                        "550-5.7.1 Invalid credentials for relay [192.0.2.1]. The IP address\n\
                         550 5.7.1 you've registered does not match. a1b2 - gsmtp",
                    ),
                ),
                (
                    "The provider requires an app password",
                    auth("535 5.7.8 Please use an app-specific password"),
                ),
                (
                    "The provider requires an app password",
                    auth("534 5.7.9 Application-specific password required"),
                ),
                (
                    "Microsoft 365 has SMTP AUTH switched off",
                    auth(
                        "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled \
                         for the Tenant. Visit https://aka.ms/smtp_auth_disabled for more information.",
                    ),
                ),
                (
                    NO_PASSWORDS,
                    auth(
                        "535 5.7.139 Authentication unsuccessful, basic authentication is disabled.",
                    ),
                ),
                (
                    NO_PASSWORDS,
                    rejected(
                        Stage::Mail,
                        "550 5.7.30 Basic authentication is not supported for Client Submission.",
                    ),
                ),
                (
                    POLICY,
                    auth(
                        "535 5.7.139 Authentication unsuccessful, user is locked by your organization's \
                         security defaults policy. Contact your administrator.",
                    ),
                ),
                (
                    POLICY,
                    auth(
                        "535 5.7.139 Authentication unsuccessful, the request did not meet the criteria \
                         to be authenticated successfully. Contact your administrator.",
                    ),
                ),
                (
                    USER,
                    auth("535 Authentication failed: Bad username / password"),
                ),
                (
                    USER,
                    auth(
                        "535 Authentication failed: The provided authorization grant is invalid, \
                         expired, or revoked",
                    ),
                ),
                (USER, auth("535 No").with(Label::Host, "smtp.sendgrid.net")),
                (
                    "SendGrid does not know this API key",
                    auth("535 Authentication failed: Bad username / password")
                        .with(Label::Username, "apikey"),
                ),
                (SES, auth("535 Authentication Credentials Invalid")),
                (
                    SES,
                    auth("535 No").with(Label::Host, "email-smtp.eu-west-1.amazonaws.com"),
                ),
                (
                    "An address is not verified at Amazon SES",
                    rejected(
                        Stage::Data,
                        "554 Message rejected: Email address is not verified. The following \
                         identities failed the check in region EU-WEST-1: alerts@example.org",
                    ),
                ),
                (
                    "This Amazon SES user may not send",
                    rejected(
                        Stage::Data,
                        "554 Access denied: User `arn:aws:iam::1:user/ses' is not authorized to \
                         perform `ses:SendRawEmail' on resource `arn:aws:ses:eu-west-1:1:identity/x'",
                    ),
                ),
                (
                    "Mailgun does not know these credentials",
                    auth("535 5.7.0 Mailgun is not loving your login or password"),
                ),
                (
                    "Mailgun's sandbox sends to authorised recipients only",
                    rejected(
                        Stage::Data,
                        "421 Domain sandbox1.mailgun.org is not allowed to send: Sandbox subdomains \
                         are for test purposes only.",
                    ),
                ),
                (
                    "The provider does not allow this machine's address",
                    auth("525 5.7.1 Unauthorized IP address"),
                ),
                (
                    "The relay rejects user name and password",
                    auth("535 Error: Authentication credentials invalid"),
                ),
                (
                    "The relay rejects user name and password",
                    auth("535 No").with(Label::Host, "notsendgrid.net"),
                ),
            ],
        );
    }
}
