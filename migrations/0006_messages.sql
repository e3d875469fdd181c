-- Messaging whole.

-- The log of messages: its numbers sort by time, and an owner's messages with one address are a range. `told` is what a
-- message calls itself (its id, as 64 bits of a hash), by which its author takes it back.
CREATE TABLE renumbered AS
    SELECT id AS was, ordinal + max(floor - ordinal) OVER (ORDER BY ordinal) AS id FROM (
        SELECT id, ((max(created, 1577836800000) - 1577836800000) << 12) + 1 AS floor,
            row_number() OVER (ORDER BY created, id) AS ordinal FROM messages);
CREATE UNIQUE INDEX renumbered_was ON renumbered (was);
CREATE TABLE numbered_messages (
    id        INTEGER PRIMARY KEY,
    created   BIGINT NOT NULL,
    sender    BIGINT NOT NULL,
    recipient BIGINT NOT NULL,
    told      BIGINT,
    stanza    BLOB NOT NULL
);
INSERT INTO numbered_messages
    SELECT r.id, m.created, m.sender, m.recipient, NULL, m.stanza FROM messages m JOIN renumbered r ON r.was = m.id;
CREATE TABLE owned_messages (
    owner     BIGINT NOT NULL,
    id        BIGINT NOT NULL,
    peer      BIGINT NOT NULL,
    direction TEXT NOT NULL,
    offline   BIGINT NOT NULL,
    archived  BIGINT NOT NULL,
    requested BIGINT NOT NULL,
    PRIMARY KEY (owner, id)
) WITHOUT ROWID;
INSERT INTO owned_messages
    SELECT o.owner, r.id, o.peer, o.direction, o.offline, o.archived, 0
    FROM message_owners o JOIN renumbered r ON r.was = o.id;
DROP TABLE renumbered;
DROP TABLE message_owners;
DROP TABLE messages;
ALTER TABLE numbered_messages RENAME TO messages;
ALTER TABLE owned_messages RENAME TO message_owners;
CREATE INDEX messages_told ON messages (sender, told) WHERE told IS NOT NULL;
CREATE INDEX message_owners_peer ON message_owners (owner, peer, id);
CREATE INDEX message_owners_offline ON message_owners (owner, id) WHERE offline = 1;
CREATE INDEX message_owners_requested ON message_owners (owner, id) WHERE requested = 1;

-- Avatars of communities: beside the nodes, whose configuration has the hash.
CREATE TABLE community_avatars (
    node       INTEGER PRIMARY KEY,
    hash       TEXT NOT NULL,
    media_type TEXT NOT NULL,
    bytes      BLOB NOT NULL
);

-- Archives: what people chose about theirs. NULL is what the operator chose. An exception with an empty resource is for a
-- bare address, all its resources included.
CREATE TABLE archive_preferences (
    no        INTEGER PRIMARY KEY,
    otherwise TEXT,
    keep_days BIGINT
);
CREATE TABLE archive_exceptions (
    no          BIGINT NOT NULL,
    contact     BIGINT NOT NULL,
    resource    TEXT NOT NULL,
    is_archived BIGINT NOT NULL,
    PRIMARY KEY (no, contact, resource)
) WITHOUT ROWID;

-- The words of archives, of those only who search in theirs: up to which message, and where each one's words are.
CREATE TABLE searched_archives (
    no   INTEGER PRIMARY KEY,
    upto BIGINT NOT NULL
);
CREATE TABLE message_word_rows (
    entry INTEGER PRIMARY KEY,
    owner BIGINT NOT NULL,
    id    BIGINT NOT NULL
);
CREATE UNIQUE INDEX message_word_rows_id ON message_word_rows (owner, id);
CREATE VIRTUAL TABLE message_words USING fts5(words, scope, tokenize='ascii');
-- What is deleted leaves the index at once, not when its segments happen to be merged.
INSERT INTO message_words (message_words, rank) VALUES ('secure-delete', 1);

-- Conversations.

