//! Which field is at fault, by the rules of this side and by the word of the server.

use domain::form::password_fault;
use domain::{Form, Label, Refusal};

use super::standing::Standing;

/// The order the fields are met in, the password in its place.
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

/// A text for each field at fault, in the order of the page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(Vec<(Label, String)>);

impl Faults {
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

/// Every fault of what is on the form.
pub fn faults(form: &Form, typed: &str, standing: Standing) -> Faults {
    let mut refusal = form.parse().err().unwrap_or_else(Refusal::invalid);
    let password = match standing {
        Standing::Elsewhere => Some("Type the password again, or clear the saved one."),
        _ => password_fault(typed),
    };
    if let Some(text) = password {
        refusal.add(Label::Password.as_str(), text);
    }
    told_by_label(&refusal)
}

/// The faults of a refusal that belong to a field of the form.
pub fn told_by_label(refusal: &Refusal) -> Faults {
    let told = |label: Label| Some((label, refusal.fields.get(label.as_str())?.clone()));
    Faults(ORDER.into_iter().filter_map(told).collect())
}

/// What a refusal says beside the fields of the form.
pub fn told_beside(refusal: &Refusal) -> Option<String> {
    let of_a_field = |field: &str| ORDER.iter().any(|label| label.as_str() == field);
    let mut rest = refusal.fields.iter();
    rest.find(|(field, _)| !of_a_field(field))
        .map(|(_, text)| text.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Kind;

    #[test]
    fn the_first_fault_is_the_first_on_the_page() {
        for (form, typed, standing, first) in [
            (
                Form::default(),
                "",
                Standing::None,
                Some(Label::FromAddress),
            ),
            (valid(), "", Standing::None, None),
            (valid(), "a\nb", Standing::Typed, Some(Label::Password)),
            (valid(), "", Standing::Elsewhere, Some(Label::Password)),
            (
                valid().with(Label::Port, "0").with(Label::ReplyTo, "x"),
                "",
                Standing::Kept,
                Some(Label::Port),
            ),
            (
                valid().with(Label::Host, "a b"),
                "",
                Standing::Elsewhere,
                Some(Label::Password),
            ),
        ] {
            assert_eq!(faults(&form, typed, standing).first(), first, "{form:?}");
        }
    }

    #[test]
    fn the_order_of_the_page_leaves_no_field_out() {
        for label in Label::SHOWN {
            assert!(ORDER.contains(&label), "{label:?}");
        }
    }

    #[test]
    fn a_refusal_falls_apart_into_fields_and_the_rest() {
        let mut refusal = Refusal::new(Kind::Conflict, "somebody was faster");
        refusal.add("smtp_host", "differs");
        assert_eq!(
            told_by_label(&refusal),
            Faults(vec![(Label::Host, "differs".to_owned())])
        );
        assert_eq!(
            told_beside(&refusal).as_deref(),
            Some("somebody was faster")
        );
        assert_eq!(told_beside(&Refusal::field(Label::Port, "no")), None);
    }

    fn valid() -> Form {
        Form::default()
            .with(Label::FromAddress, "alerts@example.org")
            .with(Label::Host, "smtp.example.org")
            .with(Label::Port, "587")
    }
}
