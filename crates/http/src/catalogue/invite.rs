//! The texts of an invitation's page.

/// The texts of one language.
pub struct Invite {
    /// Title: who invites, then where to.
    pub title: &'static str,
    /// Title of an invitation of the operator's: where to.
    pub title_of_site: &'static str,
    /// What a preview says below the title.
    pub description: &'static str,
    /// The same where no account is given.
    pub description_of_contact: &'static str,
    /// Before the address of whoever invites.
    pub address: &'static str,
    /// The button for apps.
    pub open_app: &'static str,
    /// What to do without an app.
    pub no_app: &'static str,
    /// What is beside the QR code.
    pub scan: &'static str,
    /// Until when it is good; a date.
    pub until: &'static str,
    /// Title of one that cannot be used.
    pub over: &'static str,
    /// It was used.
    pub used: &'static str,
    /// Its time is over.
    pub expired: &'static str,
    /// It was taken back.
    pub revoked: &'static str,
    /// It was never given, or long ago.
    pub unknown: &'static str,
}

impl Invite {
    /// English.
    pub const ENGLISH: Self = Self {
        title: "{} invites you to {}",
        title_of_site: "You are invited to {}",
        description: "Create an account with a name and a password, and you are in touch at once.",
        description_of_contact: "Get in touch with your account here, or with that of any XMPP server.",
        address: "The address is",
        open_app: "Open in an XMPP app",
        no_app: "No app yet? Install one (Conversations on Android, Monal on iPhone and Mac, Gajim or Dino on a computer), \
                 then open this page again. Or let this page run its script: it makes the account without any app.",
        scan: "Or scan this with the app on another device:",
        until: "Good until {}.",
        over: "This invitation cannot be used",
        used: "It has been used already. Ask for another.",
        expired: "It has expired. Ask for another.",
        revoked: "It was taken back. Ask for another.",
        unknown: "There is no such invitation. Is the link complete?",
    };
}
