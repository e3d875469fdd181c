//! What people's nodes are used for: extensions that lay down the name and payload of a node (checked in
//! `pubsub::profile::known`), and how a node is configured when it is made by publishing.

use pubsub::profile::known::STORIES;

use super::Xeps;
use crate::iq::Target;

pub(super) fn register(xeps: &mut Xeps) {
    xeps.xep(80, "User Location", "1.10.0")
        .xep(107, "User Mood", "1.2.2")
        .xep(108, "User Activity", "1.3")
        .xep(118, "User Tune", "1.3.0")
        .xep(172, "User Nickname", "1.1")
        .xep(222, "Persistent Storage of Public Data via PubSub", "1.0")
        .xep(223, "Persistent Storage of Private Data via PubSub", "1.1.1")
        .xep(384, "OMEMO Encryption", "0.9.1")
        .without("nothing is decrypted or checked: keys and devices are the clients'")
        .xep(501, "Pubsub Stories", "0.2.0")
        .feature(Target::OwnAccount, STORIES);
}
