//! The texts of communities' pages.

/// The texts of one language. `{}` in a text is where a number is put.
pub struct Communities {
    /// Names the directory.
    pub title: &'static str,
    /// What the directory is.
    pub explained: &'static str,
    /// Above the field to search in.
    pub search: &'static str,
    /// Starts the search.
    pub find: &'static str,
    /// Where no community fits.
    pub none: &'static str,
    /// One follower, and several; take the number.
    pub members: [&'static str; 2],
    /// One post, and several; take the number.
    pub posts: [&'static str; 2],
    /// Before the time of the last post.
    pub active: &'static str,
    /// Above what a community expects of its members.
    pub rules: &'static str,
    /// Of a community that not everybody may read.
    pub closed: &'static str,
    /// Leads to the less active ones.
    pub more: &'static str,
    /// Leads to where one can follow and post.
    pub join: &'static str,
    /// What a community's page is, where it says nothing itself; takes its name.
    pub posts_in: &'static str,
    /// Names the list of a community's tags.
    pub tags: &'static str,
}

impl Communities {
    /// English.
    pub const ENGLISH: Self = Self {
        title: "Communities",
        explained: "Where people here talk about what they share, the most active first.",
        search: "Words or a #tag",
        find: "Find",
        none: "No community fits.",
        members: ["{} follower", "{} followers"],
        posts: ["{} post", "{} posts"],
        active: "Active",
        rules: "Rules",
        closed: "for its members",
        more: "More communities",
        join: "Follow and post",
        posts_in: "Posts in {}.",
        tags: "Tags",
    };
}
