//! Who holds the state of a bare JID: the seam along which the server can later be spread over machines.

use store::JidNo;

/// A part of this process that orders what happens to its owners.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shard(pub u16);

/// Where the state of a bare JID is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// In this process.
    Here(Shard),
}

/// How many shards a process has.
pub const SHARDS: u16 = 16;

/// Where the owner of this bare JID's state is. Always in this process, as long as there is one machine.
#[must_use]
pub fn owner_of(jid: JidNo) -> Owner {
    Owner::Here(Shard((jid.0 % u32::from(SHARDS)) as u16))
}
