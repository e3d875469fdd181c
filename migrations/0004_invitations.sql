-- Invitations are kept for a while after their end, so that whoever comes late is told what happened.

ALTER TABLE invites ADD COLUMN localpart TEXT NOT NULL DEFAULT '';
ALTER TABLE invites ADD COLUMN uses BIGINT NOT NULL DEFAULT 0;
ALTER TABLE invites ADD COLUMN revoked BIGINT NOT NULL DEFAULT 0;
UPDATE invites SET uses = uses_left;
CREATE INDEX invites_created_by ON invites (created_by);
