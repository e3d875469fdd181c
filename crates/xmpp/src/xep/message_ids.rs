//! What concerns every message and is done on its way, in `messages`: XEP-0359: Unique and Stable Stanza IDs,
//! <https://xmpp.org/extensions/xep-0359.html>, XEP-0334: Message Processing Hints,
//! <https://xmpp.org/extensions/xep-0334.html>, and XEP-0424: Message Retraction,
//! <https://xmpp.org/extensions/xep-0424.html>. There is nothing to ask for.

use wire::ns;

use super::Xeps;
use crate::iq::Target;
use crate::messages::content::RETRACT;

/// XEP-0424 §5.
const TOMBSTONE: &str = "urn:xmpp:message-retract:1#tombstone";

pub(super) fn register(xeps: &mut Xeps) {
    xeps.xep(359, "Unique and Stable Stanza IDs", "0.7.0")
        .feature(Target::Server, ns::STANZA_ID)
        .feature(Target::OwnAccount, ns::STANZA_ID);
    xeps.xep(334, "Message Processing Hints", "1.0.0");
    xeps.xep(424, "Message Retraction", "0.4.2")
        .feature(Target::Server, RETRACT)
        .feature(Target::Server, TOMBSTONE)
        .own_feature(RETRACT)
        .own_feature(TOMBSTONE);
}
