//! XEP-0157: Contact Addresses for XMPP Services, <https://xmpp.org/extensions/xep-0157.html>: a form in the service
//! discovery of each domain, from the operator's configuration.

use format::form::{DataForm, Field, FieldType, FormType};

use super::Xeps;
use crate::settings::Contacts;

const SERVER_INFO: &str = "http://jabber.org/network/serverinfo";

pub(super) fn register(xeps: &mut Xeps) {
    xeps.xep(157, "Contact Addresses for XMPP Services", "1.1.1");
}

/// §3: what is configured; nothing where nothing is.
pub(super) fn form(contacts: &Contacts) -> Option<DataForm> {
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
    let form = DataForm::new(FormType::Result).with_form_type(SERVER_INFO);
    Some(told.fold(form, |form, (var, addresses)| {
        form.with(Field::new(var, FieldType::ListMulti).values(addresses.iter().cloned()))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_configured_is_told() {
        assert_eq!(form(&Contacts::default()), None);
        let contacts = Contacts {
            abuse: vec!["mailto:abuse@example.org".into(), "xmpp:abuse@example.org".into()],
            ..Contacts::default()
        };
        let form = form(&contacts).expect("a form");
        assert_eq!(form.form_type(), Some(SERVER_INFO));
        assert_eq!(form.values("abuse-addresses"), contacts.abuse);
        assert!(form.field("sales-addresses").is_none());
    }
}
