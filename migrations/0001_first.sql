-- The first schema.
--
-- Column types are TEXT, BIGINT and BLOB; INTEGER PRIMARY KEY stands where the row's own number is the key.
-- Two words are SQLite's alone and are dropped for another engine: WITHOUT ROWID (store the row in its key)
-- and the INTEGER of INTEGER PRIMARY KEY (BIGINT there). Times are Unix milliseconds. Truth values are 0 or 1.

-- Up to where numbers are given, where the rows themselves may no longer show it.
CREATE TABLE counters (
    name  TEXT NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);

CREATE TABLE meta (
    key   TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
);

-- Every bare JID that the server has ever stored something about, by a dense number.
CREATE TABLE jids (
    no  INTEGER PRIMARY KEY,
    jid TEXT NOT NULL UNIQUE
);

CREATE TABLE accounts (
    no         INTEGER PRIMARY KEY,
    domain     TEXT NOT NULL,
    localpart  TEXT NOT NULL,
    state      TEXT NOT NULL,
    is_admin   BIGINT NOT NULL,
    created    BIGINT NOT NULL,
    last_login BIGINT,
    settings   TEXT NOT NULL,
    UNIQUE (domain, localpart)
);

-- Names that once were accounts; they are never given again.
CREATE TABLE deleted_names (
    domain    TEXT NOT NULL,
    localpart TEXT NOT NULL,
    at        BIGINT NOT NULL,
    PRIMARY KEY (domain, localpart)
) WITHOUT ROWID;

CREATE TABLE credentials (
    no         BIGINT NOT NULL,
    hash       TEXT NOT NULL,
    salt       BLOB NOT NULL,
    iterations BIGINT NOT NULL,
    stored_key BLOB NOT NULL,
    server_key BLOB NOT NULL,
    PRIMARY KEY (no, hash)
) WITHOUT ROWID;

CREATE TABLE devices (
    id         INTEGER PRIMARY KEY,
    no         BIGINT NOT NULL,
    token_hash BLOB NOT NULL UNIQUE,
    label      TEXT NOT NULL,
    created    BIGINT NOT NULL,
    last_used  BIGINT NOT NULL,
    expires    BIGINT NOT NULL
);
CREATE INDEX devices_no ON devices (no);

