//! Where a person's main blog is. Nothing is believed that only one side says: an account could otherwise pass off
//! another's blog as its own, or have its readers led to it.

use wire::BareJid;

use super::{Host, ItemsQuery};
use crate::access::{Actor, may_read};
use crate::error::PubsubError;
use crate::profile::main_blog::{BLOG, BlogAt, CURRENT, MOVED, MainBlog, moved_to};
use bus::MICROBLOG;

impl Host {
    /// Where a person's main blog is, as far as somebody may read what both sides say of it and the blog itself; `None`
    /// where it is where everybody looks for it.
    ///
    /// # Errors
    /// When something cannot be read just now.
    pub async fn main_blog(&self, person: &BareJid, actor: &Actor) -> Result<Option<BlogAt>, PubsubError> {
        let said = self.current(person, actor, BLOG).await?;
        let said = said.and_then(|payload| MainBlog::read(&payload).ok());
        let main = match said.and_then(|said| said.main) {
            Some(main) => Some(main),
            None => self.new_address(person, actor).await?.map(|jid| BlogAt {
                jid,
                node: MICROBLOG.to_owned(),
            }),
        };
        let Some(main) = main.filter(|main| main.jid != *person || main.node != MICROBLOG) else {
            return Ok(None);
        };
        if main.jid != *person {
            let answer = self.current(&main.jid, actor, BLOG).await?;
            let answer = answer.and_then(|payload| MainBlog::read(&payload).ok());
            if answer.is_none_or(|answer| !answer.also.contains(person)) {
                return Ok(None);
            }
        }
        let view = match self.view(&main.jid, &main.node).await {
            Ok(view) => view.filter(|view| view.is_microblog()),
            Err(error) if error.is_passing() => return Err(error),
            Err(_) => None,
        };
        let Some(view) = view else { return Ok(None) };
        let is_readable = may_read(&self.reader(actor, &view).await, &view).is_ok();
        Ok(is_readable.then_some(main))
    }

    /// The address that an account says it has moved to (XEP-0283 §4.1), as far as somebody may read that. It is true only
    /// if whoever is there says so too.
    ///
    /// # Errors
    /// When it cannot be read just now.
    pub async fn new_address(&self, old: &BareJid, actor: &Actor) -> Result<Option<BareJid>, PubsubError> {
        let said = self.current(old, actor, MOVED).await?;
        Ok(said.and_then(|payload| moved_to(&payload).ok()))
    }

    /// What an account says in the one item of a node, if somebody may read it.
    async fn current(&self, at: &BareJid, actor: &Actor, node: &str) -> Result<Option<Vec<u8>>, PubsubError> {
        let query = ItemsQuery::Ids(vec![CURRENT.to_owned()]);
        let page = match self.items(at, actor, node, query).await {
            Ok(page) => page,
            Err(error) if error.is_passing() => return Err(error),
            Err(_) => return Ok(None),
        };
        let payload = page.items.first().and_then(|item| item.payload.as_deref());
        Ok(payload.map(<[u8]>::to_vec))
    }
}
