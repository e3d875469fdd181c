-- Publish-subscribe whole.

-- People's feeds of posts besides their main blogs.
CREATE TABLE feeds (
    node INTEGER PRIMARY KEY
);

-- Subscriptions: an address may have several to a node, told apart by their ids; `expires` is when one ends, 0 with its
-- subscriber's presence.
CREATE TABLE several_subscriptions (
    node     BIGINT NOT NULL,
    no       BIGINT NOT NULL,
    resource TEXT NOT NULL,
    subid    TEXT NOT NULL,
    state    TEXT NOT NULL,
    options  TEXT,
    created  BIGINT NOT NULL,
    expires  BIGINT,
    PRIMARY KEY (node, no, resource, subid)
) WITHOUT ROWID;
INSERT INTO several_subscriptions
    SELECT node, no, resource, subid, state, options, created, NULL FROM subscriptions;
DROP TABLE subscriptions;
ALTER TABLE several_subscriptions RENAME TO subscriptions;
CREATE INDEX subscriptions_no ON subscriptions (no);
CREATE INDEX subscriptions_pending ON subscriptions (node) WHERE state = 'pending';
CREATE INDEX subscriptions_expires ON subscriptions (expires) WHERE expires IS NOT NULL;

-- The directory of communities, by activity; what is said there of one follows its configuration. The index holds those
-- that everybody may find.
CREATE TABLE communities (
    node      INTEGER PRIMARY KEY,
    service   BIGINT NOT NULL,
    active    BIGINT NOT NULL,
    is_listed BIGINT NOT NULL,
    words     TEXT NOT NULL,
    tags      TEXT NOT NULL
);
CREATE INDEX communities_active ON communities (service, active) WHERE is_listed = 1;

-- The public stream and catching up.

-- What is gone, by its place in the order of commits; only the newest are kept, and numbered without gaps. Without an item id
-- it is all that the node held until then. What left only the public stream is there still.
CREATE TABLE gone_items (
    no         INTEGER PRIMARY KEY,
    seq        BIGINT NOT NULL,
    node       BIGINT NOT NULL,
    item_id    TEXT,
    post_id    BIGINT NOT NULL,
    was_public BIGINT NOT NULL,
    is_gone    BIGINT NOT NULL
);
CREATE INDEX gone_items_node ON gone_items (node, seq) WHERE is_gone = 1;
CREATE INDEX gone_items_public ON gone_items (seq) WHERE was_public = 1;
-- A node's items by their last change, for catching up and for XEP-0413.
CREATE INDEX items_node_seq ON items (node, seq);
CREATE INDEX items_public_seq ON items (seq) WHERE in_public = 1;

-- When it last changed how two people stand to each other, and who may read a node.
CREATE TABLE relation_changes (
    no    BIGINT NOT NULL,
    other BIGINT NOT NULL,
    seq   BIGINT NOT NULL,
    PRIMARY KEY (no, other)
) WITHOUT ROWID;
ALTER TABLE nodes ADD COLUMN changed BIGINT NOT NULL DEFAULT 0;

-- Whether its author keeps it out of the public stream and the tags. The public items of such a node have 2 for in_public.
ALTER TABLE nodes ADD COLUMN is_unlisted BIGINT NOT NULL DEFAULT 0;

-- Reading and search. What items say: the words are folded and split before they come here, so the plainest tokenizer
-- does. `scope` says where an item is searched for: in its node, and in the public stream. Only this table is SQLite's
-- alone. What is stored already is indexed afterwards, in slices, by a job.
CREATE VIRTUAL TABLE item_words USING fts5(words, scope, content='', contentless_delete=1, tokenize='ascii');
INSERT INTO jobs (kind, subject, state, created)
    SELECT 'index-words', 0, '0', 0 WHERE EXISTS (SELECT 1 FROM items);

-- Subscriptions that their subscribers show to everybody.
CREATE TABLE shown_subscriptions (
    node BIGINT NOT NULL,
    no   BIGINT NOT NULL,
    PRIMARY KEY (node, no)
) WITHOUT ROWID;
CREATE INDEX shown_subscriptions_no ON shown_subscriptions (no, node);