CREATE TABLE invites (
    token_hash BLOB NOT NULL PRIMARY KEY,
    kind       TEXT NOT NULL,
    domain     TEXT NOT NULL,
    created_by BIGINT,
    created    BIGINT NOT NULL,
    expires    BIGINT NOT NULL,
    uses_left  BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE roster (
    no           BIGINT NOT NULL,
    contact      BIGINT NOT NULL,
    name         TEXT NOT NULL,
    groups       TEXT NOT NULL,
    subscription TEXT NOT NULL,
    ask          BIGINT NOT NULL,
    approved     BIGINT NOT NULL,
    PRIMARY KEY (no, contact)
) WITHOUT ROWID;
CREATE INDEX roster_contact ON roster (contact);

CREATE TABLE roster_version (
    no      INTEGER PRIMARY KEY,
    version BIGINT NOT NULL
);

-- Requests for presence that wait for the account's answer.
CREATE TABLE presence_requests (
    no      BIGINT NOT NULL,
    contact BIGINT NOT NULL,
    created BIGINT NOT NULL,
    stanza  BLOB NOT NULL,
    PRIMARY KEY (no, contact)
) WITHOUT ROWID;

-- Items up to hidden_to are deleted for every reader and wait to be swept; a deleted node hides them all.
CREATE TABLE nodes (
    no        INTEGER PRIMARY KEY,
    owner     BIGINT NOT NULL,
    name      TEXT NOT NULL,
    kind      TEXT NOT NULL,
    access    TEXT NOT NULL,
    config    TEXT NOT NULL,
    created   BIGINT NOT NULL,
    deleted   BIGINT NOT NULL,
    hidden_to BIGINT NOT NULL
);
CREATE UNIQUE INDEX nodes_live ON nodes (owner, name) WHERE deleted = 0;
CREATE INDEX nodes_owner ON nodes (owner);

CREATE TABLE affiliations (
    node        BIGINT NOT NULL,
    no          BIGINT NOT NULL,
    affiliation TEXT NOT NULL,
    PRIMARY KEY (node, no)
) WITHOUT ROWID;
CREATE INDEX affiliations_no ON affiliations (no);

-- An empty resource is a subscription of the bare JID.
CREATE TABLE subscriptions (
    node     BIGINT NOT NULL,
    no       BIGINT NOT NULL,
    resource TEXT NOT NULL,
    subid    TEXT NOT NULL,
    state    TEXT NOT NULL,
    options  TEXT,
    created  BIGINT NOT NULL,
    PRIMARY KEY (node, no, resource)
) WITHOUT ROWID;
CREATE INDEX subscriptions_no ON subscriptions (no);

-- Post ids grow with time, so the table is an append log; what finds an item is in narrow indexes.
CREATE TABLE items (
    post_id   INTEGER PRIMARY KEY,
    seq       BIGINT NOT NULL,
    node      BIGINT NOT NULL,
    item_id   TEXT NOT NULL,
    created   BIGINT NOT NULL,
    modified  BIGINT NOT NULL,
    publisher BIGINT NOT NULL,
    origin    BIGINT,
    audience  BIGINT NOT NULL,
    in_public BIGINT NOT NULL,
    payload   BLOB NOT NULL
);
CREATE UNIQUE INDEX items_item_id ON items (node, item_id);
CREATE INDEX items_post_id ON items (node, post_id);
CREATE INDEX items_seq ON items (seq);
CREATE INDEX items_public ON items (post_id) WHERE in_public = 1;

CREATE TABLE item_revisions (
    post_id   BIGINT NOT NULL,
    seq       BIGINT NOT NULL,
    modified  BIGINT NOT NULL,
    publisher BIGINT NOT NULL,
    payload   BLOB NOT NULL
);
CREATE UNIQUE INDEX item_revisions_post_id ON item_revisions (post_id, seq);

CREATE TABLE item_tags (
    tag     TEXT NOT NULL,
    post_id BIGINT NOT NULL,
    PRIMARY KEY (tag, post_id)
) WITHOUT ROWID;
CREATE INDEX item_tags_post_id ON item_tags (post_id);

-- One log of messages: the body once, one small row per owner.
CREATE TABLE messages (
    id        INTEGER PRIMARY KEY,
    created   BIGINT NOT NULL,
    sender    BIGINT NOT NULL,
    recipient BIGINT NOT NULL,
    stanza    BLOB NOT NULL
);

CREATE TABLE message_owners (
    owner      BIGINT NOT NULL,
    id         BIGINT NOT NULL,
    peer       BIGINT NOT NULL,
    archive_id TEXT NOT NULL,
    direction  TEXT NOT NULL,
    offline    BIGINT NOT NULL,
    archived   BIGINT NOT NULL,
    PRIMARY KEY (owner, id)
) WITHOUT ROWID;
CREATE INDEX message_owners_id ON message_owners (id);
CREATE INDEX message_owners_offline ON message_owners (owner, id) WHERE offline = 1;

CREATE TABLE caps (
    hash       TEXT NOT NULL,
    ver        TEXT NOT NULL,
    features   TEXT NOT NULL,
    identities TEXT NOT NULL,
    seen       BIGINT NOT NULL,
    PRIMARY KEY (hash, ver)
) WITHOUT ROWID;
CREATE INDEX caps_seen ON caps (seen);

-- Work that must be finished even across restarts: one of a kind for each subject.
CREATE TABLE jobs (
    kind    TEXT NOT NULL,
    subject BIGINT NOT NULL,
    state   TEXT NOT NULL,
    created BIGINT NOT NULL,
    PRIMARY KEY (kind, subject)
) WITHOUT ROWID;
