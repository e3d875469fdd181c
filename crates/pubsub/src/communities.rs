//! Communities: feeds of posts on the pubsub service. What the directory says of one is made here from its configuration;
//! what its posts are is in [`crate::profile`], who may do what there in [`crate::access`].

use bus::{AccessModel, NodeConfig, NodeView};
use format::{hashtag, words};
use store::communities::Entry;
use store::{PostId, Write};

/// Whether everybody may find a community of this configuration: what everybody may read, and what chose to be found.
#[must_use]
pub fn is_listed(config: &NodeConfig) -> bool {
    config.access == AccessModel::Open || config.is_listed
}

/// The hash tags of a community: those in its title and description, folded, each once.
#[must_use]
pub fn tags(config: &NodeConfig) -> Vec<String> {
    let texts = [config.title.as_deref(), config.description.as_deref()];
    let mut tags: Vec<String> = Vec::new();
    for tag in texts.into_iter().flatten().flat_map(hashtag::find) {
        if tags.len() < hashtag::MAX_TAGS && !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    tags
}

/// What the directory keeps of a node: an entry for a community, none for any other node. `founded` is a number of its
/// founding among those of posts.
pub(crate) fn listing(view: &NodeView, founded: PostId) -> Write {
    if !view.is_community() {
        return store::communities::remove(view.no);
    }
    let config = &view.config;
    let found_by = [
        Some(&*view.name),
        config.title.as_deref(),
        config.description.as_deref(),
    ];
    let found_by: Vec<_> = found_by.into_iter().flatten().collect();
    let entry = Entry {
        node: view.no,
        service: view.owner,
        is_listed: is_listed(config),
        words: words::fold(&found_by.join(" ")),
        tags: format!(" {} ", tags(config).join(" ")),
    };
    store::communities::put(entry, founded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_stand_in_title_and_description() {
        let config = NodeConfig {
            title: Some("Garden #Roses".into()),
            description: Some("of #roses and #Straße, not of a#b".into()),
            ..NodeConfig::service()
        };
        assert_eq!(tags(&config), ["roses", "strasse"]);
        assert!(is_listed(&config));
        let closed = NodeConfig {
            access: AccessModel::Whitelist,
            ..config
        };
        assert!(!is_listed(&closed));
    }
}
