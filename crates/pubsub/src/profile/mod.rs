//! What certain nodes demand of their items, and add to them.

pub mod attachments;
pub mod boost;
pub mod feed;
pub mod known;
pub mod main_blog;
pub mod microblog;
pub mod payload;