-- Accounts with which the first messages of strangers wait, and those that are no strangers to an account any more.
CREATE TABLE strangers_wait (
    no INTEGER PRIMARY KEY
);
CREATE TABLE accepted_senders (
    owner  BIGINT NOT NULL,
    sender BIGINT NOT NULL,
    PRIMARY KEY (owner, sender)
) WITHOUT ROWID;

-- What people report with a block, for the administrators. The messages are copies: what was reported stays told, whatever
-- becomes of the archives.
CREATE TABLE reports (
    id       INTEGER PRIMARY KEY,
    created  BIGINT NOT NULL,
    reporter BIGINT NOT NULL,
    reported TEXT NOT NULL,
    reason   TEXT NOT NULL,
    text     TEXT NOT NULL
);
CREATE TABLE report_messages (
    report BIGINT NOT NULL,
    place  BIGINT NOT NULL,
    stanza BLOB NOT NULL,
    PRIMARY KEY (report, place)
) WITHOUT ROWID;

-- Push: whom to tell that something came while nobody reads. A service is the address of an app server (with a node and
-- what is to stand beside each publication), or the URL at a push service that leads to a browser (with the browser's
-- public key and secret). The resource is the client's that asked for it.
CREATE TABLE push_registrations (
    id         INTEGER PRIMARY KEY,
    no         BIGINT NOT NULL,
    service    TEXT NOT NULL,
    node       TEXT NOT NULL,
    options    BLOB,
    public_key BLOB,
    secret     BLOB,
    shows_text BIGINT NOT NULL,
    resource   TEXT NOT NULL,
    device     BIGINT,
    created    BIGINT NOT NULL
);
CREATE UNIQUE INDEX push_registrations_service ON push_registrations (service, node, no);
CREATE INDEX push_registrations_no ON push_registrations (no);

-- Signing in. A device shows a token of its own, of which a hash is kept, or is a client that proves tokens which the server
-- gives it and changes; it is known by what it calls itself. Those tokens are not kept: each is made anew from its seed and a key
-- that is in no database.
CREATE TABLE all_devices (
    id         INTEGER PRIMARY KEY,
    no         BIGINT NOT NULL,
    token_hash BLOB,
    client     TEXT,
    label      TEXT NOT NULL,
    created    BIGINT NOT NULL,
    last_used  BIGINT NOT NULL,
    expires    BIGINT NOT NULL
);
INSERT INTO all_devices SELECT id, no, token_hash, NULL, label, created, last_used, expires FROM devices;
DROP TABLE devices;
ALTER TABLE all_devices RENAME TO devices;
CREATE INDEX devices_no ON devices (no);
CREATE UNIQUE INDEX devices_token ON devices (token_hash) WHERE token_hash IS NOT NULL;
CREATE UNIQUE INDEX devices_client ON devices (no, client) WHERE client IS NOT NULL;
CREATE TABLE client_tokens (
    device    BIGINT NOT NULL,
    is_used   BIGINT NOT NULL,
    mechanism TEXT NOT NULL,
    seed      BLOB NOT NULL,
    issued    BIGINT NOT NULL,
    expires   BIGINT NOT NULL,
    shown     BIGINT,
    PRIMARY KEY (device, is_used)
) WITHOUT ROWID;

-- Subscriptions whose notifications come several at a time: up to when each was told.
CREATE TABLE digests (
    node  BIGINT NOT NULL,
    no    BIGINT NOT NULL,
    subid BIGINT NOT NULL,
    sent  BIGINT NOT NULL,
    PRIMARY KEY (node, no, subid)
) WITHOUT ROWID;

-- Endpoints at which other apps' servers push to a person's phone by way of its XMPP app (UnifiedPush). The token is the
-- last part of the endpoint's address; whoever has it may push.
CREATE TABLE unified_push (
    token       TEXT NOT NULL PRIMARY KEY,
    no          BIGINT NOT NULL,
    resource    TEXT NOT NULL,
    application TEXT NOT NULL,
    instance    TEXT NOT NULL,
    expires     BIGINT NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX unified_push_no ON unified_push (no, resource, application, instance);
CREATE INDEX unified_push_expires ON unified_push (expires);
