-- What posts have to do with each other, and what people are told of it. Rows are written and removed with the item
-- that says so; what they point to may be gone, and is looked up when they are read.

-- Replies: the item answered, and the first post of the thread.
CREATE TABLE item_parents (
    post_id INTEGER PRIMARY KEY,
    parent  BIGINT NOT NULL,
    root    BIGINT NOT NULL,
    by      BIGINT NOT NULL
);
CREATE INDEX item_parents_root ON item_parents (root, post_id);
CREATE INDEX item_parents_parent ON item_parents (parent, post_id);
CREATE INDEX item_parents_by ON item_parents (by, post_id);

-- Boosts: one of a person and a post.
CREATE TABLE item_boosts (
    post_id INTEGER PRIMARY KEY,
    target  BIGINT NOT NULL,
    by      BIGINT NOT NULL
);
CREATE UNIQUE INDEX item_boosts_target ON item_boosts (target, by);

-- Likes: source is the item that says so. A person may say it twice, and counts once.
CREATE TABLE item_likes (
    target BIGINT NOT NULL,
    by     BIGINT NOT NULL,
    source BIGINT NOT NULL,
    PRIMARY KEY (target, by, source)
) WITHOUT ROWID;
CREATE INDEX item_likes_source ON item_likes (source);

-- What an account is told. The post concerned is the subject, the item that brought it about the source; a new
-- follower has neither. One that was undone is kept for a day, so that doing it again makes no second one.
CREATE TABLE notifications (
    id      INTEGER PRIMARY KEY,
    owner   BIGINT NOT NULL,
    type    TEXT NOT NULL,
    by      BIGINT NOT NULL,
    subject BIGINT,
    source  BIGINT,
    created BIGINT NOT NULL,
    undone  BIGINT NOT NULL
);
CREATE INDEX notifications_owner ON notifications (owner, id);
CREATE INDEX notifications_by ON notifications (by, owner);
CREATE INDEX notifications_subject ON notifications (subject);
CREATE INDEX notifications_source ON notifications (source);
CREATE INDEX notifications_undone ON notifications (id) WHERE undone = 1;

-- Up to which notification an account has read.
CREATE TABLE notification_reads (
    owner INTEGER PRIMARY KEY,
    upto  BIGINT NOT NULL
);

-- Nodes whose name is computed from an item, once something was written there.
CREATE TABLE computed_nodes (
    node   INTEGER PRIMARY KEY,
    target BIGINT NOT NULL
);
CREATE INDEX computed_nodes_target ON computed_nodes (target);
CREATE INDEX nodes_listed ON nodes (owner, name) WHERE deleted = 0 AND kind <> 'computed';

CREATE INDEX subscriptions_pending ON subscriptions (node) WHERE state = 'pending';
