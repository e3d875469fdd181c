//! XEP-0203: Delayed Delivery, <https://xmpp.org/extensions/xep-0203.html>, and XEP-0160: offline messages,
//! <https://xmpp.org/extensions/xep-0160.html>. The marks are written in `messages/offline` and `notify/message`.

use super::Xeps;
use crate::iq::Target;

pub(super) fn register(xeps: &mut Xeps) {
    xeps.xep(82, "XMPP Date and Time Profiles", "1.1.1")
        .xep(203, "Delayed Delivery", "2.0")
        .xep(160, "Best Practices for Handling Offline Messages", "1.0.1");
    xeps.feature(Target::Server, "msgoffline")
        .feature(Target::OwnAccount, "msgoffline");
}
