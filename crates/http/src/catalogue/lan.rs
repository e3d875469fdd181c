//! The texts of the page from which a phone of the home network is set up.

/// The texts of one language.
pub struct Lan {
    /// Title: the domain.
    pub title: &'static str,
    /// What this is for.
    pub introduction: &'static str,
    /// Heading of the first step.
    pub trust: &'static str,
    /// Why, and what the certificate can do.
    pub trust_explained: &'static str,
    /// Before the fingerprint.
    pub compare: &'static str,
    /// Heading and steps for iPhones.
    pub apple: &'static str,
    /// The link.
    pub apple_link: &'static str,
    /// What then.
    pub apple_steps: &'static str,
    /// Heading and steps for Android.
    pub android: &'static str,
    /// The link.
    pub android_link: &'static str,
    /// What then.
    pub android_steps: &'static str,
    /// For computers.
    pub computer: &'static str,
    /// The link.
    pub computer_link: &'static str,
    /// Heading of the web client.
    pub web: &'static str,
    /// Before the two links to it.
    pub web_explained: &'static str,
    /// Heading of apps.
    pub apps: &'static str,
    /// What to type, with the names of the fields.
    pub apps_explained: &'static str,
    /// The address.
    pub address: &'static str,
    /// Its example.
    pub name: &'static str,
    /// The host.
    pub host: &'static str,
    /// The port.
    pub port: &'static str,
    /// Between two hosts.
    pub or: &'static str,
}

impl Lan {
    /// English.
    pub const ENGLISH: Self = Self {
        title: "{} on this network",
        introduction: "Three steps and this phone or computer is part of it. They are needed once.",
        trust: "1. Trust this network's certificate",
        trust_explained: "Nobody on the Internet vouches for a machine at home, so it vouches for itself. The certificate below \
                          can vouch for this machine's name and for private addresses, and for nothing else.",
        compare: "Compare its fingerprint with the one in the terminal of the machine that runs Folkmoot (SHA-256):",
        apple: "iPhone, iPad, Mac",
        apple_link: "Install the profile",
        apple_steps: "Then: Settings → Profile Downloaded → Install; and Settings → General → About → Certificate Trust \
                      Settings → switch it on.",
        android: "Android",
        android_link: "Download the certificate",
        android_steps: "Then: Settings → Security → Encryption & credentials → Install a certificate → CA certificate, and choose \
                        the downloaded file. (The way there differs a little from phone to phone; search the settings for \
                        “CA certificate”.)",
        computer: "Linux, Windows, Firefox",
        computer_link: "Download it as PEM",
        web: "2. Open the web client",
        web_explained: "At one of these; the second works where names of this network are not found:",
        apps: "3. Or use an XMPP app",
        apps_explained: "Sign in with these; host and port are under “advanced” or “connection” in most apps:",
        address: "Address",
        name: "NAME",
        host: "Host",
        port: "Port",
        or: "or",
    };
}
