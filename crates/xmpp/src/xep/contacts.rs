//! XEP-0157: Contact Addresses for XMPP Services, <https://xmpp.org/extensions/xep-0157.html>: a form in the service
//! discovery of each domain, from the operator's configuration.

use format::form::{DataForm, Field, FieldType, FormType};

use super::{Xeps, server_info};
use crate::settings::{Contacts, Settings};

const SERVER_INFO: &str = "http://jabber.org/network/serverinfo";

pub(super) fn register(xeps: &mut Xeps) {
    xeps.xep(157, "Contact Addresses for XMPP Services", "1.1.1");
}

/// §3: what is configured, and XEP-0485's field, which shares the form; nothing where nothing is.
pub(super) fn form(settings: &Settings) -> Option<DataForm> {
    let contacts = written(&settings.contacts);
    match server_info::field(settings) {
        None => contacts,
        Some(field) => Some(contacts.unwrap_or_else(empty).with(field)),
    }
}

fn empty() -> DataForm {
    DataForm::new(FormType::Result).with_form_type(SERVER_INFO)
}

fn written(contacts: &Contacts) -> Option<DataForm> {
    let fields = [
        ("abuse-addresses", &contacts.abuse),
        ("admin-addresses", &contacts.admin),
        ("feedback-addresses", &contacts.feedback),
        ("sales-addresses", &contacts.sales),
        ("security-addresses", &contacts.security),
        ("support-addresses", &contacts.support),
    ];
    let mut told = fields
        .into_iter()
        .filter(|(_, addresses)| !addresses.is_empty())
        .peekable();
    told.peek()?;
    Some(told.fold(empty(), |form, (var, addresses)| {
        form.with(Field::new(var, FieldType::ListMulti).values(addresses.iter().cloned()))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_configured_is_told() {
        assert_eq!(written(&Contacts::default()), None);
        let quiet = Settings::for_domain("example.org");
        assert_eq!(form(&quiet), None);
        let told = Settings {
            tells_of_server: true,
            ..quiet
        };
        let node = "xmpp:pubsub.example.org?;node=serverinfo";
        assert_eq!(
            form(&told).expect("a form").values("serverinfo-pubsub-node"),
            [node]
        );
        let contacts = Contacts {
            abuse: vec!["mailto:abuse@example.org".into(), "xmpp:abuse@example.org".into()],
            ..Contacts::default()
        };
        let form = written(&contacts).expect("a form");
        assert_eq!(form.form_type(), Some(SERVER_INFO));
        assert_eq!(form.values("abuse-addresses"), contacts.abuse);
        assert!(form.field("sales-addresses").is_none());
    }
}
