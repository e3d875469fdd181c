//! Every text that the public pages show, one constant for each language.
//!
//! A language is one more constant of the same type: the compiler sees to it that nothing is missing.

pub mod communities;
pub mod invite;
pub mod lan;

/// The texts of one language. `{}` in a text is where a name is put.
pub struct Catalogue {
    /// The language's tag (BCP 47).
    pub language: &'static str,
    /// For keyboards and screen readers: passes over the navigation.
    pub skip_to_content: &'static str,
    /// Names the navigation.
    pub navigation: &'static str,
    /// The stream of all public posts.
    pub public_stream: &'static str,
    /// What the public stream is.
    pub public_stream_explained: &'static str,
    /// Leads to the web client.
    pub sign_in: &'static str,
    /// Ends each page.
    pub footer: &'static str,
    /// Beside the time of a post that was changed.
    pub edited: &'static str,
    /// Before the address of the post that is answered.
    pub in_reply_to: &'static str,
    /// Names the list of a post's tags.
    pub tags: &'static str,
    /// Names the list of posts.
    pub posts: &'static str,
    /// Names a person's page without what they answer to others.
    pub posts_only: &'static str,
    /// Names a person's page with what they answer to others.
    pub posts_and_replies: &'static str,
    /// Names the two together.
    pub kinds_of_posts: &'static str,
    /// Leads to a person's main blog, where that is another one than this.
    pub main_blog: &'static str,
    /// Names a person's blogs besides their main one.
    pub further_feeds: &'static str,
    /// Names the list of replies to a post.
    pub thread: &'static str,
    /// Leads to the part of a thread before this one.
    pub earlier_replies: &'static str,
    /// Leads to the part of a thread after this one.
    pub more_replies: &'static str,
    /// Above a post that somebody repeats; takes their name.
    pub boosted_by: &'static str,
    /// One reply, and several; take the number.
    pub replies: [&'static str; 2],
    /// One like, and several; take the number.
    pub likes: [&'static str; 2],
    /// One boost, and several; take the number.
    pub boosts: [&'static str; 2],
    /// Names the links to other pages of a list.
    pub pages: &'static str,
    /// Leads to newer posts.
    pub newer: &'static str,
    /// Leads to older posts.
    pub older: &'static str,
    /// Leads to where a person can be followed.
    pub follow: &'static str,
    /// Leads to where a post can be answered.
    pub answer: &'static str,
    /// Opens an XMPP program.
    pub open_in_client: &'static str,
    /// Leads to the Atom feed.
    pub feed: &'static str,
    /// What a person's page is; takes the address.
    pub posts_by: &'static str,
    /// What a tag's page is; takes the tag.
    pub posts_about: &'static str,
    /// What a post's page is; takes the author's name.
    pub post_by: &'static str,
    /// Where there is no post yet.
    pub nothing_yet: &'static str,
    /// Status 400.
    pub bad_request: &'static str,
    /// Status 400, explained.
    pub bad_request_explained: &'static str,
    /// Status 403.
    pub forbidden: &'static str,
    /// Status 403, explained.
    pub forbidden_explained: &'static str,
    /// Status 404.
    pub not_found: &'static str,
    /// Status 404, explained.
    pub not_found_explained: &'static str,
    /// Status 405.
    pub method_not_allowed: &'static str,
    /// Status 405, explained.
    pub method_not_allowed_explained: &'static str,
    /// Status 413.
    pub too_large: &'static str,
    /// Status 413, explained.
    pub too_large_explained: &'static str,
    /// Status 429.
    pub too_many: &'static str,
    /// Status 429, explained.
    pub too_many_explained: &'static str,
    /// Status 500 and 503.
    pub unavailable: &'static str,
    /// Status 500 and 503, explained.
    pub unavailable_explained: &'static str,
    /// Where the web client was not built into the program.
    pub no_client: &'static str,
    /// The same, explained.
    pub no_client_explained: &'static str,
    /// The pages of communities.
    pub communities: communities::Communities,
    /// An invitation's page.
    pub invite: invite::Invite,
    /// The page that sets up a phone of a home network.
    pub lan: lan::Lan,
    /// Months, short.
    pub months: [&'static str; 12],
}

impl Catalogue {
    /// English, the language that every other falls back to.
    pub const ENGLISH: Self = Self {
        language: "en",
        skip_to_content: "Skip to the posts",
        navigation: "Site",
        public_stream: "Public stream",
        public_stream_explained: "What people here say to everybody, newest first.",
        sign_in: "Sign in",
        footer: "part of a network without a centre, made with Folkmoot",
        edited: "edited",
        in_reply_to: "In reply to",
        tags: "Tags",
        posts: "Posts",
        posts_only: "Posts",
        posts_and_replies: "Posts and replies",
        kinds_of_posts: "What is shown",
        main_blog: "The main blog is here",
        further_feeds: "More blogs",
        thread: "Replies",
        earlier_replies: "Earlier replies",
        more_replies: "More replies",
        boosted_by: "Boosted by {}",
        replies: ["{} reply", "{} replies"],
        likes: ["{} like", "{} likes"],
        boosts: ["{} boost", "{} boosts"],
        pages: "Pages",
        newer: "Newer",
        older: "Older",
        follow: "Follow",
        answer: "Answer",
        open_in_client: "Open in an XMPP app",
        feed: "Feed",
        posts_by: "Public posts by {}.",
        posts_about: "Public posts about #{}.",
        post_by: "A post by {}",
        nothing_yet: "Nothing has been posted here yet.",
        bad_request: "That address makes no sense",
        bad_request_explained: "Something in it is not as it should be. Please check the link.",
        forbidden: "Not for everybody",
        forbidden_explained: "What is here can only be read by those it was written for.",
        not_found: "Nothing here",
        not_found_explained: "There is no such page, person or post; or it is gone, or not public.",
        method_not_allowed: "Only for reading",
        method_not_allowed_explained: "This page can be read, not written to.",
        too_large: "Too much at once",
        too_large_explained: "What was sent is larger than this site takes.",
        too_many: "Slowly, please",
        too_many_explained: "There have been too many requests from your network. Please wait a minute.",
        unavailable: "Not just now",
        unavailable_explained: "The server could not answer. Please try again in a moment.",
        no_client: "Folkmoot is running",
        no_client_explained: "The web client was not built into this program. Use any XMPP app with an account here, \
                              or build the web client first (make web) and the program again.",
        communities: communities::Communities::ENGLISH,
        invite: invite::Invite::ENGLISH,
        lan: lan::Lan::ENGLISH,
        months: [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ],
    };
}

impl Catalogue {
    /// That somebody repeats a post.
    pub fn boosted(&self, name: &str) -> String {
        fill(self.boosted_by, name)
    }
}

/// Puts a name where the text has its `{}`.
pub fn fill(text: &str, name: &str) -> String {
    text.replacen("{}", name, 1)
}

/// A number and what it counts, in the word for one or for several.
pub fn counted(count: u64, words: &[&str; 2]) -> String {
    let [one, several] = words;
    fill(if count == 1 { one } else { several }, &count.to_string())
}
