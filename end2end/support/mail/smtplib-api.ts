//! A Python program that calls every function of smtplib against a submission listener.

/** What the program needs to know. */
export interface SmtplibTarget {
  starttls: number;
  implicit: number;
  /** The CA certificate, a path inside the chroot. */
  authority: string;
  user: string;
  token: string;
}

/** The mails that it submits: recipients by subject. */
export const SUBMITTED: Record<string, string[]> = {
  'bcc field': ['desk@example.net'],
  'implicit TLS': ['desk@example.net'],
  'low level': ['desk@example.net'],
  'of an object': ['audit@example.net', 'desk@example.net', 'night@example.net'],
  'of an object in UTF-8': ['büro@example.net'],
  'after a refusal': ['desk@example.net'],
  'one refused': ['desk@example.net'],
  'several': ['desk@example.net', 'night@example.net'],
  'with options': ['desk@example.net'],
};

export function smtplibProgram(target: SmtplibTarget): string {
  return `import json, smtplib, ssl, unittest
from email.message import EmailMessage

TARGET = json.loads(${JSON.stringify(JSON.stringify(target))})
USER, TOKEN = TARGET["user"], TARGET["token"]
DESK, NIGHT = "desk@example.net", "night@example.net"
${PROGRAM}`;
}

const PROGRAM = String.raw`
def tls():
    return ssl.create_default_context(cafile=TARGET["authority"])

def text(subject, body="Out\r\n", *fields):
    lines = [f"From: {USER}", f"To: {DESK}", f"Subject: {subject}", *fields, "", body]
    return "\r\n".join(lines)

class Submission(unittest.TestCase):
    def setUp(self):
        self.smtp = smtplib.SMTP("127.0.0.1", TARGET["starttls"], timeout=60)
        self.addCleanup(self.smtp.close)

    def sign_in(self):
        self.smtp.starttls(context=tls())
        self.smtp.login(USER, TOKEN)

    def assert_code(self, code, reply):
        self.assertEqual(code, reply[0], reply)

    def test_connect(self):
        smtp = smtplib.SMTP()
        self.assert_code(220, smtp.connect("127.0.0.1", TARGET["starttls"]))
        self.assert_code(221, smtp.quit())

    def test_ehlo(self):
        self.assert_code(250, self.smtp.ehlo("app.example.org"))
        self.assertTrue(self.smtp.does_esmtp)
        for name in ["pipelining", "8bitmime", "smtputf8", "enhancedstatuscodes", "chunking", "dsn", "starttls"]:
            self.assertTrue(self.smtp.has_extn(name), name)
        self.assertEqual(self.smtp.esmtp_features["size"], str(25 * 1024 * 1024))
        self.assertEqual(set(self.smtp.esmtp_features["auth"].split()), {"PLAIN", "LOGIN"})
        self.smtp.ehlo_or_helo_if_needed()

    def test_helo(self):
        self.assert_code(250, self.smtp.helo("app.example.org"))
        self.assertFalse(self.smtp.does_esmtp)

    def test_hello_of_lmtp_is_refused(self):
        self.assert_code(500, self.smtp.docmd("LHLO", "app.example.org"))

    def test_starttls(self):
        self.assert_code(220, self.smtp.starttls(context=tls()))
        self.smtp.ehlo()
        self.assertFalse(self.smtp.has_extn("starttls"))
        with self.assertRaises(smtplib.SMTPNotSupportedError):
            self.smtp.starttls(context=tls())
        self.assert_code(503, self.smtp.docmd("STARTTLS"))

    def test_the_certificate_is_checked(self):
        with self.assertRaises(ssl.SSLCertVerificationError):
            self.smtp.starttls(context=ssl.create_default_context())

    def test_login(self):
        self.smtp.starttls(context=tls())
        self.assert_code(235, self.smtp.login(USER, TOKEN))
        self.assert_code(503, self.smtp.docmd("AUTH", "PLAIN AGEAYg=="))

    def test_login_with_a_wrong_token(self):
        with self.assertRaises(smtplib.SMTPAuthenticationError) as caught:
            self.smtp.login(USER, "postern_wrong")
        self.assertEqual(caught.exception.smtp_code, 535)
        self.assert_code(235, self.smtp.login(USER, TOKEN))

    def test_auth(self):
        for mechanism in ["PLAIN", "LOGIN"]:
            for initial in [True, False]:
                with self.subTest(mechanism=mechanism, initial=initial):
                    with smtplib.SMTP("127.0.0.1", TARGET["starttls"]) as smtp:
                        smtp.ehlo()
                        smtp.user, smtp.password = USER, TOKEN
                        method = getattr(smtp, "auth_" + mechanism.lower())
                        self.assert_code(235, smtp.auth(mechanism, method, initial_response_ok=initial))

    def test_other_mechanisms(self):
        self.smtp.ehlo()
        self.smtp.user, self.smtp.password = USER, TOKEN
        with self.assertRaises(smtplib.SMTPAuthenticationError) as caught:
            self.smtp.auth("CRAM-MD5", self.smtp.auth_cram_md5)
        self.assertEqual(caught.exception.smtp_code, 504)
        self.assert_code(334, self.smtp.docmd("AUTH", "LOGIN"))
        self.assert_code(501, self.smtp.docmd("*"))
        self.assert_code(501, self.smtp.docmd("AUTH", "PLAIN no-base64!"))

    def test_sendmail_to_several(self):
        self.sign_in()
        self.assertEqual(self.smtp.sendmail(USER, [DESK, NIGHT], text("several")), {})

    def test_sendmail_with_a_refused_recipient(self):
        self.sign_in()
        refused = self.smtp.sendmail(USER, [DESK, "desk@"], text("one refused"))
        self.assertEqual(list(refused), ["desk@"])
        self.assert_code(553, refused["desk@"])

    def test_sendmail_that_is_refused(self):
        self.sign_in()
        with self.assertRaises(smtplib.SMTPRecipientsRefused) as caught:
            self.smtp.sendmail(USER, ["desk@", "night@"], text("refused"))
        self.assertEqual(set(caught.exception.recipients), {"desk@", "night@"})
        with self.assertRaises(smtplib.SMTPSenderRefused) as caught:
            self.smtp.sendmail("boss@", [DESK], text("refused"))
        self.assertEqual(caught.exception.smtp_code, 553)
        with self.assertRaises(smtplib.SMTPSenderRefused) as caught:
            self.smtp.sendmail(USER, [DESK], text("refused", "x" * (26 * 1024 * 1024)))
        self.assertEqual(caught.exception.smtp_code, 552)
        for message in [text("refused", "x" * 999), text("refused").replace(USER, "boss@example.com")]:
            with self.assertRaises(smtplib.SMTPDataError) as caught:
                self.smtp.sendmail(USER, [DESK], message)
            self.assertEqual(caught.exception.smtp_code, 550)
        # smtplib replaces line ends in texts only.
        with self.assertRaises(smtplib.SMTPDataError) as caught:
            self.smtp.sendmail(USER, [DESK], text("refused", "bare\nLF\r\n").encode())
        self.assertEqual(caught.exception.smtp_code, 550)
        self.assertEqual(self.smtp.sendmail(USER, [DESK], text("after a refusal")), {})

    def test_sendmail_with_options(self):
        self.sign_in()
        sent = text("with options", "Grüße\r\n").encode()
        options = ["BODY=8BITMIME", "RET=HDRS", "ENVID=job-1"]
        self.assertEqual(self.smtp.sendmail(USER, [DESK], sent, options, ["NOTIFY=NEVER", f"ORCPT=rfc822;{DESK}"]), {})
        with self.assertRaises(smtplib.SMTPSenderRefused) as caught:
            self.smtp.sendmail(USER, [DESK], text("refused"), ["XVERP"])
        self.assertEqual(caught.exception.smtp_code, 555)
        with self.assertRaises(smtplib.SMTPRecipientsRefused) as caught:
            self.smtp.sendmail(USER, [DESK], text("refused"), [], ["NOTIFY=NEVER,DELAY"])
        self.assert_code(501, caught.exception.recipients[DESK])

    def test_send_message(self):
        self.sign_in()
        message = EmailMessage()
        message["From"], message["Subject"] = USER, "of an object"
        message["To"], message["Cc"], message["Bcc"] = DESK, NIGHT, "audit@example.net"
        message.set_content("Out")
        self.assertEqual(self.smtp.send_message(message), {})

    def test_send_message_in_utf8(self):
        self.sign_in()
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = USER, "büro@example.net", "of an object in UTF-8"
        message.set_content("Grüße")
        self.assertEqual(self.smtp.send_message(message), {})

    def test_a_bcc_field_is_removed(self):
        self.sign_in()
        self.assertEqual(self.smtp.sendmail(USER, [DESK], text("bcc field", "Out\r\n", f"Bcc: {NIGHT}")), {})

    def test_commands(self):
        self.assert_code(503, self.smtp.docmd("MAIL", f"FROM:<{USER}>"))
        self.smtp.ehlo()
        self.assert_code(252, self.smtp.vrfy(DESK))
        self.assert_code(252, self.smtp.verify(DESK))
        self.assert_code(502, self.smtp.expn("list"))
        self.assert_code(250, self.smtp.noop())
        self.assert_code(250, self.smtp.rset())
        self.assertIn(b"EHLO", self.smtp.help())
        self.assert_code(500, self.smtp.docmd("TURN"))
        self.assert_code(503, self.smtp.rcpt(DESK))
        with self.assertRaises(smtplib.SMTPDataError) as caught:
            self.smtp.data("no mail")
        self.assertEqual(caught.exception.smtp_code, 503)
        self.assert_code(221, self.smtp.quit())
        with self.assertRaises(smtplib.SMTPServerDisconnected):
            self.smtp.noop()

    def test_mail_rcpt_data(self):
        self.smtp.ehlo()
        self.assert_code(250, self.smtp.mail(USER))
        self.assert_code(503, self.smtp.mail(USER))
        self.assert_code(250, self.smtp.rset())
        self.assert_code(250, self.smtp.mail(USER, ["BODY=7BIT"]))
        self.assert_code(250, self.smtp.rcpt(DESK, ["NOTIFY=FAILURE"]))
        self.assert_code(250, self.smtp.data(text("low level", ".\r\n..\r\n")))

    def test_implicit_tls(self):
        with smtplib.SMTP_SSL("127.0.0.1", TARGET["implicit"], context=tls(), source_address=("127.0.0.1", 0)) as smtp:
            smtp.login(USER, TOKEN)
            self.assertFalse(smtp.has_extn("starttls"))
            self.assertEqual(smtp.sendmail(USER, DESK, text("implicit TLS")), {})

unittest.main()
`;
