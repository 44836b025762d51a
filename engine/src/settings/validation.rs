//! Validation of settings that the browser cannot do: IDNA (UTS 46) and X.509 certificates.

use domain::{Host, Label, Refusal, SmtpSettings};

use super::certificates::normalised;
use crate::mail::check_address;
use crate::smtp::to_ascii;

/// Checks that host names and addresses have an ASCII form, and normalises the trusted
/// certificates.
///
/// # Errors
/// All faults at once, by field.
pub(crate) fn validate(mut settings: SmtpSettings) -> Result<SmtpSettings, Refusal> {
    let mut faults = Refusal::invalid();
    let host = match &settings.host {
        Host::Name(name) => Some(name.as_str()),
        Host::Address(_) => None,
    };
    for (label, name) in [
        (Label::Host, host),
        (Label::EhloName, settings.ehlo_name.as_deref()),
    ] {
        if name.is_some_and(|name| to_ascii(name).is_none()) {
            let text = "This name has no form in DNS; check its characters.";
            faults.add(label.as_str(), text);
        }
    }
    for (label, address) in [
        (Label::FromAddress, Some(&settings.from_address)),
        (Label::ReplyTo, settings.reply_to.as_ref()),
    ] {
        if let Some(Err(fault)) = address.map(check_address) {
            faults.add(label.as_str(), fault);
        }
    }
    match normalised(&settings.trusted_certificates) {
        Ok(certificates) => settings.trusted_certificates = certificates,
        Err(fault) => faults.fields.extend(fault.fields),
    }
    faults.or_ok()?;
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Form;

    #[test]
    fn every_invalid_domain_is_reported_by_field() {
        let form = Form::default()
            .with(Label::FromAddress, "alerts@bücher.example")
            .with(Label::Host, "smtp.bücher.example")
            .with(Label::Port, "587")
            .with(Label::ReplyTo, "desk@[192.0.2.1]");
        assert!(validate(form.parse().expect("valid")).is_ok());
        let refusal = validate(
            form.with(Label::FromAddress, "a@１２７.０.０.１")
                .with(Label::ReplyTo, "a@⒈.example")
                .with(Label::Host, "１２７.０.０.１")
                .with(Label::EhloName, "⒈.example")
                .parse()
                .expect("valid as far as a page can tell"),
        )
        .expect_err("no names");
        assert_eq!(
            refusal.fields.keys().collect::<Vec<_>>(),
            [
                "from_address",
                "smtp_ehlo_name",
                "smtp_host",
                "smtp_reply_to"
            ]
        );
    }
}
