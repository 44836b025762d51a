//! The fields at fault, by the rules of the browser and by a refusal of the server.

use domain::settings::form::password_fault;
use domain::{Form, Label, Refusal};

use super::password_plan::PasswordPlan;

/// The fields in the order of the page, with the password.
pub const ORDER: [Label; Label::SHOWN.len() + 1] = [
    Label::FromAddress,
    Label::Username,
    Label::Password,
    Label::Host,
    Label::Port,
    Label::ConnectionType,
    Label::AuthenticationType,
    Label::FromName,
    Label::ReplyTo,
    Label::EhloName,
    Label::ConnectTimeout,
    Label::CommandTimeout,
    Label::CertificateCheck,
    Label::TrustedCertificates,
    Label::PlaintextAuth,
];

/// The faults of fields, in the order of the page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldFaults(Vec<(Label, String)>);

impl FieldFaults {
    pub fn get(&self, label: Label) -> Option<&String> {
        let mut faults = self.0.iter();
        faults.find_map(|(at, text)| (*at == label).then_some(text))
    }

    pub fn first(&self) -> Option<Label> {
        self.0.first().map(|(label, _)| *label)
    }

    pub fn remove(&mut self, label: Label) {
        self.0.retain(|(at, _)| *at != label);
    }
}

/// Every fault of the form.
pub fn faults(form: &Form, typed: &str, password_plan: PasswordPlan) -> FieldFaults {
    let mut refusal = form.parse().err().unwrap_or_else(Refusal::invalid);
    let password = match password_plan {
        PasswordPlan::OtherRelay => Some("Type the password again, or clear the saved one."),
        _ => password_fault(typed),
    };
    if let Some(text) = password {
        refusal.add(Label::Password.as_str(), text);
    }
    of_fields(&refusal)
}

/// The faults of a refusal that belong to fields of the form.
pub fn of_fields(refusal: &Refusal) -> FieldFaults {
    let fault = |label: Label| Some((label, refusal.fields.get(label.as_str())?.clone()));
    FieldFaults(ORDER.into_iter().filter_map(fault).collect())
}

/// The first fault of a refusal that belongs to no field of the form.
pub fn of_no_field(refusal: &Refusal) -> Option<String> {
    let is_field = |field: &str| ORDER.iter().any(|label| label.as_str() == field);
    let mut rest = refusal.fields.iter();
    rest.find(|(field, _)| !is_field(field))
        .map(|(_, text)| text.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Kind;

    #[test]
    fn the_first_fault_is_the_first_on_the_page() {
        for (form, typed, password_plan, first) in [
            (
                Form::default(),
                "",
                PasswordPlan::None,
                Some(Label::FromAddress),
            ),
            (valid(), "", PasswordPlan::None, None),
            (valid(), "a\nb", PasswordPlan::Typed, Some(Label::Password)),
            (valid(), "", PasswordPlan::OtherRelay, Some(Label::Password)),
            (
                valid().with(Label::Port, "0").with(Label::ReplyTo, "x"),
                "",
                PasswordPlan::Kept,
                Some(Label::Port),
            ),
            (
                valid().with(Label::Host, "a b"),
                "",
                PasswordPlan::OtherRelay,
                Some(Label::Password),
            ),
        ] {
            assert_eq!(
                faults(&form, typed, password_plan).first(),
                first,
                "{form:?}"
            );
        }
    }

    #[test]
    fn the_order_of_the_page_leaves_no_field_out() {
        for label in Label::SHOWN {
            assert!(ORDER.contains(&label), "{label:?}");
        }
    }

    #[test]
    fn a_refusal_is_split_into_fields_and_the_rest() {
        let mut refusal = Refusal::new(Kind::Conflict, "somebody was faster");
        refusal.add("smtp_host", "differs");
        assert_eq!(
            of_fields(&refusal),
            FieldFaults(vec![(Label::Host, "differs".to_owned())])
        );
        assert_eq!(
            of_no_field(&refusal).as_deref(),
            Some("somebody was faster")
        );
        assert_eq!(of_no_field(&Refusal::field(Label::Port, "no")), None);
    }

    fn valid() -> Form {
        Form::default()
            .with(Label::FromAddress, "alerts@example.org")
            .with(Label::Host, "smtp.example.org")
            .with(Label::Port, "587")
    }
}
