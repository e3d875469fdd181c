//! What certain nodes demand of their items, and add to them.

pub mod attachments;
pub mod boost;
pub mod microblog;
