//! Rosters and presence subscriptions, RFC 6121 §2 and §3, <https://www.rfc-editor.org/rfc/rfc6121#section-2>: the pure parts.
//! Loading, storing and who is told: `rosters`, `presence` and `xep/roster`.

pub mod contact;
pub mod subscription;
